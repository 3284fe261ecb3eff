/**
 * The report's tables as data: the page shows them, `--csv` writes them. A cell is text, a figure, or null where it is
 * not known.
 *
 * @module
 */

import type { Coverage, CurrencyFigures, FunnelStep, Level, Period, PeriodFigures, Spender } from "./data.ts";
import { divide, type Figure, type Kind } from "./format.ts";
import { judge, type Judgement, VERDICT_WORDS } from "./verdicts.ts";

/** A column; one without a kind holds text. */
export interface Column<Row> {
  /** Its name in a file. */
  key: string;
  /** Its heading on the page; absent: it is in files only. */
  title?: string;
  /** What its figures are. */
  kind?: Kind;
  /** The cell of a row. */
  value(row: Row): Figure;
}

/** A spender with what its figures say. */
export interface Judged extends Spender, Judgement {}

/** Judges all of one level, the worst first by money lost; what is not known comes last. */
export function judgeAll(
  spenders: readonly Spender[],
  break_even_roas: number,
  usual_value: number | null,
): Judged[] {
  const place = ({ balance }: Judged) => balance ?? Number.POSITIVE_INFINITY;
  return spenders
    .map((spender) => ({ ...spender, ...judge(spender, break_even_roas, usual_value) }))
    .toSorted((one, other) => place(one) - place(other) || Number(other.spend) - Number(one.spend));
}

/** What a sale of a currency is usually worth; null where none is known. */
export function usualValue({ periods }: CurrencyFigures): number | null {
  const known = periods.day.filter((day) => day.click_revenue !== null);
  return divide(
    known.reduce((sum, day) => sum + Number(day.click_revenue), 0),
    known.reduce((sum, day) => sum + day.click_sales, 0),
  );
}

/** Whether it can spend money now. */
export function isLive({ effective_status }: Spender): boolean {
  return effective_status === "ACTIVE";
}

