/**
 * The work of `fb-sync-insights`: one function a kind of job. A range of days is read at once, page by page, or through
 * a report that Meta makes in its own time (`report.ts`); which of the two, the plan says and remembers per account.
 *
 * @module
 */

import { storeInsightsPage } from "../database/insights.ts";
import type { SyncJob } from "../database/sync_jobs.ts";
import { nextDroppedFields } from "../meta/field_list.ts";
import { fetchInsightsPage, INSIGHT_FIELDS, type InsightRow } from "../meta/insights.ts";
import type { ObjectPage } from "../meta/object_page.ts";
import type { PageState } from "./failure.ts";
import { daysOf } from "./insights_range.ts";
import { accountOf, warnOfPage } from "./metadata.ts";
import { readObjects } from "./objects.ts";
import { type LoopPage, type PagedWork, readPages } from "./page_loop.ts";
import type { SyncSession } from "./session.ts";

/** A page of insights on its way to the database. */
export type InsightsLoopPage = ObjectPage<InsightRow> & LoopPage;

/** Keeps only the days that were asked for: a filter that Meta ignored must not go unnoticed. */
function checkDays(job: SyncJob, page: ObjectPage<InsightRow>): InsightsLoopPage {
  const { since, until } = daysOf(job);
  const rows = page.rows.filter(({ date }) => date >= since && date <= until);
  const strays = page.rows.length - rows.length;
  const skipped = strays === 0
    ? page.skipped
    : [...page.skipped, { id: null, reason: `${strays} rows are of days that were not asked for` }];
  return { ...page, rows, skipped, row_count: rows.length };
}

/** The paged part of reading a range, the same whether Meta answers at once or from a report. */
export function pagedInsights(
  session: SyncSession,
  job: SyncJob,
  fetchPage: (state: PageState) => Promise<ObjectPage<InsightRow>>,
): PagedWork<InsightsLoopPage> {
  let keep_rows = job.params.keep_rows === true;
  return {
    use_case: "ads_insights",
    page_size: session.settings.insights_page_size,
    page_size_max: session.settings.insights_page_size_max,
    nextDroppedFields: (dropped_fields, field) => nextDroppedFields(INSIGHT_FIELDS, dropped_fields, field),
    fetch: async (state) => checkDays(job, await fetchPage(state)),
    store(page, checkpoint, state) {
      warnOfPage(session, job, page);
      // A row that could not be read was there all the same: nothing of this range may be taken for vanished.
      keep_rows ||= page.skipped.length > 0;
      return storeInsightsPage(session.database, job, {
        ...checkpoint,
        params: keep_rows ? { ...checkpoint.params, keep_rows } : checkpoint.params,
        rows: page.rows,
        dropped_fields: state.dropped_fields,
      });
    },
  };
}

function readAtOnce(session: SyncSession, job: SyncJob): Promise<SyncJob | null> {
  const range = { fb_account_id: accountOf(job), ...daysOf(job) };
  const work = pagedInsights(session, job, (state) =>
    fetchInsightsPage(session.graph, {
      ...range,
      ...(job.object_ids === null ? {} : { fb_ad_ids: job.object_ids }),
      after: state.cursor,
      limit: state.page_size,
      dropped_fields: state.dropped_fields,
    }));
  return readPages(session, job, work);
}

/** Works on one job of the insights sync. */
export function workOnInsights(session: SyncSession, job: SyncJob): Promise<SyncJob | null> {
  switch (job.kind) {
    case "insights":
      return readAtOnce(session, job);
    case "missing_objects":
      return readObjects(session, job);
    default:
      throw new TypeError(`not a job of the insights sync: ${job.kind}`);
  }
}
