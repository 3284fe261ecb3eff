/**
 * The work queue of both syncs, as `fb_ads.sync_jobs` keeps it: claim, give back. Storing a page is the business of the
 * kind of job (`ad_tree.ts`), because rows and checkpoint are one transaction. Every write carries the job's lease.
 *
 * @module
 */

import { z } from "zod";
import type { Database } from "./rpc.ts";

const SyncJobSchema = z.object({
  id: z.number().int(),
  kind: z.enum([
    "accounts",
    "account",
    "campaigns",
    "adsets",
    "ads",
    "objects",
    "insights",
    "reconciliation",
    "missing_objects",
  ]),
  lease_id: z.string(),
  /** Digits of the ad account; null for the discovery of accounts. */
  fb_account_id: z.string().nullable(),
  currency: z.string().nullable(),
  timezone_name: z.string().nullable(),
  since: z.string().nullable(),
  until: z.string().nullable(),
  object_level: z.enum(["campaign", "adset", "ad"]).nullable(),
  object_ids: z.array(z.string()).nullable(),
  params: z.record(z.string(), z.unknown()),
  /** Meta's cursor after the last stored page. */
  cursor: z.string().nullable(),
  page_size: z.number().int().nullable(),
  page_count: z.number().int(),
  report_run_id: z.string().nullable(),
  /** Failures in a row without a page between them. */
  attempts: z.number().int(),
});

/** A job that this worker holds. */
export type SyncJob = z.infer<typeof SyncJobSchema>;

const ClaimSchema = z.object({
  job: SyncJobSchema.nullable(),
  reason: z.string().optional(),
  poll_in_seconds: z.number().nullish(),
});

/** Decodes the job that a SQL function hands on; null when it hands on none. */
export const NextJobSchema: z.ZodType<SyncJob | null> = SyncJobSchema.nullable();

/** Whose jobs to claim. */
export interface ClaimScope {
  run_id: string;
  function_slug: string;
  /** First 16 hex digits of the token's SHA-256. */
  token_fingerprint: string;
  /** Digits; absent: every account. */
  account_ids?: string[];
}

/** What a usage header said, as `fb_ads.rate_limits` keeps it. */
export interface UsageRow {
  scope: "app" | "account";
  key: string;
  use_case: string;
  usage_percent: number;
  regain_seconds: number;
  access_tier: string | null;
}

/** Parks a job together with all that spend the same quota. */
export interface Park {
  scope: "app" | "account";
  /** `ads_management`, `ads_insights`, or empty for every use case. */
  use_case: string;
  seconds: number;
  error: JobError | null;
}

/** What is kept of a failure: no message of Meta's, no token, no URL. */
export interface JobError {
  code: string;
  reason: string;
  message: string;
  meta_code: number | null;
  error_subcode: number | null;
  fbtrace_id: string | null;
}

/** How a job is given back without a page. */
export interface Release {
  outcome: "yield" | "retry" | "restart" | "park" | "stop_token" | "stop_account" | "fail";
  error?: JobError;
  usage?: UsageRow[];
  page_size?: number;
  params?: Record<string, unknown>;
  park?: Park;
  /** Null: the report of the job is over. Absent: it stays. */
  report_run_id?: null;
}

/** What a claim came to. */
export interface Claim {
  /** Null when there is none for this worker. */
  job: SyncJob | null;
  /** Why there is none. */
  reason: string | null;
  /** When the next report under way at Meta is to be looked at; null when none is. */
  poll_in_seconds: number | null;
}

/** Claims the most urgent job. */
export async function claimSyncJob(database: Database, scope: ClaimScope): Promise<Claim> {
  const claim = ClaimSchema.parse(await database.call("fb_claim_sync_job", { ...scope }));
  return { job: claim.job, reason: claim.reason ?? null, poll_in_seconds: claim.poll_in_seconds ?? null };
}

/** Gives a job back. @throws {DatabaseError} with `PT409` when another worker holds it by now */
export async function releaseSyncJob(
  database: Database,
  job: SyncJob,
  release: Release,
): Promise<"pending" | "failed"> {
  const answer = await database.call("fb_release_sync_job", { job_id: job.id, lease_id: job.lease_id, ...release });
  return z.object({ state: z.enum(["pending", "failed"]) }).parse(answer).state;
}
