/**
 * The beginning and the end of one invocation of a sync: what is planned, whether there is a slot, what came of it.
 *
 * @module
 */

import { z } from "zod";
import type { JobError } from "./sync_jobs.ts";
import type { Database } from "./rpc.ts";

/** What an invocation asks for. */
export interface StartRequest {
  /** The function, which decides what is planned. */
  function_slug: string;
  /** First 16 hex digits of the token's SHA-256. */
  token_fingerprint: string;
  /** Version of the Graph API: what Meta refused under another one is tried again. */
  api_version: string;
  /** When the request came in; a plan made since then serves it too. */
  arrived_at: string;
  /** What `FB_ADS_ACCOUNT_IDS` says. */
  configured: { mode: "none" | "all" | "list"; ids: string[] };
  /** Digits; absent: every enabled account. */
  account_ids?: string[] | undefined;
  /** Begin half-read lists anew. */
  full?: boolean | undefined;
  /** Only go on with what is planned. */
  resume?: boolean | undefined;
  /** Only today and yesterday. */
  refresh?: boolean | undefined;
  /** First day of a backfill, `YYYY-MM-DD`. */
  since?: string | undefined;
  /** Its last day, inclusive. */
  until?: string | undefined;
}

const StartSchema = z.object({
  run_id: z.string().nullable(),
  slot: z.boolean(),
  refused: z.array(z.object({ fb_account_id: z.string(), reason: z.enum(["unknown", "disabled"]) })),
  jobs_left: z.number().int().optional(),
  settings: z.object({
    accounts_in_flight: z.number().int(),
    metadata_page_size_max: z.number().int(),
    insights_page_size: z.number().int(),
    insights_page_size_max: z.number().int(),
    usage_brake_percent: z.number(),
  }).optional(),
});

/** A started invocation, or the accounts for which it was refused. */
export type StartedRun = z.infer<typeof StartSchema>;

const JobCountsSchema = z.object({ done: z.number().int(), left: z.number().int(), failed: z.number().int() });

/** Jobs of an invocation: brought to their end, still open, given up. */
export type JobCounts = z.infer<typeof JobCountsSchema>;

/** What an invocation did. */
export interface RunSummary {
  /** The invocation, a row of `fb_ads.sync_runs`. */
  run_id: string;
  /** The accounts that were asked for; absent: every enabled account. */
  account_ids?: string[];
  /** Rows received from Meta by kind of job. */
  rows: Record<string, number>;
  /** Requests sent to Meta. */
  graph_calls: number;
  /** At most 50. */
  warnings: RunWarning[];
  /** Why the invocation as a whole ended early; null when it did not. */
  error: Pick<JobError, "code" | "message"> | null;
}

/** Something a person should know but need not act on at once. */
export interface RunWarning {
  /** A word for machines. */
  code: string;
  /** A sentence for people. */
  message: string;
  /** The account it is about; absent when it is about none. */
  fb_account_id?: string;
  /** Ids, fields or other plain facts; never personal data. */
  facts?: Record<string, unknown>;
}

/** Plans the jobs and takes a slot; with refused accounts nothing is started. */
export async function startSyncRun(database: Database, request: StartRequest): Promise<StartedRun> {
  return StartSchema.parse(await database.call("fb_start_sync_run", { ...request }));
}

const SlotSchema = z.object({ slot: z.boolean(), jobs_left: z.number().int().optional() });

/** Takes a slot for an invocation that found none before, if one has become free. */
export async function takeSyncSlot(
  database: Database,
  request: { run_id: string; account_ids?: string[] },
): Promise<z.infer<typeof SlotSchema>> {
  return SlotSchema.parse(await database.call("fb_take_sync_slot", { ...request }));
}

/** Ends an invocation and frees its slot. */
export async function finishSyncRun(database: Database, summary: RunSummary): Promise<JobCounts> {
  return JobCountsSchema.parse(await database.call("fb_finish_sync_run", { ...summary }));
}