/** How a state of Meta's is written. */
export function stateWords(effective_status: string | null): string {
  if (effective_status === null) return "Not known";
  const words = effective_status.toLowerCase().replace("adset", "ad set").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const LEVEL_WORDS: Readonly<Record<Level, string>> = { ad: "Ad", adset: "Ad set", campaign: "Campaign" };

/** The columns of a level. The first is its name. */
export function spenderColumns(level: Level, currency: string): readonly Column<Judged>[] {
  return [
    { key: level, title: LEVEL_WORDS[level], value: (row) => row.name ?? row.fb_id },
    { key: `fb_${level}_id`, value: (row) => row.fb_id },
    ...(level === "ad" ? [{ key: "adset", value: (row: Judged) => row.adset_name }] : []),
    ...(level === "campaign" ? [] : [{ key: "campaign", value: (row: Judged) => row.campaign_name }]),
    { key: "fb_account_id", value: (row) => row.fb_account_id },
    { key: "currency", value: () => currency },
    {
      key: "verdict",
      title: "Verdict",
      value: (row) => row.verdict === null ? "Not known" : VERDICT_WORDS[row.verdict],
    },
    { key: "earned_or_lost", title: "Earned or lost", kind: "money", value: (row) => row.balance },
    { key: "roas", title: "ROAS", kind: "ratio", value: (row) => row.roas },
    { key: "roas_low", title: "ROAS at least", kind: "ratio", value: (row) => row.roas_low },
    { key: "roas_high", title: "ROAS at most", kind: "ratio", value: (row) => row.roas_high },
    { key: "roas_change", title: "ROAS change", kind: "change", value: roasChange },
    { key: "spend", title: "Spend", kind: "money", value: (row) => row.spend },
    { key: "sales", title: "Sales", kind: "count", value: (row) => row.sales },
    { key: "cost_per_sale", title: "Cost per sale", kind: "money", value: (row) => divide(row.spend, row.sales) },
    { key: "net_revenue", title: "Net revenue", kind: "money", value: (row) => row.revenue },
    { key: "meta_purchases", title: "Meta’s purchases", kind: "count", value: (row) => row.meta_purchases },
    {
      key: "meta_roas",
      title: "Meta’s ROAS",
      kind: "ratio",
      value: (row) => divide(row.meta_purchase_value, row.spend),
    },
    { key: "link_clicks", title: "Link clicks", kind: "count", value: (row) => row.link_clicks },
    { key: "link_ctr", title: "Link CTR", kind: "share", value: (row) => divide(row.link_clicks, row.impressions) },
    {
      key: "cost_per_link_click",
      title: "Cost per link click",
      kind: "money",
      value: (row) => divide(row.spend, row.link_clicks),
    },
    {
      key: "cpm",
      title: "CPM",
      kind: "money",
      value: (row) => divide(Number(row.spend) * 1_000, row.impressions),
    },
    {
      key: "daily_frequency",
      title: "Seen a day",
      kind: "ratio",
      value: (row) => divide(row.impressions, row.daily_reach),
    },
    { key: "impressions", title: "Impressions", kind: "count", value: (row) => row.impressions },
    { key: "state", title: "State", value: (row) => stateWords(row.effective_status) },
  ];
}

/** By how much the ROAS changed against as many days before. */
function roasChange(
  { revenue, spend, revenue_before, spend_before }: Pick<
    Spender,
    "revenue" | "spend" | "revenue_before" | "spend_before"
  >,
): number | null {
  const ratio = divide(divide(revenue, spend), divide(revenue_before, spend_before));
  return ratio === null ? null : ratio - 1;
}

/** The periods in the order in which they are offered. */
export const PERIODS: readonly Period[] = ["day", "week", "month"];

const PERIOD_WORDS: Readonly<Record<Period, string>> = { day: "Day", week: "Week", month: "Month" };

/** The columns of the figures by day, week or month. */
export function periodColumns(period: Period): readonly Column<PeriodFigures>[] {
  return [
    {
      key: period,
      title: PERIOD_WORDS[period],
      value: ({ since, until }) => since === until ? since : `${since} to ${until}`,
    },
    { key: "since", value: (row) => row.since },
    { key: "until", value: (row) => row.until },
    { key: "spend", title: "Spend", kind: "money", value: (row) => row.spend },
    { key: "sales_by_click_day", title: "Sales by click day", kind: "count", value: (row) => row.click_sales },
    {
      key: "net_revenue_by_click_day",
      title: "Net revenue by click day",
      kind: "money",
      value: (row) => row.click_revenue,
    },
    {
      key: "roas_by_click_day",
      title: "ROAS by click day",
      kind: "ratio",
      value: (row) => divide(row.click_revenue, row.spend),
    },
    { key: "sales_by_payment_day", title: "Sales by payment day", kind: "count", value: (row) => row.paid_sales },
    {
      key: "net_revenue_by_payment_day",
      title: "Net revenue by payment day",
      kind: "money",
      value: (row) => row.paid_revenue,
    },
    {
      key: "roas_by_payment_day",
      title: "ROAS by payment day",
      kind: "ratio",
      value: (row) => divide(row.paid_revenue, row.spend),
    },
  ];
}

/** The columns of the funnel's file. */
export const FUNNEL_COLUMNS: readonly Column<FunnelStep>[] = [
  { key: "event", value: (step) => step.event_name },
  { key: "events", value: (step) => step.events },
  { key: "without_consent", value: (step) => step.suppressed },
];

/** A line of the coverage's file. */
export interface CoverageLine {
  /** What became of the sales. */
  outcome: string;
  /** How many. */
  sales: number;
}

/** What became of all sales, each counted once. */
export function coverageLines(coverage: Coverage): CoverageLine[] {
  return [
    { outcome: "credited_to_an_ad", sales: coverage.attributed_to_ads },
    { outcome: "credited_to_an_ad_set", sales: coverage.attributed_to_adsets },
    { outcome: "credited_to_a_campaign", sales: coverage.attributed_to_campaigns },
    ...coverage.reasons.map(({ reason, sales }) => ({ outcome: reason, sales })),
  ];
}
