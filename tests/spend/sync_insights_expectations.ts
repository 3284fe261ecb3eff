/**
 * What `ad_spend` must hold after an insights sync, told by the emulator's world: every row, to the last digit.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Platform } from "../../scripts/supabase-local/mod.ts";
import {
  type AdAccount,
  dailyMetrics,
  dayText,
  type GraphEmulator,
  type LedgerEntry,
  localDay,
  majorText,
} from "../../scripts/meta-emulator/mod.ts";

/** The function's slug. */
export const SLUG = "fb-sync-insights";

/** Today at the account, as a number of days. */
export function today(graph: GraphEmulator, account: AdAccount): number {
  return localDay(account.plan.timezone_name, graph.clock.now());
}

/** Rows of an account's last `days` days, as `date ad spend impressions clicks reach link_clicks currency`. */
export function expectedRows(graph: GraphEmulator, account: AdAccount, days: number): string[] {
  const last = today(graph, account);
  const { currency } = account.plan;
  const rows: string[] = [];
  for (let day = last - days + 1; day <= last; day++) {
    for (const ad of account.ads) {
      const metrics = dailyMetrics(account, ad, day, graph.clock.now());
      if (metrics === null) continue;
      const { impressions, clicks, reach, inline_link_clicks } = metrics;
      const spend = majorText(metrics.spend, currency);
      // Meta leaves out link clicks where there were none.
      const link_clicks = inline_link_clicks > 0 ? [inline_link_clicks] : [];
      rows.push([dayText(day), ad.id, spend, impressions, clicks, reach, ...link_clicks, currency].join(" "));
    }
  }
  return rows.sort();
}

/** Rows of an account as the database holds them, in the same form. */
export async function storedRows(platform: Platform, account: AdAccount): Promise<string[]> {
  const rows = await platform.sql<{ row: string }[]>`
    select concat_ws(' ', s.date, a.fb_ad_id, s.spend, s.impressions, s.clicks, s.reach, s.inline_link_clicks, s.currency) as row
    from public.ad_spend s
    join public.ad_ads a on a.id = s.ad_id
    join public.ad_accounts c on c.id = s.account_id
    where c.fb_account_id = ${account.plan.account_id}`;
  return rows.map(({ row }) => row).sort();
}

/** Holds that the database has exactly the world's rows of the last `days` days, and nothing else. */
export async function assertSpend({ platform, graph }: Together, days = 90): Promise<void> {
  for (const account of graph.world.accounts) {
    const stored = new Set(await storedRows(platform, account));
    const expected = new Set(expectedRows(graph, account, days));
    // A thousand rows side by side tell nobody anything.
    const missing = [...expected.difference(stored)].slice(0, 5);
    const surplus = [...stored.difference(expected)].slice(0, 5);
    assertEquals({ missing, surplus }, { missing: [], surplus: [] }, account.plan.name);
  }
}

/** A platform and its Graph API. */
export interface Together {
  platform: Platform;
  graph: GraphEmulator;
}

/** The range that a call asked for, as `since..until`. */
export function rangeOf(call: LedgerEntry): string {
  const { time_range } = call.params;
  const range = typeof time_range === "string" ? JSON.parse(time_range) : time_range;
  return `${range.since}..${range.until}`;
}

/** Calls for insights of ads, whether answered at once or as a report. */
export function adCalls(graph: GraphEmulator): LedgerEntry[] {
  return graph.ledger.calls.filter((call) =>
    ["insights", "insights.create"].includes(call.route) && call.params.level === "ad"
  );
}

/** Jobs of the queue that match, newest plan first. */
export async function jobsOf(platform: Platform, kind = "insights"): Promise<Record<string, unknown>[]> {
  return [
    ...await platform.sql`
      select id, purpose, since::text, until::text, state, attempts, cursor, page_count, report_run_id, params, object_ids, last_error ->> 'reason' as reason
      from fb_ads.sync_jobs where kind = ${kind} order by id`,
  ];
}

/** Whether all ranges are read but one, whose report has come to this many per cent at least. */
export async function isReportLast({ sql }: Platform, percent = 0): Promise<boolean> {
  const open = await sql<{ percent: number | null }[]>`
    select (params -> 'report' ->> 'percent')::int as percent from fb_ads.sync_jobs
    where kind = 'insights' and state in ('pending', 'running')`;
  return open.length === 1 && (open[0]?.percent ?? -1) >= percent;
}

/** Enables no backfill, so that a test sees the window alone. */
export async function windowOnly(platform: Platform): Promise<void> {
  await platform.sql`update fb_ads.settings set insights_backfill_days = 0`;
}
