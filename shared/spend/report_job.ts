/**
 * Reading a range through a report that Meta makes in its own time: start it, keep its id before anything else, look
 * again after a while without holding the job, read its pages when it is done. What is kept between two looks is in the
 * job, so a killed worker loses nothing, and no report is begun anew while it gets on.
 *
 * @module
 */

import { z } from "zod";
import { type ReportState, storeReport } from "../database/meta_reports.ts";
import type { JobError, SyncJob } from "../database/sync_jobs.ts";
import { GraphApiError, type UsageReading } from "../errors.ts";
import type { DailyFigures } from "../meta/insights.ts";
import { fetchReport, fetchReportPage, type ReportStatus, type StartedReport, startReport } from "../meta/reports.ts";
import { retryInPlace } from "../meta/retry.ts";
import { buildJobError } from "../queue/failure.ts";
import type { DailyWork } from "./insights_page.ts";
import { dropAfter, releaseFailed, reshapeRange, splitRange } from "./insights_failure.ts";
import { rangeOf } from "./insights_range.ts";
import { accountOf } from "../queue/account_job.ts";
import { droppedFields, type LoopPage, type OwnDecision, readPages } from "../queue/page_loop.ts";
import type { SyncRun } from "../queue/run.ts";
import { buildUsageRows, decideThrottle } from "../queue/usage.ts";

/** Seconds until the next look, by how many looks there were; the last one from then on. */
const LOOK_DELAYS = [1, 1, 2, 3, 5, 8, 10, 10, 10, 10, 20, 30, 60];

/** A report that does not get on for so long is begun anew: Meta may take an hour for one. */
const PATIENCE_MS = 60 * 60_000;

/** Looks that may find no such report before it counts as lost: right after its start Meta may not know it yet. */
const MISSING_LOOKS = 3;

/** Reports made anew for one range before the range is split. */
const MAX_RESTARTS = { failed: 1, lost: 3 };

const ProgressSchema = z.object({
  /** Looks since it was started. */
  looks: z.number().default(0),
  percent: z.number().default(0),
  /** When its percentage last moved, in milliseconds of the epoch. */
  moved_at: z.number().default(0),
  /** Looks in a row that found no such report. */
  missing: z.number().default(0),
  /** Reports of this range that came to nothing. */
  restarts: z.number().default(0),
}).default({ looks: 0, percent: 0, moved_at: 0, missing: 0, restarts: 0 });

type Progress = z.infer<typeof ProgressSchema>;

const progressOf = (job: SyncJob): Progress =>
  ProgressSchema.catch(ProgressSchema.parse(undefined)).parse(job.params.report);

const delayAfter = (looks: number): number => LOOK_DELAYS[Math.min(looks, LOOK_DELAYS.length - 1)] ?? 60;

/** Two tries: what still fails then is looked at again later. */
const briefly = ({ random, sleep }: SyncRun) => ({ random, sleep, tries: 2 });

function keep(
  run: SyncRun,
  job: SyncJob,
  progress: Progress,
  state: Omit<ReportState, "params" | "usage" | "throttle"> & { dropped_fields?: string[] },
  readings: readonly UsageReading[],
): Promise<void> {
  run.rises.note(job.fb_account_id, readings);
  const throttle = decideThrottle(readings, {
    rises: run.rises,
    fb_account_id: job.fb_account_id,
    use_case: "ads_insights",
    now: run.clock.now(),
    threshold: run.settings.usage_brake_percent,
  });
  const { dropped_fields, ...kept } = state;
  return storeReport(run.database, job, {
    ...kept,
    params: dropped_fields === undefined ? { report: progress } : { report: progress, dropped_fields },
    usage: buildUsageRows(readings),
    throttle,
  });
}

/** Has a new report made, or splits the range when that has come to nothing before. */
async function makeAnew(
  run: SyncRun,
  job: SyncJob,
  error: JobError,
  readings: readonly UsageReading[],
  limit: number,
): Promise<void> {
  const { restarts } = progressOf(job);
  if (restarts >= limit) return await splitRange(run, job, { error, usage: buildUsageRows(readings) });
  const fresh = { ...ProgressSchema.parse(undefined), restarts: restarts + 1 };
  await keep(run, job, fresh, { report_run_id: null, wait_seconds: 1 + restarts, restart: true, error }, readings);
}

async function start(run: SyncRun, job: SyncJob, figures: DailyFigures<unknown>): Promise<void> {
  let dropped_fields = droppedFields(job);
  let started: StartedReport | null = null;
  while (started === null) {
    const range = { ...rangeOf(job), dropped_fields };
    try {
      started = await retryInPlace(() => startReport(run.graph, figures, range), briefly(run));
    } catch (failure) {
      if (await reshapeRange(run, job, failure) !== null) return;
      // Asked again at once, so that no other range is refused for the same field meanwhile.
      const more = run.stopped() === false ? dropAfter(run, job, failure, dropped_fields) : null;
      if (more === null) return await releaseFailed(run, job, failure);
      dropped_fields = more;
    }
  }
  const progress = { ...progressOf(job), looks: 0, percent: 0, missing: 0, moved_at: run.clock.now().getTime() };
  await keep(run, job, progress, {
    report_run_id: started.report_run_id,
    wait_seconds: delayAfter(0),
    dropped_fields,
  }, started.usage);
}

