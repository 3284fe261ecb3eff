/**
 * Storing what the insights sync reads: pages of daily figures, the state of a report at Meta, and what is to become of
 * a range that was too large. Rows and checkpoint are one transaction, as in `ad_tree.ts`.
 *
 * @module
 */

import { z } from "zod";
import type { PageCheckpoint } from "./ad_tree.ts";
import type { Database } from "./rpc.ts";
import type { SyncJob } from "./sync_jobs.ts";

/** One page of daily figures; rows have the names of their columns and Meta's ids. */
export interface InsightsPage extends PageCheckpoint {
  /** The figures. */
  rows: object[];
  /** Fields that Meta refused; the rows are marked with them. */
  dropped_fields: string[];
  /** Statuses of ads that were asked for: an ad of another one has not vanished when it is on no page. */
  effective_statuses: readonly string[];
}

const StoredSchema = z.object({
  state: z.enum(["running", "done", "throttled", "restarted"]),
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

/** One page of an account's daily totals. */
export interface AccountDaysPage extends PageCheckpoint {
  /** Meta's totals; a day without one is a day without spend. */
  rows: { date: string; spend: string }[];
}

const DifferencesSchema = z.array(z.object({
  date: z.string(),
  our_spend: z.string(),
  meta_spend: z.string(),
  difference: z.string(),
}));

/** Days whose sum is not Meta's, though they were read again. */
export type Differences = z.infer<typeof DifferencesSchema>;

/**
 * Stores a page of Meta's totals and compares them with our sums; at the end, days that are off are planned to be read
 * once more, and those that stay off are returned.
 *
 * @throws {DatabaseError} with `PT409` when another worker holds the job by now
 */
export async function storeAccountDays(
  database: Database,
  job: SyncJob,
  page: AccountDaysPage,
): Promise<StoredInsights & { differences: Differences }> {
  return StoredSchema.extend({ differences: DifferencesSchema }).parse(
    await database.call("fb_store_account_days", { job_id: job.id, lease_id: job.lease_id, ...page }),
  );
}

/**
 * Stores an account that had never been read and plans its days anew, by its own calendar.
 *
 * @throws {DatabaseError} with `PT409` when another worker holds the job by now
 */
export async function replanInsights(database: Database, job: SyncJob, account: object): Promise<void> {
  await database.call("fb_replan_insights", { job_id: job.id, lease_id: job.lease_id, account });
}
