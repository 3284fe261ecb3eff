/**
 * What becomes of a job when Meta refuses a page: go on with less on the same cursor, or release the job. The table
 * of errors says what an error means (`meta/graph_errors.ts`); here stands what that means for a job of the queue.
 *
 * @module
 */

import type { JobError, Release, SyncJob, Throttle } from "../database/sync_jobs.ts";
import { AppError, DatabaseError, type GraphAction, GraphApiError } from "../errors.ts";
import { throttledUntil } from "../meta/throttle.ts";
import { buildUsageRows, decideThrottle } from "./usage.ts";

/** Where a job stands between two pages. */
export interface PageState {
  /** Where the page begins; null at the beginning. */
  cursor: string | null;
  /** Rows to ask for. */
  page_size: number;
  /** Largest page that Meta gives of the account; null: it has refused none. */
  page_max: number | null;
  /** Fields that Meta has refused. */
  dropped_fields: string[];
  /** Pages since the size last changed. */
  good_pages: number;
}

/** Go on at once from another state, or release the job. */
export type FailureDecision =
  | { again: PageState; warning: string | null }
  | { release: Release };

/** What a decision needs beside the error. */
export interface FailureContext {
  /** The present instant. */
  now: Date;
  /** Uniform in [0, 1). */
  random: () => number;
  /** The dropped fields after this refusal; null when nothing is left to drop. */
  nextDroppedFields: (dropped_fields: string[], field: string | null) => string[] | null;
}

/** Keeps of an error what may be stored. */
export function buildJobError(error: unknown): JobError {
  const graph = error instanceof GraphApiError ? error : null;
  const app = error instanceof AppError ? error : null;
  return {
    code: app?.code ?? "internal",
    reason: graph?.reason ?? (error instanceof DatabaseError ? error.sqlstate ?? "no_answer" : "unexpected"),
    // An unexpected error's text may hold anything, so only our own texts are kept.
    message: app?.message ?? "An unexpected error; the log of the run has it.",
    meta_code: graph?.meta_code ?? null,
    error_subcode: graph?.error_subcode ?? null,
    fbtrace_id: graph?.fbtrace_id ?? null,
  };
}

const SHRINKS: ReadonlySet<GraphAction> = new Set<GraphAction>(["shrink", "retry_then_shrink", "split"]);

function halve(state: PageState, action: GraphAction): PageState | null {
  if (state.page_size <= 1) return null;
  const page_size = Math.floor(state.page_size / 2);
  // Only where Meta says that it was the size.
  return { ...state, page_size, page_max: action === "shrink" ? page_size : state.page_max, good_pages: 0 };
}

/** Whether asking without the optional fields may help: a permission may be missing for one of them alone. */
function isOfFields(failure: GraphApiError): boolean {
  return failure.action === "drop_field" || failure.reason === "permission_missing";
}

/** Whose quota a job's calls spend. */
function businessUseCaseOf(job: SyncJob): "insights" | "management" {
  return job.kind === "insights" || job.kind === "reconciliation" ? "insights" : "management";
}

function buildThrottle(error: GraphApiError, job: SyncJob, context: FailureContext): Release {
  const until = throttledUntil(error, context.now, { attempts: job.attempts, random: context.random });
  const seconds = until === null ? 60 : Math.ceil((until.getTime() - context.now.getTime()) / 1000);
  const stored = buildJobError(error);
  const is_account = error.action === "throttle_account" && job.fb_account_id !== null;
  // A call that is refused for another use case's quota is refused all the same: then every use case waits.
  const own = businessUseCaseOf(job);
  const use_case = error.action === "throttle_insights_app"
    ? "ads_insights"
    : error.use_case === own
    ? `ads_${own}`
    : "";
  return {
    outcome: "throttle",
    error: stored,
    throttle: { scope: is_account ? "account" : "app", use_case, seconds, error: stored },
  };
}

function decideByAction(
  failure: unknown,
  job: SyncJob,
  state: PageState,
  context: FailureContext,
): FailureDecision {
  const error = buildJobError(failure);
  if (!(failure instanceof GraphApiError)) return { release: { outcome: "retry", error } };
  const kept = { error, page_size: state.page_size, usage: buildUsageRows(failure.usage) };

  if (SHRINKS.has(failure.action)) {
    const smaller = halve(state, failure.action);
    return smaller === null ? { release: { outcome: "retry", ...kept } } : { again: smaller, warning: null };
  }
  if (isOfFields(failure)) {
    const dropped_fields = context.nextDroppedFields(state.dropped_fields, failure.field);
    if (dropped_fields !== null) return { again: { ...state, dropped_fields }, warning: "field_refused" };
  }
  switch (failure.action) {
    case "throttle_account":
    case "throttle_app":
    case "throttle_insights_app":
      return { release: { ...buildThrottle(failure, job, context), usage: kept.usage, page_size: state.page_size } };
    case "stop_token":
      return { release: { outcome: "stop_token", ...kept } };
    case "drop_field":
    case "stop_account":
      return { release: { outcome: "stop_account", ...kept } };
    case "restart_list":
      return { release: { outcome: "restart", ...kept } };
    case "clamp":
    case "fail":
      return { release: { outcome: "fail", ...kept } };
    default:
      return { release: { outcome: "retry", ...kept } };
  }
}

/** Whatever a refusal was for, its headers may say that a quota is spent: then another try only prolongs the block. */
export function throttleOfRefusal(failure: GraphApiError, job: SyncJob, now: Date): Throttle | null {
  const spent = decideThrottle(failure.usage, {
    fb_account_id: job.fb_account_id,
    use_case: `ads_${businessUseCaseOf(job)}`,
    now,
    threshold: 100,
  });
  return spent === null ? null : { ...spent, error: buildJobError(failure) };
}

/** Decides about a refused page; retries in place are over by then. */
export function decideFailure(
  failure: unknown,
  job: SyncJob,
  state: PageState,
  context: FailureContext,
): FailureDecision {
  const decision = decideByAction(failure, job, state, context);
  if (!(failure instanceof GraphApiError)) return decision;
  if ("release" in decision && decision.release.outcome !== "retry") return decision;
  const throttle = throttleOfRefusal(failure, job, context.now);
  if (throttle === null) return decision;
  const { page_size, dropped_fields } = "again" in decision ? decision.again : state;
  return {
    release: {
      outcome: "throttle",
      error: buildJobError(failure),
      usage: buildUsageRows(failure.usage),
      page_size,
      params: { ...job.params, dropped_fields },
      throttle,
    },
  };
}

/** Size of the next page after a good one: grows by half after every fourth good page, up to `max`. */
export function growPageSize(state: PageState, max: number): PageState {
  const good_pages = state.good_pages + 1;
  if (good_pages < 4 || state.page_size >= max) return { ...state, good_pages };
  return {
    ...state,
    page_size: Math.min(max, Math.max(state.page_size + 1, Math.floor(state.page_size * 1.5))),
    good_pages: 0,
  };
}
