/**
 * The work queue of both syncs, as `fb_ads.sync_jobs` keeps it: claim, release. Storing a page is the business of the
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
    "event_quality",
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
  /** Optional fields that Meta refuses for the account. */
  refused_fields: z.array(z.string()),
  /** Largest page that Meta gives of the account; null: it has refused none. */
  page_max: z.number().int().nullable(),
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
  /** The invocation, a row of `fb_ads.sync_runs`. */
  run_id: string;
  /** The function, which decides the kinds of job. */
  function_slug: string;
  /** First 16 hex digits of the token's SHA-256. */
  token_fingerprint: string;
  /** Digits; absent: every account. */
  account_ids?: string[];
}

/** What a usage header said, as `fb_ads.quotas` keeps it. */
export interface UsageRow {
  /** Whose quota it is. */
  scope: "app" | "account";
  /** Digits of the account; `default` for the app. */
  key: string;
  /** Meta's name, such as `ads_insights`; empty where the quota is of every use. */
  use_case: string;
  /** The worst of the header's percentages. */
  usage_percent: number;
  /** Seconds until access is back; 0 while it is not lost. */
  regain_seconds: number;
  /** Meta's name of the tier; null where the header names none. */
  access_tier: string | null;
}

/** Throttles a job together with all that spend the same quota. */
export interface Throttle {
  /** The job's account, or every account of the app. */
  scope: "app" | "account";
  /** `ads_management`, `ads_insights`, or empty for every use case. */
  use_case: string;
  /** Seconds from now. */
  seconds: number;
  /** They are the quota's whole window: shorter, where its use began to rise a while ago. */
  is_window?: boolean;
  /** What Meta answered; null when the usage alone was reason enough. */
  error: JobError | null;
}

/** What is kept of a failure: no message of Meta's, no token, no URL. */
export interface JobError {
  /** Our code, such as `meta_rate_limited`. */
  code: string;
  /** The row of the error table, such as `token_expired`. */
  reason: string;
  /** Our words. */
  message: string;
  /** Meta's `code`. */
  meta_code: number | null;
  /** Meta's `error_subcode`. */
  error_subcode: number | null;
  /** What Meta's support asks for. */
  fbtrace_id: string | null;
}

/** How a job is released without a page. */
export interface Release {
  /** What becomes of the job. */
  outcome: "release" | "retry" | "restart" | "throttle" | "stop_token" | "stop_account" | "fail";
  /** What went wrong; absent when nothing did. */
  error?: JobError;
  /** Usage headers of the last answer. */
  usage?: UsageRow[];
  /** Size of the next page; absent: as it was. */
  page_size?: number;
  /** What the next page must know of this job; absent: as it was. */
  params?: Record<string, unknown>;
  /** How long to stay away, with the outcome `throttle`. */
  throttle?: Throttle;
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

/** Releases a job. @throws {DatabaseError} with `PT409` when another worker holds it by now */
export async function releaseSyncJob(
  database: Database,
  job: SyncJob,
  release: Release,
): Promise<"pending" | "failed"> {
  const answer = await database.call("fb_release_sync_job", { job_id: job.id, lease_id: job.lease_id, ...release });
  return z.object({ state: z.enum(["pending", "failed"]) }).parse(answer).state;
}
