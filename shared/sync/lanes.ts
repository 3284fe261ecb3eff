/**
 * The lanes of one invocation: each works on one account at a time, so that a few accounts are in flight and none twice.
 * A lane without work waits for the others' progress, which may plan jobs for it, and ends when all are idle.
 *
 * @module
 */

import { claimSyncJob, type SyncJob } from "../database/sync_jobs.ts";
import type { SyncSession } from "./session.ts";
import { release } from "./page_loop.ts";

/** Works on one job; returns the account's next job when it already holds that one. */
export type WorkOnJob = (session: SyncSession, job: SyncJob) => Promise<SyncJob | null>;

/** Works until nothing is claimable or the session stops. Every job that was claimed is done, parked or given back. */
export async function runLanes(session: SyncSession, work: WorkOnJob): Promise<void> {
  let busy = 0;

  async function claim(): Promise<SyncJob | null> {
    if (session.stopped() !== false) return null;
    session.budget.count({ calls: 1 });
    const { job, reason } = await claimSyncJob(session.database, session.scope);
    if (reason === "token_stopped") session.stop("token_stopped");
    return job;
  }

  async function workThrough(first: SyncJob): Promise<void> {
    let job: SyncJob | null = first;
    while (job !== null) {
      if (session.stopped() !== false) return await release(session, job, { outcome: "yield" });
      job = await work(session, job);
    }
  }

  async function lane(): Promise<void> {
    for (;;) {
      // Asked for before the claim, so that no progress slips in between.
      const progress = session.nextProgress();
      const job = await claim();
      if (job !== null) {
        busy += 1;
        try {
          await workThrough(job);
        } finally {
          busy -= 1;
          session.progressed();
        }
        continue;
      }
      if (busy === 0 || session.stopped() !== false) return;
      await progress;
    }
  }

  const lanes = Array.from({ length: session.settings.accounts_in_flight }, () => lane());
  const ended = await Promise.allSettled(lanes);
  const failed = ended.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
