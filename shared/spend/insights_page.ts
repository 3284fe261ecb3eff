/**
 * Daily figures on their way to the database, the same whether Meta answers at once or from a report.
 *
 * @module
 */

import { storeInsightsPage } from "../database/insight_pages.ts";
import type { SyncJob } from "../database/sync_jobs.ts";
import { nextDroppedFields } from "../meta/field_list.ts";
import { INSIGHT_AD_STATUSES } from "../meta/filtering.ts";
import { AD_DAYS, type DailyFigures, INSIGHT_FIELDS, type InsightRow } from "../meta/insights.ts";
import type { ObjectPage } from "../meta/object_page.ts";
import type { PageState } from "../queue/failure.ts";
import { daysOf } from "./insights_range.ts";
import { warnOfPage } from "../queue/account_job.ts";
import type { LoopPage, PagedWork } from "../queue/page_loop.ts";
import type { SyncRun } from "../queue/run.ts";

/** What a range of days is read for: which figures, and what becomes of their pages. */
export interface DailyWork<Row, Page extends LoopPage> {
  /** What Meta is asked for. */
  figures: DailyFigures<Row>;
  /** The paged part, by whichever way a page is had. */
  pages: (fetchPage: (state: PageState) => Promise<ObjectPage<Row>>) => PagedWork<Page>;
}

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

function pagedInsights(
  run: SyncRun,
  job: SyncJob,
  fetchPage: (state: PageState) => Promise<ObjectPage<InsightRow>>,
): PagedWork<InsightsLoopPage> {
  let keep_rows = job.params.keep_rows === true;
  return {
    use_case: "ads_insights",
    page_size: run.settings.insights_page_size,
    page_size_max: run.settings.insights_page_size_max,
    nextDroppedFields: (dropped_fields, field) => nextDroppedFields(INSIGHT_FIELDS, dropped_fields, field),
    fetch: async (state) => checkDays(job, await fetchPage(state)),
    store(page, checkpoint, state) {
      warnOfPage(run, job, page);
      // A row that could not be read was there all the same: nothing of this range may be taken for vanished.
      keep_rows ||= page.skipped.length > 0;
      return storeInsightsPage(run.database, job, {
        ...checkpoint,
        params: keep_rows ? { ...checkpoint.params, keep_rows } : checkpoint.params,
        rows: page.rows,
        dropped_fields: state.dropped_fields,
        effective_statuses: INSIGHT_AD_STATUSES,
      });
    },
  };
}

/** What every ad spent on the days of a job. */
export function adDays(run: SyncRun, job: SyncJob): DailyWork<InsightRow, InsightsLoopPage> {
  return { figures: AD_DAYS, pages: (fetchPage) => pagedInsights(run, job, fetchPage) };
}
