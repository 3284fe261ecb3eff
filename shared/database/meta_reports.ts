/**
 * The state of a report at Meta, kept between two looks at it, and ranges that are released in another shape.
 *
 * @module
 */

import { z } from "zod";
import type { Database } from "./rpc.ts";
import type { JobError, SyncJob, Throttle, UsageRow } from "./sync_jobs.ts";

/** What is kept of a report; its job is released with it. */
export interface ReportState {
  /** Null: a new report is to be made. */
  report_run_id: string | null;
  /** Added to the job's `params`. */
  params: Record<string, unknown>;
  /** When to look again. */
  wait_seconds: number;
  /** Pages read so far do not count. */
  restart?: boolean;
  /** Why, where something went wrong. */
  error?: JobError;
  /** What the usage headers said. */
  usage?: UsageRow[];
  /** The quota that is nearly spent. */
  throttle?: Throttle | null;
}

/** Stores where a report stands and releases its job. @throws {DatabaseError} with `PT409` as for every write */
export async function storeReport(database: Database, job: SyncJob, state: ReportState): Promise<void> {
  await database.call("fb_store_report", { job_id: job.id, lease_id: job.lease_id, ...state });
}

/** How a range is to change: read by a report, split, or begin later. */
export interface Reshape {
  /** By a report; in parts; without its first day; by a list of our own ads. */
  how: "report" | "split" | "clamp" | "list";
  /** What Meta refused it with. */
  error?: JobError;
  /** What the usage headers said. */
  usage?: UsageRow[];
  /** A quota that is spent. */
  throttle?: Throttle;
}

const ReshapedSchema = z.object({
  result: z.enum(["report", "date", "ads", "known", "none", "clamped", "nothing_left"]),
});

/** Releases a job in another shape; after `none` (nothing left to split by) it is still held. */
export async function reshapeInsights(
  database: Database,
  job: SyncJob,
  reshape: Reshape,
): Promise<z.infer<typeof ReshapedSchema>["result"]> {
  const answer = await database.call("fb_reshape_insights", { job_id: job.id, lease_id: job.lease_id, ...reshape });
  return ReshapedSchema.parse(answer).result;
}
