/**
 * Storing pages of the metadata sync: rows, cursor and the next job in one transaction. Rows have the names of their
 * columns; an upsert that changes nothing writes nothing, so a page may be stored again.
 *
 * @module
 */

import { z } from "zod";
import type { Database } from "./rpc.ts";
import { NextJobSchema, type SyncJob, type Throttle, type UsageRow } from "./sync_jobs.ts";

/** What is stored with every page, whatever it holds. */
export interface PageCheckpoint {
  /** Where the next page begins; null at the end. */
  next_cursor: string | null;
  /** Whether this was the list's last page. */
  done: boolean;
  /** Size of the next page. */
  page_size?: number;
  /** Largest page that Meta gives, where it has refused a larger one of this job; null: it has not. */
  page_max?: number | null;
  /** Rows received from Meta, the undecodable ones included. */
  row_count: number;
  /** What the next page must know of this job, such as refused fields; absent: as it was. */
  params?: Record<string, unknown>;
  /** Usage headers of the answer. */
  usage: UsageRow[];
  /** Set when a quota is nearly spent: the job is released with the page. */
  throttle: Throttle | null;
}

/** One page of a list. */
export interface AdTreePage extends PageCheckpoint {
  /** Decoded objects, with Meta's names. */
  rows: object[];
  /** Every id that the page held, also of objects that could not be decoded. */
  fb_ids: string[];
  /** Fields that were not asked for, because Meta refused them. */
  dropped_fields: string[];
}

/** Objects that were read by id. */
export interface AdTreeObjects extends PageCheckpoint {
  /** Account of the objects, where it need not be the job's. */
  fb_account_id?: string;
  /** Decoded campaigns. */
  campaigns: object[];
  /** Decoded ad sets. */
  adsets: object[];
  /** Decoded ads. */
  ads: object[];
  /** Ids that Meta does not know: deleted. */
  missing_ids: string[];
  /** Fields that were not asked for, because Meta refused them. */
  dropped_fields: string[];
}

const StoredSchema = z.object({
  state: z.enum(["running", "done", "throttled", "restarted"]),
  next_job: NextJobSchema,
});

/** What became of the job; `next_job` is already held by this worker. */
export type StoredPage = z.infer<typeof StoredSchema>;

/** Stores a page of a list. @throws {DatabaseError} with `PT409` when another worker holds the job by now */
export async function storeAdTreePage(database: Database, job: SyncJob, page: AdTreePage): Promise<StoredPage> {
  return StoredSchema.parse(
    await database.call("fb_store_ad_tree_page", { job_id: job.id, lease_id: job.lease_id, ...page }),
  );
}

/** Stores objects read by id. @throws {DatabaseError} with `PT409` when another worker holds the job by now */
export async function storeAdTreeObjects(database: Database, job: SyncJob, page: AdTreeObjects): Promise<StoredPage> {
  return StoredSchema.parse(
    await database.call("fb_store_ad_tree_objects", { job_id: job.id, lease_id: job.lease_id, ...page }),
  );
}
