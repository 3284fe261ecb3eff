/**
 * Comparing what is stored with what Meta says of the whole account: one call covers the days of a plan. A day that is
 * off is read once more; what is off after that, the run and a view tell.
 *
 * @module
 */

import { storeAccountDays } from "../database/insights.ts";
import type { SyncJob } from "../database/sync_jobs.ts";
import { fetchAccountDaysPage } from "../meta/insights.ts";
import { reshapeRange } from "./insights_failure.ts";
import { daysOf } from "./insights_range.ts";
import { accountOf, warnOfPage } from "./metadata.ts";
import { readPages } from "./page_loop.ts";
import type { SyncSession } from "./session.ts";

/** Days named in one warning. */
const MAX_DAYS_TOLD = 31;

/** Works on a job that compares the days of an account with Meta's totals. */
export function reconcile(session: SyncSession, job: SyncJob): Promise<SyncJob | null> {
  const range = { fb_account_id: accountOf(job), ...daysOf(job) };
  return readPages(session, job, {
    use_case: "ads_insights",
    page_size: session.settings.insights_page_size,
    page_size_max: session.settings.insights_page_size_max,
    nextDroppedFields: () => null,
    onFailure: (failure, state) => reshapeRange(session, job, failure, state),
    async fetch(state) {
      const page = await fetchAccountDaysPage(session.graph, { ...range, after: state.cursor, limit: state.page_size });
      const rows = page.rows.filter(({ date }) => date >= range.since && date <= range.until);
      return { ...page, rows, row_count: rows.length };
    },
    async store(page, checkpoint) {
      warnOfPage(session, job, page);
      const stored = await storeAccountDays(session.database, job, {
        ...checkpoint,
        rows: page.rows.map(({ date, spend }) => ({ date, spend })),
      });
      if (stored.differences.length > 0) {
        session.warn({
          code: "reconciliation_off",
          message: "The spend of some days is not what Meta says of the account, though they were read again.",
          fb_account_id: range.fb_account_id,
          facts: { count: stored.differences.length, days: stored.differences.slice(0, MAX_DAYS_TOLD) },
        });
      }
      return stored;
    },
  });
}
