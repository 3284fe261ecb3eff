/**
 * Comparing what is stored with what Meta says of the whole account: one read covers the days of a plan, at once or by
 * a report. A day that is off is read once more, and where ads are missing once without naming their statuses; what is
 * off after that, the run and a view say so.
 *
 * @module
 */

import { storeAccountDays } from "../database/insight_pages.ts";
import type { SyncJob } from "../database/sync_jobs.ts";
import { ACCOUNT_DAYS, type AccountDayRow } from "../meta/insights.ts";
import type { ObjectPage } from "../meta/object_page.ts";
import type { DailyWork } from "./insights_page.ts";
import { daysOf } from "./insights_range.ts";
import { accountOf, warnOfPage } from "../queue/account_job.ts";
import type { LoopPage } from "../queue/page_loop.ts";
import type { SyncRun } from "../queue/run.ts";

/** Days named in one warning. */
const MAX_DAYS_TOLD = 31;

/** What the account spent on the days of a job, to be compared with what is stored. */
export function comparedDays(
  run: SyncRun,
  job: SyncJob,
): DailyWork<AccountDayRow, ObjectPage<AccountDayRow> & LoopPage> {
  const fb_account_id = accountOf(job);
  const { since, until } = daysOf(job);
  return {
    figures: ACCOUNT_DAYS,
    pages: (fetchPage) => ({
      use_case: "ads_insights",
      page_size: run.settings.insights_page_size,
      page_size_max: run.settings.insights_page_size_max,
      nextDroppedFields: () => null,
      async fetch(state) {
        const page = await fetchPage(state);
        const rows = page.rows.filter(({ date }) => date >= since && date <= until);
        return { ...page, rows, row_count: rows.length };
      },
      async store(page, checkpoint) {
        warnOfPage(run, job, page);
        const stored = await storeAccountDays(run.database, job, {
          ...checkpoint,
          rows: page.rows.map(({ date, spend }) => ({ date, spend })),
        });
        if (stored.differences.length > 0) {
          run.warn({
            code: "reconciliation_off",
            message: "The spend of some days is not what Meta says of the account, though they were read again.",
            fb_account_id,
            facts: { count: stored.differences.length, days: stored.differences.slice(0, MAX_DAYS_TOLD) },
          });
        }
        return stored;
      },
    }),
  };
}
