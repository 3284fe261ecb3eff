/**
 * `fb-sync-insights`: reads daily figures of every ad from the Insights API into `ad_spend` and compares their sums
 * with the account's own totals. Called nightly and hourly by pg_cron, by the tick while work is left, and by hand.
 *
 * @module
 */

import { z } from "zod";
import type { Answer } from "../../../shared/edge/answer.ts";
import { systemClock } from "../../../shared/edge/system_clock.ts";
import { isDay, latestDay } from "../../../shared/spend/insights_range.ts";
import { workOnInsights } from "../../../shared/spend/insights_job.ts";
import { answerSync, type SyncCall } from "../../../shared/queue/invocation.ts";

const DaySchema = z.string().check((context) => {
  const day = context.value;
  const refuse = (message: string) => context.issues.push({ code: "custom", message, input: day });
  if (!isDay(day)) refuse("must be a day of the calendar, YYYY-MM-DD");
  else if (day > latestDay(systemClock.now())) refuse("must not be in the future");
});

/**
 * `account_ids`: Meta's digits; `since`, `until`: read this range, both days included (by default until today, and 28
 * days); `refresh`: only today and yesterday; `resume`: the tick's, plans nothing.
 */
export const BodySchema = z.strictObject({
  account_ids: z.array(z.string().regex(/^[0-9]{1,20}$/, "must be digits, without act_")).min(1).max(1_000).optional(),
  since: DaySchema.optional(),
  until: DaySchema.optional(),
  refresh: z.boolean().optional(),
  resume: z.boolean().optional(),
}).check((context) => {
  const { since, until } = context.value;
  if (since === undefined || until === undefined || since <= until) return;
  context.issues.push({ code: "custom", message: "must not be after until", path: ["since"], input: since });
});

/** Answers one request; called twice, the second call helps the first. */
export function handleSyncInsights(call: SyncCall): Promise<Answer> {
  return answerSync(call, {
    function_slug: "fb-sync-insights",
    work: workOnInsights,
    countRows: (rows) => ({ insights: rows.insights ?? 0 }),
  });
}
