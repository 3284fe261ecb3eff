/**
 * Storing what the insights sync reads: pages of daily figures, the state of a report at Meta, and what is to become of a
 * range that was too large. Rows and checkpoint are one transaction, as in `ad_tree.ts`.
 *
 * @module
 */

import { z } from "zod";
import type { PageCheckpoint } from "./ad_tree.ts";
import type { Database } from "./rpc.ts";
import type { SyncJob } from "./sync_jobs.ts";

/** One page of daily figures; rows have the names of their columns and Meta's ids. */
export interface InsightsPage extends PageCheckpoint {
  rows: object[];
  /** Fields that Meta refused; the rows are marked with them. */
  dropped_fields: string[];
}

const StoredSchema = z.object({
  state: z.enum(["running", "done", "parked", "restarted"]),
  next_job: z.null(),
});

/** What became of the job. */
export type StoredInsights = z.infer<typeof StoredSchema>;

/**
 * Stores a page of insights. At the end of a range that was read completely, what Meta no longer reports is deleted.
 *
 * @throws {DatabaseError} with `PT409` when another worker holds the job by now
 */
export async function storeInsightsPage(database: Database, job: SyncJob, page: InsightsPage): Promise<StoredInsights> {
  return StoredSchema.parse(
    await database.call("fb_store_insights_page", { job_id: job.id, lease_id: job.lease_id, ...page }),
  );
}
