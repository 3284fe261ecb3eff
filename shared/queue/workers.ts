/**
 * The workers of one invocation: each works on one account at a time, so that a few accounts are in flight and none
 * twice. A worker without work waits for the others' progress, which may plan jobs for it, or for a report that is due
 * within seconds, and ends when all are idle.
 *
 * @module
 */

import { type Claim, claimSyncJob, type SyncJob } from "../database/sync_jobs.ts";
import type { SyncRun } from "./run.ts";
import { release } from "./page_loop.ts";

/** Works on one job; returns the account's next job when it already holds that one. */
export type WorkOnJob = (run: SyncRun, job: SyncJob) => Promise<SyncJob | null>;

/** A report that is due later than this is left to the next invocation. */
const LONGEST_WAIT_MS = 15_000;
/** Who waits claims that often, for the claim is also the heartbeat that keeps the slot for five seconds. */
const HEARTBEAT_MS = 3_000;

/** Works until nothing is claimable or the run stops. Every job that was claimed is done, throttled or released. */
export async function runWorkers(run: SyncRun, work: WorkOnJob): Promise<void> {
  let busy = 0;

  async function claim(): Promise<Pick<Claim, "job" | "poll_in_seconds">> {
    if (run.stopped() !== false) return { job: null, poll_in_seconds: null };
    run.budget.count({ calls: 1 });
    // None for a stopped token either, but for the one job that probes it: when that goes well, the others follow.
    return await claimSyncJob(run.database, run.scope);
  }

  /** Resolves when a report may be due; null when that is too far off for this invocation to wait for. */
  function nextPoll(seconds: number | null): Promise<void> | null {
    const ms = seconds === null ? Infinity : Math.max(50, seconds * 1000);
    if (ms > LONGEST_WAIT_MS || ms > run.budget.left().wall_ms) return null;
    return run.sleep(Math.min(ms, HEARTBEAT_MS));
  }

  async function workThrough(first: SyncJob): Promise<void> {
    let job: SyncJob | null = first;
    while (job !== null) {
      if (run.stopped() !== false) return await release(run, job, { outcome: "release" });
      job = await work(run, job);
    }
  }

  async function worker(): Promise<void> {
    for (;;) {
      // Asked for before the claim, so that no progress slips in between.
      const progress = run.nextProgress();
      const { job, poll_in_seconds } = await claim();
      if (job !== null) {
        busy += 1;
        try {
          await workThrough(job);
        } finally {
          busy -= 1;
          run.progressed();
        }
        continue;
      }
      if (run.stopped() !== false) return;
      const poll = nextPoll(poll_in_seconds);
      if (poll !== null) await Promise.race([poll, progress]);
      else if (busy > 0) await progress;
      else return;
    }
  }

  const workers = Array.from({ length: run.settings.accounts_in_flight }, () => worker());
  const ended = await Promise.allSettled(workers);
  const failed = ended.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