/** What to do about an answer that says the report cannot be read (yet): look again, or make another. */
async function lookAgain(
  run: SyncRun,
  job: SyncJob,
  failure: GraphApiError,
  progress = progressOf(job),
): Promise<void> {
  const looks = progress.looks + 1;
  const error = buildJobError(failure);
  const { report_run_id } = job;
  const is_stuck = progress.moved_at > 0 && run.clock.now().getTime() - progress.moved_at > PATIENCE_MS;
  if (failure.action === "poll" && !is_stuck) {
    const wait_seconds = delayAfter(looks);
    return await keep(run, job, { ...progress, looks }, { report_run_id, wait_seconds, error }, failure.usage);
  }
  const missing = progress.missing + 1;
  if (failure.action === "poll" || missing > MISSING_LOOKS) {
    return await makeAnew(run, job, error, failure.usage, MAX_RESTARTS.lost);
  }
  const wait_seconds = missing;
  await keep(run, job, { ...progress, looks, missing }, { report_run_id, wait_seconds, error }, failure.usage);
}

/** That it was done, as a look found, counts as getting on: its results may come a little later. */
function progressAtEnd(run: SyncRun, job: SyncJob): Progress {
  const progress = progressOf(job);
  if (progress.percent === 100) return progress;
  return { ...progress, percent: 100, moved_at: run.clock.now().getTime() };
}

function isUnreadable(failure: unknown): failure is GraphApiError {
  return failure instanceof GraphApiError && (failure.action === "poll" || failure.action === "resubmit");
}

/** A report that is over without a result. */
async function endFailed(run: SyncRun, job: SyncJob, status: ReportStatus): Promise<void> {
  const { failure, usage, reason, async_status } = status;
  if (failure !== null && status.action !== "resubmit") {
    // A throttle, a dead token, a field: what it was refused for means what it means in any other answer.
    if (await reshapeRange(run, job, failure) !== null) return;
    return await releaseFailed(run, job, failure, { report_run_id: null });
  }
  const error: JobError = {
    code: "meta_unavailable",
    reason: reason ?? "report_failed",
    message: `Meta ended the report without a result (${reason ?? async_status}).`,
    meta_code: failure?.meta_code ?? null,
    error_subcode: failure?.error_subcode ?? null,
    fbtrace_id: null,
  };
  const limit = status.state === "failed" ? MAX_RESTARTS.failed : MAX_RESTARTS.lost;
  await makeAnew(run, job, error, usage, limit);
}

/** Looks how far the report is; true when its pages can be read. */
async function look(run: SyncRun, job: SyncJob, report: { report_run_id: string; fb_account_id: string }) {
  let status: ReportStatus;
  try {
    status = await retryInPlace(() => fetchReport(run.graph, report), briefly(run));
  } catch (failure) {
    if (isUnreadable(failure)) await lookAgain(run, job, failure);
    else await releaseFailed(run, job, failure);
    return false;
  }
  if (status.state === "done") return true;
  if (status.state !== "running") {
    await endFailed(run, job, status);
    return false;
  }
  const before = progressOf(job);
  const now = run.clock.now().getTime();
  const has_moved = status.percent > before.percent || before.moved_at === 0;
  if (!has_moved && now - before.moved_at > PATIENCE_MS) {
    await endFailed(run, job, { ...status, state: "skipped", action: "resubmit", reason: "report_stuck" });
    return false;
  }
  const looks = before.looks + 1;
  await keep(
    run,
    job,
    {
      ...before,
      looks,
      missing: 0,
      percent: Math.max(before.percent, status.percent),
      moved_at: has_moved ? now : before.moved_at,
    },
    { report_run_id: report.report_run_id, wait_seconds: delayAfter(looks) },
    status.usage,
  );
  return false;
}

/** Works on a range that is read by a report, one step at a time. */
export async function readByReport<Row, Page extends LoopPage>(
  run: SyncRun,
  job: SyncJob,
  { figures, pages }: DailyWork<Row, Page>,
): Promise<SyncJob | null> {
  if (job.report_run_id === null) {
    await start(run, job, figures);
    return null;
  }
  const report = { report_run_id: job.report_run_id, fb_account_id: accountOf(job) };
  // Half read already, so it is done.
  if (job.cursor === null && !await look(run, job, report)) return null;
  const work = pages((state) =>
    fetchReportPage(run.graph, figures, { ...report, limit: state.page_size, after: state.cursor })
  );
  return await readPages(run, job, {
    ...work,
    async onFailure(failure, state): Promise<OwnDecision | null> {
      if (!isUnreadable(failure)) return await reshapeRange(run, job, failure, state);
      await lookAgain(run, job, failure, progressAtEnd(run, job));
      return { ended: true };
    },
  });
}
