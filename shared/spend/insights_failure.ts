/**
 * What becomes of a range that Meta does not answer: by a report instead of at once, in halves by date, then by ads,
 * and at one ad and one day without the field that spoils it. Totals of an account go the same way as far as they can.
 * Throttles are none of this: a blocked account is throttled, for splitting would make more calls while blocked.
 *
 * @module
 */

import { type Reshape, reshapeInsights, storeReport } from "../database/meta_reports.ts";
import type { JobError, Release, SyncJob, Throttle, UsageRow } from "../database/sync_jobs.ts";
import { GraphApiError } from "../errors.ts";
import { nextDroppedFields } from "../meta/field_list.ts";
import { ACCOUNT_DAY_FIELDS, INSIGHT_FIELDS } from "../meta/insights.ts";
import {
  buildJobError,
  decideFailure,
  type FailureDecision,
  type PageState,
  throttleOfRefusal,
} from "../queue/failure.ts";
import { droppedFields, notedFields, type OwnDecision, release } from "../queue/page_loop.ts";
import { buildUsageRows } from "../queue/usage.ts";
import type { SyncRun } from "../queue/run.ts";

/** Sets of fields that one ad's day is read without, one after the other, until Meta answers. */
const FIELD_TRIALS: readonly (readonly string[])[] = [
  ...INSIGHT_FIELDS.optional.map((field) => [field]),
  INSIGHT_FIELDS.optional,
];

/** What is known of a refusal, whether it came as an error or inside a failed report. */
export interface Refusal {
  /** What is kept of it. */
  error: JobError;
  /** What the usage headers said. */
  usage: UsageRow[];
  /** A quota that is spent, by the headers of the refusal. */
  throttle?: Throttle;
}

/** Takes a refusal from an error. */
function refusalOf(run: SyncRun, job: SyncJob, failure: GraphApiError): Refusal {
  const throttle = throttleOfRefusal(failure, job, run.clock.now());
  return {
    error: buildJobError(failure),
    usage: buildUsageRows(failure.usage),
    ...(throttle === null ? {} : { throttle }),
  };
}

async function reshape(run: SyncRun, job: SyncJob, how: Reshape["how"], refusal: Refusal): Promise<boolean> {
  const result = await reshapeInsights(run.database, job, { how, ...refusal });
  run.log.info("range reshaped", {
    job_id: job.id,
    fb_account_id: job.fb_account_id,
    since: job.since,
    until: job.until,
    result,
    reason: refusal.error.reason,
  });
  return result !== "none";
}

/** Reads one ad's day with fewer fields; gives up when even spend alone is refused. */
async function tryFewerFields(run: SyncRun, job: SyncJob, refusal: Refusal): Promise<void> {
  const { field_trial } = job.params;
  const trial = typeof field_trial === "number" ? field_trial + 1 : 0;
  const fields = FIELD_TRIALS[trial];
  if (fields === undefined) return await release(run, job, { outcome: "fail", ...refusal });
  run.warn({
    code: "fields_left_out",
    message: "Meta does not report all fields of an ad's day; it is read without some and marked incomplete.",
    fb_account_id: job.fb_account_id,
    facts: { date: job.since, fb_ad_ids: job.object_ids, dropped_fields: fields },
  });
  await storeReport(run.database, job, {
    report_run_id: null,
    // A trial that fails is followed by the next one and not by itself.
    params: {
      report: { restarts: Number.MAX_SAFE_INTEGER },
      field_trial: trial,
      trial_fields: fields,
      dropped_fields: fields,
    },
    wait_seconds: 0,
    restart: true,
    ...refusal,
  });
}

/**
 * Splits a range by date, then by ads, then by field; an account's total of one day has neither ads nor fields to do
 * without. The job is not held any more after it.
 */
export async function splitRange(run: SyncRun, job: SyncJob, refusal: Refusal): Promise<void> {
  if (await reshape(run, job, "split", refusal)) return;
  if (job.kind === "insights") return await tryFewerFields(run, job, refusal);
  run.warn({
    code: "day_not_compared",
    message: "Meta does not report the account's total of a day, however it is asked for; the day is not compared.",
    fb_account_id: job.fb_account_id,
    facts: { date: job.since, reason: refusal.error.reason },
  });
  await release(run, job, { outcome: "fail", ...refusal, report_run_id: null });
}

