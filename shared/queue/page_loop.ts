/**
 * Reading a job page by page: fetch, store rows and cursor in one transaction, and while one page is being written the
 * next one is already asked for. One request of an account is in flight at a time. The loop may be killed at any line:
 * what is stored is the truth, and the next worker begins at the stored cursor.
 *
 * @module
 */

import { isLeaseLost } from "../database/rpc.ts";
import { type Release, releaseSyncJob, type SyncJob, type Throttle, type UsageRow } from "../database/sync_jobs.ts";
import type { UsageReading } from "../errors.ts";
import { retryInPlace } from "../meta/retry.ts";
import { buildJobError, decideFailure, growPageSize, type PageState } from "./failure.ts";
import type { SyncRun } from "./run.ts";
import { buildUsageRows, decideThrottle } from "./usage.ts";

/** Meta's own default. Where even that is too much it is one page that is heavy, and the pages after it grow again. */
const LEAST_PAGE_MAX = 25;

/** What the loop must know of any page. */
export interface LoopPage {
  /** Cursor of the next page; null at the end. */
  after: string | null;
  /** What the answer's usage headers said. */
  usage: UsageReading[];
  /** Length of the answer, for the CPU budget. */
  bytes: number;
  /** Rows received, the undecodable ones included. */
  row_count: number;
}

/** What is stored beside a page's rows. */
export interface LoopCheckpoint {
  /** Where the next page begins; null at the end. */
  next_cursor: string | null;
  /** Whether this was the last page. */
  done: boolean;
  /** Size of the next page. */
  page_size: number;
  /** Largest page that Meta gives, where it has refused a larger one; null: it has not. */
  page_max: number | null;
  /** Rows received with this page. */
  row_count: number;
  /** What the next page must know of this job. */
  params: Record<string, unknown>;
  /** Usage headers of the answer. */
  usage: UsageRow[];
  /** Set when a quota is nearly spent: the job is released with the page. */
  throttle: Throttle | null;
}

/** What storing a page came to. */
export interface LoopStored {
  /** Whether this worker still holds the job, and if not, why. */
  state: "running" | "done" | "throttled" | "restarted";
  /** The next job of the account, already held. */
  next_job: SyncJob | null;
}

/** One kind of paged work. */
export interface PagedWork<Page extends LoopPage> {
  /** The quota that its requests spend. */
  use_case: "ads_management" | "ads_insights";
  /** Largest page that the loop grows to. */
  page_size_max: number;
  /** Size of a page where the job has none yet. */
  page_size: number;
  /** Asks Meta for the page at a state. */
  fetch: (state: PageState) => Promise<Page>;
  /** Stores a page's rows and its checkpoint in one transaction. */
  store: (page: Page, checkpoint: LoopCheckpoint, state: PageState) => Promise<LoopStored>;
  /** The dropped fields after a refusal; null when nothing is left to drop. */
  nextDroppedFields: (dropped_fields: string[], field: string | null) => string[] | null;
  /** Deals with an error before the common rules; null leaves it to them. */
  onFailure?: (error: unknown, state: PageState) => Promise<OwnDecision | null>;
  /** Whether a page in the middle may plan jobs for others. */
  plans_jobs?: boolean;
}

/** What a kind of work makes of an error: the job is released so, or it is not held any more. */
export type OwnDecision = { release: Release } | { ended: true };

type Settled<Value> = { ok: true; value: Value } | { ok: false; error: unknown };

function settle<Value>(promise: Promise<Value>): Promise<Settled<Value>> {
  return promise.then((value) => ({ ok: true, value }), (error) => ({ ok: false, error }));
}

/** Fields that a job does not ask for: Meta refuses them for its account, for its ads, or has refused them to it. */
export function droppedFields(job: SyncJob): string[] {
  return [...new Set([...job.refused_fields, ...notedFields(job)])];
}

/** The fields that the job itself notes as left out: those that its report, once begun, was asked without. */
export function notedFields({ params: { dropped_fields, ads_without } }: SyncJob): string[] {
  return [dropped_fields, ads_without].flatMap((stored): unknown[] => Array.isArray(stored) ? stored : [])
    .filter((field) => typeof field === "string");
}

