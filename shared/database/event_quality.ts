/**
 * Storing what Meta says of a pixel's events: rows and the end of the job in one transaction.
 *
 * @module
 */

import { z } from "zod";
import type { Database } from "./rpc.ts";
import type { JobError, SyncJob } from "./sync_jobs.ts";

/** What one read of a pixel came to. */
export interface EventQualityPage {
  /** Rows with the columns of `ad_event_quality`. */
  rows: object[];
  /** Why Meta says nothing of the pixel; null where it answered. */
  refusal: JobError | null;
  /** Whether Meta answered; false keeps what was known of a refusal. */
  is_answered: boolean;
  /** Name of the token that was asked with; null where Vault had none. */
  token_fingerprint: string | null;
  /** Elements received from Meta. */
  row_count: number;
  /** What the job notes, such as refused fields. */
  params: Record<string, unknown>;
}

const StoredSchema = z.object({ state: z.literal("done"), next_job: z.null() });

/** Stores it and ends the job. @throws {DatabaseError} with `PT409` when another worker holds the job by now */
export async function storeEventQuality(
  database: Database,
  job: SyncJob,
  page: EventQualityPage,
): Promise<z.infer<typeof StoredSchema>> {
  const request = { job_id: job.id, lease_id: job.lease_id, done: true, ...page };
  return StoredSchema.parse(await database.call("fb_store_event_quality", request));
}
