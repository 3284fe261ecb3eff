/**
 * Reports of invented data in the shapes that a page must bear: nothing, one day, a month, thousands of ads.
 *
 * @module
 */

import type { CurrencyFigures, EventRecognition, PeriodFigures, ReportData, Spender } from "../../cli/report/data.ts";

const DAY_MS = 86_400_000;
const LAST_DAY = Date.UTC(2026, 10, 21);

const dayOf = (back: number): string => new Date(LAST_DAY - back * DAY_MS).toISOString().slice(0, 10);

/** A report of which nothing is known yet. */
export function emptyReport(): ReportData {
  return {
    generated_at: "2026-11-22T05:00:00.000Z",
    since: dayOf(27),
    until: dayOf(0),
    before_since: dayOf(55),
    break_even_roas: 1,
    timezone_name: "Asia/Jakarta",
    home: null,
    currencies: [],
    funnel: [],
    coverage: { sales: 0, attributed_to_ads: 0, attributed_to_adsets: 0, attributed_to_campaigns: 0, reasons: [] },
    recognition: [],
    why_claims_differ: "Meta counts what it models.",
    health: { alerts: [], runs: [], queues: [], throttled: [], differing_days: [], newest_insight_at: null },
  };
}

const isMonday = (day: string): boolean => new Date(day).getUTCDay() === 1;
const isFirst = (day: string): boolean => day.endsWith("-01");

/** Adds days up to periods, of which each begins where the day says so. */
function joinDays(days: readonly PeriodFigures[], begins: (day: string) => boolean): PeriodFigures[] {
  const periods: PeriodFigures[] = [];
  const add = (one: string | null, other: string | null) => `${Number(one) + Number(other)}`;
  for (const day of days) {
    const last = periods.at(-1);
    if (last === undefined || begins(day.since)) {
      periods.push({ ...day });
    } else {
      last.until = day.until;
      last.spend = add(last.spend, day.spend);
      last.click_sales += day.click_sales;
      last.click_revenue = add(last.click_revenue, day.click_revenue);
      last.paid_sales += day.paid_sales;
      last.paid_revenue = add(last.paid_revenue, day.paid_revenue);
    }
  }
  return periods;
}

/** Figures of a number of days and ads, the same at every call. */
export function sampleFigures(day_count: number, ad_count: number, currency = "IDR"): CurrencyFigures {
  const day = Array.from({ length: day_count }, (_, index) => {
    const back = day_count - 1 - index;
    const spend = 1_400_000 + 350_000 * Math.sin(index / 3) + 9_000 * index;
    const sales = Math.round(9 + 4 * Math.sin(index / 2.3));
    return {
      since: dayOf(back),
      until: dayOf(back),
      spend: spend.toFixed(0),
      click_sales: sales,
      click_revenue: `${sales * 329_000}`,
      paid_sales: sales - 1,
      paid_revenue: `${(sales - 1) * 329_000}`,
    };
  });
  const ads = Array.from({ length: ad_count }, (_, index) => sampleAd(index));
  return {
    currency,
    periods: { day, week: joinDays(day, isMonday), month: joinDays(day, isFirst) },
    before: { spend: "36000000", sales: 190, revenue: "62510000" },
    ads,
    adsets: ads.slice(0, 6).map((ad, index) => ({
      ...ad,
      fb_id: `${120_220_000_000_000 + index}`,
      name: ad.adset_name,
      adset_name: null,
    })),
    campaigns: ads.slice(0, 3).map((ad, index) => ({
      ...ad,
      fb_id: `${120_210_000_000_000 + index}`,
      name: ad.campaign_name,
      adset_name: null,
      campaign_name: null,
    })),
  };
}

/** What Meta says of an event; with a goal a Pixel runs beside it, and Meta finds something wrong. */
function sampleRecognition(
  event_name: string,
  event_coverage_goal: number | null,
  keys: [key: string, meta: number, sent: number | null][],
): EventRecognition {
  return {
    pixel_id: "800000000000001",
    event_name,
    date: dayOf(0),
    composite_score: event_coverage_goal === null ? null : 7.4,
    score_before: event_coverage_goal === null ? null : 7.55,
    event_coverage: event_coverage_goal === null ? null : 34.1,
    event_coverage_goal,
    upload_frequency: "real_time",
    keys: keys.map(([key, meta, sent]) => ({ key, meta, sent })),
    diagnostics: event_coverage_goal === null ? [] : [{
      name: "Server sending <mismatched> IP addresses",
      description: "The server's and the browser's addresses differ.",
      solution: "Send the buyer's address.",
    }],
  };
}