/** Releases a job; a job that another worker holds by now needs none. */
export async function release(run: SyncRun, job: SyncJob, how: Release): Promise<void> {
  try {
    const state = await releaseSyncJob(run.database, job, how);
    if (how.error !== undefined) {
      run.log.warn("job released", {
        job_id: job.id,
        kind: job.kind,
        fb_account_id: job.fb_account_id,
        outcome: how.outcome,
        state,
        ...how.error,
      });
    }
  } catch (error) {
    if (!isLeaseLost(error)) throw error;
  }
}

/**
 * Works on a job until it is done, throttled, released, or the budget is spent. Returns the account's next job when
 * storing the last page already claimed it.
 */
export async function readPages<Page extends LoopPage>(
  run: SyncRun,
  job: SyncJob,
  work: PagedWork<Page>,
): Promise<SyncJob | null> {
  const first = (): PageState => ({
    cursor: job.cursor,
    page_size: Math.min(job.page_size ?? work.page_size, work.page_size_max, job.page_max ?? Infinity),
    page_max: job.page_max,
    dropped_fields: droppedFields(job),
    good_pages: 0,
  });
  const ask = (from: PageState) =>
    settle(retryInPlace(() => work.fetch(from), {
      random: run.random,
      sleep: run.sleep,
      give_up: () => run.stopped() !== false,
    }));

  let state = first();
  let ahead: Promise<Settled<Page>> | null = null;
  let has_stored = false;
  for (;;) {
    // A page that is under way already is stored too, or it would have to be read again.
    if (ahead === null && run.stopped() !== false) {
      await release(run, job, { outcome: "release", page_size: state.page_size });
      return null;
    }
    const answer: Settled<Page> = await (ahead ?? ask(state));
    ahead = null;

    if (!answer.ok) {
      const own = await work.onFailure?.(answer.error, state) ?? null;
      if (own !== null && "ended" in own) return null;
      const decision = own ?? decideFailure(answer.error, job, state, {
        now: run.clock.now(),
        random: run.random,
        nextDroppedFields: work.nextDroppedFields,
      });
      if ("again" in decision) {
        if (decision.warning !== null) {
          run.warn({
            code: decision.warning,
            message: "Meta refused a field; it is read without.",
            fb_account_id: job.fb_account_id,
            facts: { kind: job.kind, dropped_fields: decision.again.dropped_fields },
          });
        }
        state = decision.again;
        continue;
      }
      if (buildJobError(answer.error).code === "internal") {
        run.log.error("unexpected failure", { error: answer.error, job_id: job.id });
      }
      if (decision.release.outcome === "stop_token") run.stop("token_stopped");
      await release(run, job, decision.release);
      return null;
    }

    const page = answer.value;
    run.rises.note(job.fb_account_id, page.usage);
    const throttle = decideThrottle(page.usage, {
      rises: run.rises,
      fb_account_id: job.fb_account_id,
      use_case: work.use_case,
      now: run.clock.now(),
      threshold: run.settings.usage_brake_percent,
    });
    const largest = Math.min(work.page_size_max, Math.max(state.page_max ?? Infinity, LEAST_PAGE_MAX));
    const next = { ...growPageSize(state, largest), cursor: page.after };
    run.countRows(job, page);
    if (page.after !== null && throttle === null && run.stopped() === false) ahead = ask(next);

    const stored = await settle(work.store(page, {
      next_cursor: page.after,
      done: page.after === null,
      page_size: next.page_size,
      page_max: state.page_max === job.page_max ? null : state.page_max,
      row_count: page.row_count,
      params: { ...job.params, dropped_fields: state.dropped_fields },
      usage: buildUsageRows(page.usage),
      throttle,
    }, state));
    // Each call makes every idle worker ask the database, so a page that cannot have planned anything is kept quiet. A
    // job's first one may be the probe that all others wait for.
    if (work.plans_jobs === true || !has_stored) run.progressed();
    has_stored = true;
    if (!stored.ok || stored.value.state === "throttled") await ahead;
    if (!stored.ok) {
      if (isLeaseLost(stored.error)) return null;
      await release(run, job, { outcome: "retry", error: buildJobError(stored.error) });
      return null;
    }
    if (stored.value.state === "done") return stored.value.next_job;
    if (stored.value.state === "throttled") return null;
    state = stored.value.state === "restarted" ? { ...next, cursor: null } : next;
  }
}
