/**
 * The work of `fb-sync-insights`: one function a kind of job. A range of days is read at once, page by page, or through
 * a report that Meta makes in its own time (`report_job.ts`); which of the two, the plan says and remembers per
 * account.
 *
 * @module
 */

import { replanInsights } from "../database/insight_pages.ts";
import { isLeaseLost } from "../database/rpc.ts";
import type { SyncJob } from "../database/sync_jobs.ts";
import { fetchAdAccount } from "../meta/ad_accounts.ts";
import { fetchInsightsPage } from "../meta/insights.ts";
import { buildJobError } from "../queue/failure.ts";
import { releaseFailed, reshapeRange } from "./insights_failure.ts";
import { adDays, type DailyWork } from "./insights_page.ts";
import { rangeOf } from "./insights_range.ts";
import { accountOf } from "../queue/account_job.ts";
import { configure, workOnMetadata } from "../catalogue/metadata.ts";
import { readObjects } from "../catalogue/objects.ts";
import { type LoopPage, readPages, release } from "../queue/page_loop.ts";
import { comparedDays } from "./reconciliation.ts";
import { readByReport } from "./report_job.ts";
import type { SyncRun } from "../queue/run.ts";

function readDays<Row, Page extends LoopPage>(
  run: SyncRun,
  job: SyncJob,
  { figures, pages }: DailyWork<Row, Page>,
): Promise<SyncJob | null> {
  if (job.params.read === "report") return readByReport(run, job, { figures, pages });
  const range = rangeOf(job);
  const work = pages(({ cursor, page_size, dropped_fields }) =>
    fetchInsightsPage(run.graph, figures, { ...range, after: cursor, limit: page_size, dropped_fields })
  );
  return readPages(run, job, {
    ...work,
    onFailure: (failure, state) => reshapeRange(run, job, failure, state),
  });
}

/** What a plan could not know: the calendar of an account that was never read. */
async function readAccountFirst(run: SyncRun, job: SyncJob): Promise<null> {
  let row;
  try {
    ({ row } = await fetchAdAccount(run.graph, accountOf(job)));
  } catch (failure) {
    await releaseFailed(run, job, failure);
    return null;
  }
  if (row === null || row.timezone_name === null || row.currency === null) {
    const error = buildJobError(new TypeError("Meta gives the account no time zone or no currency"));
    await release(run, job, { outcome: "retry", error });
  } else {
    await replanInsights(run.database, job, configure(run, row));
  }
  return null;
}

function work(run: SyncRun, job: SyncJob): Promise<SyncJob | null> {
  switch (job.kind) {
    case "insights":
      if (job.timezone_name === null || job.currency === null) return readAccountFirst(run, job);
      return readDays(run, job, adDays(run, job));
    case "reconciliation":
      return readDays(run, job, comparedDays(run, job));
    case "missing_objects":
      return readObjects(run, job);
    // Where no account was known yet, its discovery comes first.
    case "accounts":
      return workOnMetadata(run, job);
    default:
      throw new TypeError(`not a job of the insights sync: ${job.kind}`);
  }
}

/** Works on one job of the insights sync. */
export async function workOnInsights(run: SyncRun, job: SyncJob): Promise<SyncJob | null> {
  try {
    return await work(run, job);
  } catch (error) {
    if (isLeaseLost(error)) return null;
    // The database did not take what was to be kept of a report or a range: the next try asks it again.
    run.log.error("unexpected failure", { error, job_id: job.id });
    await release(run, job, { outcome: "retry", error: buildJobError(error) });
    return null;
  }
}
