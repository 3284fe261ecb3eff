/**
 * The lanes of one invocation: each works on one account at a time, so that a few accounts are in flight and none
 * twice. A lane without work waits for the others' progress, which may plan jobs for it, or for a report that is due
 * within seconds, and ends when all are idle.
 *
 * @module
 */

import { type Claim, claimSyncJob, type SyncJob } from "../database/sync_jobs.ts";
import type { SyncSession } from "./session.ts";
import { release } from "./page_loop.ts";

/** Works on one job; returns the account's next job when it already holds that one. */
export type WorkOnJob = (session: SyncSession, job: SyncJob) => Promise<SyncJob | null>;

/** A report that is due later than this is left to the next invocation. */
const LONGEST_WAIT_MS = 15_000;
/** Who waits claims that often, for the claim is also the sign of life that keeps the slot for five seconds. */
const SIGN_OF_LIFE_MS = 3_000;

/** Works until nothing is claimable or the session stops. Every job that was claimed is done, parked or given back. */
export async function runLanes(session: SyncSession, work: WorkOnJob): Promise<void> {
  let busy = 0;

  async function claim(): Promise<Pick<Claim, "job" | "poll_in_seconds">> {
    if (session.stopped() !== false) return { job: null, poll_in_seconds: null };
    session.budget.count({ calls: 1 });
    // None for a stopped token either, but for the one job that probes it: when that goes well, the others follow.
    return await claimSyncJob(session.database, session.scope);
  }

  /** Resolves when a report may be due; null when that is too far off for this invocation to wait for. */
  function nextPoll(seconds: number | null): Promise<void> | null {
    const ms = seconds === null ? Infinity : Math.max(50, seconds * 1000);
    if (ms > LONGEST_WAIT_MS || ms > session.budget.left().wall_ms) return null;
    return session.sleep(Math.min(ms, SIGN_OF_LIFE_MS));
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
      const { job, poll_in_seconds } = await claim();
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
      if (session.stopped() !== false) return;
      const poll = nextPoll(poll_in_seconds);
      if (poll !== null) await Promise.race([poll, progress]);
      else if (busy > 0) await progress;
      else return;
    }
  }

  const lanes = Array.from({ length: session.settings.accounts_in_flight }, () => lane());
  const ended = await Promise.allSettled(lanes);
  const failed = ended.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