/** An ad: every seventh is paused, the fifth has a sale without an exchange rate. */
export function sampleAd(index: number): Spender {
  const sales = Math.round(90 / (index + 2));
  const revenue = index === 4 ? null : `${sales * 329_000}`;
  return {
    fb_id: `${120_230_000_000_000 + index}`,
    name: index === 30 ? `</script><b>"Kebaya" & 'batik'</b>` : `Video ${index + 1}, square, ${index % 7} s`,
    adset_name: ["Jakarta, 18–34", "Bandung, 25–44"][index % 2] ?? null,
    campaign_name: `Canva courses, ${["prospecting", "retargeting", "lookalike 1 %"][index % 3]}`,
    fb_account_id: "102938475000001",
    effective_status: index % 7 === 6 ? "CAMPAIGN_PAUSED" : "ACTIVE",
    spend: (9_000_000 / (index + 1)).toFixed(2),
    impressions: Math.round(4_000_000 / (index + 3)),
    link_clicks: index === 5 ? null : Math.round(42_000 / (index + 3)),
    daily_reach: index === 5 ? null : Math.round(3_000_000 / (index + 3)),
    sales,
    revenue,
    meta_purchases: index === 5 ? null : `${Math.round(sales * 1.2)}`,
    meta_purchase_value: index === 5 ? null : `${Math.round(sales * 1.2) * 329_000}`,
    losing_since: index % 4 === 3 ? dayOf(9) : null,
    lost_since: index % 4 === 3 ? "410000" : null,
    spend_before: (8_000_000 / (index + 1)).toFixed(2),
    revenue_before: revenue,
  };
}

/** A report of everything. */
export function fullReport(day_count: number, ad_count: number): ReportData {
  const empty = emptyReport();
  return {
    ...empty,
    since: dayOf(day_count - 1),
    home: { currency: "IDR", converted: [], missing_rates: [] },
    currencies: [sampleFigures(day_count, ad_count)],
    funnel: [
      { event_name: "PageView", events: 4_812, suppressed: 610 },
      { event_name: "Lead", events: 391, suppressed: 40 },
      { event_name: "InitiateCheckout", events: 207, suppressed: 18 },
      { event_name: "Purchase", events: 118, suppressed: 9 },
    ],
    coverage: {
      sales: 288,
      attributed_to_ads: 231,
      attributed_to_adsets: 0,
      attributed_to_campaigns: 6,
      reasons: [{ reason: "no_touch", sales: 31 }, { reason: "ad_unknown", sales: 12 }, {
        reason: "no_consent",
        sales: 8,
      }],
    },
    recognition: [
      sampleRecognition("PageView", null, [["user_agent", 100, 100], ["fbp", 96.4, 97]]),
      sampleRecognition("Purchase", 75, [["email", 98.1, 99], ["phone", 41, 20.3], ["fbc", 22.5, null]]),
    ],
    health: {
      alerts: [{
        severity: "warning",
        problem: "3 live ads lack the URL parameters that attribution needs.",
        cost: "Their sales are credited to nobody.",
        remedy: "Paste the parameters in Ads Manager.",
        since: "2026-11-20T02:00:00Z",
      }],
      runs: [
        {
          function_slug: "fb-sync-insights",
          started_at: "2026-11-22T02:15:00Z",
          seconds: 41.2,
          jobs_done: 36,
          jobs_failed: 0,
          rows: 8_412,
          graph_calls: 52,
          error: null,
        },
        {
          function_slug: "fb-sync-metadata",
          started_at: "2026-11-22T02:00:00Z",
          seconds: null,
          jobs_done: 12,
          jobs_failed: 1,
          rows: 1_180,
          graph_calls: 19,
          error: "Meta answered 500 three times.",
        },
      ],
      queues: [{ queue: "Reads from Meta", state: "pending", count: 4 }, {
        queue: "Events to Meta",
        state: "sent",
        count: 5_391,
      }],
      throttled: [{
        scope: "account",
        name: "Warung Kreatif ID",
        throttled_until: "2026-11-22T06:00:00Z",
        stopped_at: null,
      }],
      differing_days: [{
        account_name: "Warung Kreatif ID",
        date: dayOf(3),
        currency: "IDR",
        our_spend: "1410000",
        meta_spend: "1411000",
      }],
      newest_insight_at: "2026-11-22T02:16:00Z",
    },
  };
}
