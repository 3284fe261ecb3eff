/**
 * Reading a range through a report that Meta makes in its own time: start it, keep its id before anything else, look
 * again after a while without holding the job, read its pages when it is done. What is kept between two looks is in the
 * job, so a killed worker loses nothing, and no report is begun anew while it gets on.
 *
 * @module
 */

import { z } from "zod";
import { type ReportState, storeReport } from "../database/reports.ts";
import type { JobError, SyncJob } from "../database/sync_jobs.ts";
import { GraphApiError, type UsageReading } from "../errors.ts";
import type { DailyFigures } from "../meta/insights.ts";
import { fetchReport, fetchReportPage, type ReportStatus, type StartedReport, startReport } from "../meta/reports.ts";
import { retryInPlace } from "../meta/retry.ts";
import { buildJobError } from "../queue/failure.ts";
import type { DailyWork } from "./insights_page.ts";
import { dropAfter, giveBack, reshapeRange, splitRange } from "./insights_failure.ts";
import { rangeOf } from "./insights_range.ts";
import { accountOf } from "../catalogue/metadata.ts";
import { droppedFields, type LoopPage, type OwnDecision, readPages } from "../queue/page_loop.ts";
import type { SyncSession } from "../queue/session.ts";
import { buildUsageRows, decidePark } from "../queue/usage.ts";

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
const briefly = ({ random, sleep }: SyncSession) => ({ random, sleep, tries: 2 });

function keep(
  session: SyncSession,
  job: SyncJob,
  progress: Progress,
  state: Omit<ReportState, "params" | "usage" | "park"> & { dropped_fields?: string[] },
  readings: readonly UsageReading[],
): Promise<void> {
  session.rises.note(job.fb_account_id, readings);
  const park = decidePark(readings, {
    rises: session.rises,
    fb_account_id: job.fb_account_id,
    use_case: "ads_insights",
    now: session.clock.now(),
    threshold: session.settings.usage_brake_percent,
  });
  const { dropped_fields, ...kept } = state;
  return storeReport(session.database, job, {
    ...kept,
    params: dropped_fields === undefined ? { report: progress } : { report: progress, dropped_fields },
    usage: buildUsageRows(readings),
    park,
  });
}

/** Has a new report made, or splits the range when that has come to nothing before. */
async function makeAnew(
  session: SyncSession,
  job: SyncJob,
  error: JobError,
  readings: readonly UsageReading[],
  limit: number,
): Promise<void> {
  const { restarts } = progressOf(job);
  if (restarts >= limit) return await splitRange(session, job, { error, usage: buildUsageRows(readings) });
  const fresh = { ...ProgressSchema.parse(undefined), restarts: restarts + 1 };
  await keep(session, job, fresh, { report_run_id: null, wait_seconds: 1 + restarts, restart: true, error }, readings);
}

async function start(session: SyncSession, job: SyncJob, figures: DailyFigures<unknown>): Promise<void> {
  let dropped_fields = droppedFields(job);
  let started: StartedReport | null = null;
  while (started === null) {
    const range = { ...rangeOf(job), dropped_fields };
    try {
      started = await retryInPlace(() => startReport(session.graph, figures, range), briefly(session));
    } catch (failure) {
      if (await reshapeRange(session, job, failure) !== null) return;
      // Asked again at once, so that no other range is refused for the same field meanwhile.
      const more = session.stopped() === false ? dropAfter(session, job, failure, dropped_fields) : null;
      if (more === null) return await giveBack(session, job, failure);
      dropped_fields = more;
    }
  }
  const progress = { ...progressOf(job), looks: 0, percent: 0, missing: 0, moved_at: session.clock.now().getTime() };
  await keep(session, job, progress, {
    report_run_id: started.report_run_id,
    wait_seconds: delayAfter(0),
    dropped_fields,
  }, started.usage);
}

/** What to do about an answer that says the report cannot be read (yet): look again, or make another. */
async function lookAgain(
  session: SyncSession,
  job: SyncJob,
  failure: GraphApiError,
  progress = progressOf(job),
): Promise<void> {
  const looks = progress.looks + 1;
  const error = buildJobError(failure);
  const { report_run_id } = job;
  const is_stuck = progress.moved_at > 0 && session.clock.now().getTime() - progress.moved_at > PATIENCE_MS;
  if (failure.action === "poll" && !is_stuck) {
    const wait_seconds = delayAfter(looks);
    return await keep(session, job, { ...progress, looks }, { report_run_id, wait_seconds, error }, failure.usage);
  }
  const missing = progress.missing + 1;
  if (failure.action === "poll" || missing > MISSING_LOOKS) {
    return await makeAnew(session, job, error, failure.usage, MAX_RESTARTS.lost);
  }
  const wait_seconds = missing;
  await keep(session, job, { ...progress, looks, missing }, { report_run_id, wait_seconds, error }, failure.usage);
}

/** That it was done, as a look found, counts as getting on: its results may come a little later. */
function progressAtEnd(session: SyncSession, job: SyncJob): Progress {
  const progress = progressOf(job);
  if (progress.percent === 100) return progress;
  return { ...progress, percent: 100, moved_at: session.clock.now().getTime() };
}

function isUnreadable(failure: unknown): failure is GraphApiError {
  return failure instanceof GraphApiError && (failure.action === "poll" || failure.action === "resubmit");
}

/** A report that is over without a result. */
async function endFailed(session: SyncSession, job: SyncJob, status: ReportStatus): Promise<void> {
  const { failure, usage, reason, async_status } = status;
  if (failure !== null && status.action !== "resubmit") {
    // A throttle, a dead token, a field: what it was refused for means what it means in any other answer.
    if (await reshapeRange(session, job, failure) !== null) return;
    return await giveBack(session, job, failure, { report_run_id: null });
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
  await makeAnew(session, job, error, usage, limit);
}

/** Looks how far the report is; true when its pages can be read. */
async function look(session: SyncSession, job: SyncJob, report: { report_run_id: string; fb_account_id: string }) {
  let status: ReportStatus;
  try {
    status = await retryInPlace(() => fetchReport(session.graph, report), briefly(session));
  } catch (failure) {
    if (isUnreadable(failure)) await lookAgain(session, job, failure);
    else await giveBack(session, job, failure);
    return false;
  }
  if (status.state === "done") return true;
  if (status.state !== "running") {
    await endFailed(session, job, status);
    return false;
  }
  const before = progressOf(job);
  const now = session.clock.now().getTime();
  const has_moved = status.percent > before.percent || before.moved_at === 0;
  if (!has_moved && now - before.moved_at > PATIENCE_MS) {
    await endFailed(session, job, { ...status, state: "skipped", action: "resubmit", reason: "report_stuck" });
    return false;
  }
  const looks = before.looks + 1;
  await keep(
    session,
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
  session: SyncSession,
  job: SyncJob,
  { figures, pages }: DailyWork<Row, Page>,
): Promise<SyncJob | null> {
  if (job.report_run_id === null) {
    await start(session, job, figures);
    return null;
  }
  const report = { report_run_id: job.report_run_id, fb_account_id: accountOf(job) };
  // Half read already, so it is done.
  if (job.cursor === null && !await look(session, job, report)) return null;
  const work = pages((state) =>
    fetchReportPage(session.graph, figures, { ...report, limit: state.page_size, after: state.cursor })
  );
  return await readPages(session, job, {
    ...work,
    async onFailure(failure, state): Promise<OwnDecision | null> {
      if (!isUnreadable(failure)) return await reshapeRange(session, job, failure, state);
      await lookAgain(session, job, failure, progressAtEnd(session, job));
      return { ended: true };
    },
  });
}