/** Whether a report should do what Meta does not do at once; one answer that never came may be the network's fault. */
function isTooSlow({ reason }: GraphApiError, job: SyncJob): boolean {
  return reason === "sync_timeout" || reason === "sync_failed" || (reason === "timeout" && job.attempts > 0);
}

/**
 * Decides about a refused request for a range; null leaves it to the common rules.
 *
 * @param state Where the page loop stands; absent when no page was asked for.
 */
export async function reshapeRange(
  run: SyncRun,
  job: SyncJob,
  failure: unknown,
  state?: PageState,
): Promise<OwnDecision | null> {
  if (!(failure instanceof GraphApiError)) return null;
  const refusal = refusalOf(run, job, failure);
  const is_at_once = job.report_run_id === null && job.params.read !== "report";
  if (job.params.is_rest === true && failure.action === "drop_field") {
    // It is the leaving out of ads that Meta refuses, whatever it calls it. Without a list of the other ads the
    // difference stays, and is reported.
    if (!await reshape(run, job, "list", refusal)) {
      await release(run, job, { outcome: "fail", ...refusal, report_run_id: null });
    }
  } else if (failure.action === "clamp") {
    await reshape(run, job, "clamp", refusal);
  } else if (is_at_once && isTooSlow(failure, job)) {
    await reshape(run, job, "report", refusal);
  } else if (failure.action === "split" || (failure.action === "shrink" && (state?.page_size ?? 1) <= 1)) {
    await splitRange(run, job, refusal);
  } else {
    return null;
  }
  return { ended: true };
}

/** Failures in a row after which a report that Meta will not even begin is taken for too large. */
const MAX_STARTS = 3;

function decide(run: SyncRun, job: SyncJob, failure: unknown, dropped_fields: string[]): FailureDecision {
  const fields = job.kind === "reconciliation" ? ACCOUNT_DAY_FIELDS : INSIGHT_FIELDS;
  const state: PageState = {
    cursor: job.cursor,
    page_size: job.page_size ?? run.settings.insights_page_size,
    page_max: job.page_max,
    dropped_fields,
    good_pages: 0,
  };
  return decideFailure(failure, job, state, {
    now: run.clock.now(),
    random: run.random,
    nextDroppedFields: (dropped, field) => nextDroppedFields(fields, dropped, field),
  });
}

/** The fields to leave out after a refusal, to ask for the same again at once; null where it is not about fields. */
export function dropAfter(
  run: SyncRun,
  job: SyncJob,
  failure: unknown,
  dropped_fields: string[],
): string[] | null {
  const decision = decide(run, job, failure, dropped_fields);
  if ("release" in decision || decision.warning === null) return null;
  run.warn({
    code: decision.warning,
    message: "Meta refused a field; it is read without.",
    fb_account_id: job.fb_account_id,
    facts: { kind: job.kind, dropped_fields: decision.again.dropped_fields },
  });
  return decision.again.dropped_fields;
}

/**
 * The common rules, for a request that is no page and so has nothing to shrink.
 *
 * @param more Null where the refusal is the end of the job's report.
 */
export async function releaseFailed(
  run: SyncRun,
  job: SyncJob,
  failure: unknown,
  more: Pick<Release, "report_run_id"> = {},
): Promise<void> {
  // A report that was begun does not know what another range has learned since: what it names may be left out already.
  const asked_without = job.report_run_id === null ? droppedFields(job) : notedFields(job);
  const dropped_fields = dropAfter(run, job, failure, asked_without);
  if (dropped_fields !== null) {
    return await storeReport(run.database, job, {
      report_run_id: null,
      params: { dropped_fields },
      wait_seconds: 0,
    });
  }
  const decision = decide(run, job, failure, asked_without);
  if ("release" in decision) {
    if (decision.release.outcome === "stop_token") run.stop("token_stopped");
    return await release(run, job, { ...decision.release, ...more });
  }
  if (!(failure instanceof GraphApiError)) {
    throw new TypeError("only a refusal of Meta's is asked again in another form");
  }
  const refusal = refusalOf(run, job, failure);
  const is_start = job.params.read === "report" && job.report_run_id === null;
  if (is_start && job.attempts >= MAX_STARTS) return await splitRange(run, job, refusal);
  await release(run, job, { outcome: "retry", ...refusal, ...more });
}
