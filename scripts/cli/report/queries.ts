/**
 * Reads the report's data through SQL. Figures come from the reporting views, so that the page shows what any other
 * reader of them sees; every query over history takes the range.
 *
 * @module
 */

import type { Sql } from "../operator/database.ts";
import type {
  Coverage,
  CoverageReason,
  CurrencyFigures,
  FunnelStep,
  Period,
  PeriodFigures,
  ReportData,
  ReportRange,
  TotalsBefore,
} from "./data.ts";
import { type CurrencyGroup, groupCurrencies } from "./currencies.ts";
import { readHealth } from "./health.ts";
import { readRecognition } from "./match_quality.ts";
import { readSpenders } from "./spenders.ts";
import { PERIODS } from "./tables.ts";

const DAY_MS = 86_400_000;

/** Steps of the funnel in their order. */
const FUNNEL = ["PageView", "Lead", "InitiateCheckout", "Purchase"];

const WHY_CLAIMS_DIFFER =
  "Meta counts views without a click, people it recognises across devices, purchases it estimates where it " +
  "may not look, and refunds never. We count paid sales with a landing that names the ad, after refunds, each once. So the two are never equal: " +
  "watch how the difference changes.";

/** Today where it is latest: an account east of Greenwich may be a day ahead of UTC. */
export async function findToday(sql: Sql): Promise<string> {
  const [newest] = await sql<{ today: string }[]>`
    select coalesce(max(fb_ads.local_day(timezone_name)), (now() at time zone 'UTC')::date)::text as today
    from public.ad_accounts where enabled`;
  if (newest === undefined) throw new Error("the database did not say what day it is");
  return newest.today;
}

/** The day that lies so many days before another, `YYYY-MM-DD`. */
export function daysBefore(day: string, days: number): string {
  return new Date(Date.parse(day) - days * DAY_MS).toISOString().slice(0, 10);
}

/** Reads everything that the report shows. */
export async function readReport(sql: Sql, range: ReportRange, now: Date): Promise<ReportData> {
  const length = (Date.parse(range.until) - Date.parse(range.since)) / DAY_MS + 1;
  const before_since = daysBefore(range.since, length);
  const { break_even_roas, timezone_name } = await readSettings(sql, range);
  const { home, groups } = await groupCurrencies(sql, range, before_since);
  const currencies: CurrencyFigures[] = [];
  for (const group of groups) {
    const request = { ...range, before_since, break_even_roas, rates: group.rates };
    currencies.push({
      currency: group.currency,
      periods: await readPeriods(sql, range, group),
      before: await readBefore(sql, before_since, range.since, group),
      ads: await readSpenders(sql, { ...request, level: "ad" }),
      adsets: await readSpenders(sql, { ...request, level: "adset" }),
      campaigns: await readSpenders(sql, { ...request, level: "campaign" }),
    });
  }
  return {
    generated_at: now.toISOString(),
    since: range.since,
    until: range.until,
    before_since,
    break_even_roas,
    timezone_name,
    home,
    currencies,
    funnel: await readFunnel(sql, range),
    coverage: await readCoverage(sql, range),
    recognition: await readRecognition(sql, range, FUNNEL),
    why_claims_differ: WHY_CLAIMS_DIFFER,
    health: await readHealth(sql, range),
  };
}

/** The break-even ROAS, and the time zone of the account that spends the most. */
async function readSettings(
  sql: Sql,
  { since, until }: ReportRange,
): Promise<Pick<ReportData, "break_even_roas" | "timezone_name">> {
  const [found] = await sql<Pick<ReportData, "break_even_roas" | "timezone_name">[]>`
    select break_even_roas::float8, coalesce(
      (
        select account.timezone_name
        from public.ad_accounts as account
        left join public.ad_spend as spent
          on spent.account_id = account.id and spent.date between ${since} and ${until}
        where account.timezone_name is not null
        group by account.id
        order by account.enabled desc, count(spent.id) desc, account.fb_account_id
        limit 1
      ),
      'UTC'
    ) as timezone_name
    from fb_ads.settings`;
  return found ?? { break_even_roas: 1, timezone_name: "UTC" };
}

async function readBefore(
  sql: Sql,
  before_since: string,
  since: string,
  { rates }: CurrencyGroup,
): Promise<TotalsBefore> {
  const [total] = await sql<TotalsBefore[]>`
    select
      coalesce(sum(performance.spend * day.rate), 0)::text as spend,
      coalesce(sum(performance.sales_by_click_day), 0)::int as sales,
      case when coalesce(sum(performance.unpriced_by_click_day), 0) = 0
        then coalesce(sum(performance.revenue_by_click_day * day.rate), 0)::text end as revenue
    from public.fb_campaign_performance as performance
    join jsonb_to_recordset(${rates}::text::jsonb) as day (currency text, date date, rate numeric)
      on day.currency = coalesce(performance.currency, '?') and day.date = performance.date
    where performance.date >= ${before_since} and performance.date < ${since}`;
  return total ?? { spend: "0", sales: 0, revenue: "0" };
}

async function readPeriods(
  sql: Sql,
  { since, until }: ReportRange,
  { rates }: CurrencyGroup,
): Promise<CurrencyFigures["periods"]> {
  const rows = await sql<(PeriodFigures & { period: Period })[]>`
    with figures as materialized (
      select
        performance.date, performance.spend * day.rate as spend,
        performance.sales_by_click_day as click_sales, performance.unpriced_by_click_day as click_unpriced,
        performance.revenue_by_click_day * day.rate as click_revenue,
        performance.sales_by_payment_day as paid_sales, performance.unpriced_by_payment_day as paid_unpriced,
        performance.revenue_by_payment_day * day.rate as paid_revenue
      from public.fb_campaign_performance as performance
      join jsonb_to_recordset(${rates}::text::jsonb) as day (currency text, date date, rate numeric)
        on day.currency = coalesce(performance.currency, '?') and day.date = performance.date
      where performance.date between ${since} and ${until}
    )
    select
      wanted.period,
      min(series.day)::date::text as since,
      max(series.day)::date::text as until,
      coalesce(sum(spend), 0)::text as spend,
      coalesce(sum(click_sales), 0)::int as click_sales,
      case when coalesce(sum(click_unpriced), 0) = 0 then coalesce(sum(click_revenue), 0)::text end as click_revenue,
      coalesce(sum(paid_sales), 0)::int as paid_sales,
      case when coalesce(sum(paid_unpriced), 0) = 0 then coalesce(sum(paid_revenue), 0)::text end as paid_revenue
    from unnest(${PERIODS}::text[]) as wanted (period)
    cross join generate_series(${since}::date::timestamp, ${until}::date, interval '1 day') as series (day)
    left join figures on figures.date = series.day::date
    group by wanted.period, date_trunc(wanted.period, series.day)
    order by wanted.period, min(series.day)`;
  const of = (wanted: Period) => rows.flatMap(({ period, ...figures }) => period === wanted ? [figures] : []);
  return { day: of("day"), week: of("week"), month: of("month") };
}

async function readFunnel(sql: Sql, { since, until }: ReportRange): Promise<FunnelStep[]> {
  const counted = await sql<FunnelStep[]>`
    select
      step.event_name, coalesce(sum(counted.events), 0)::int as events,
      coalesce(sum(counted.suppressed), 0)::int as suppressed
    from unnest(${FUNNEL}::text[]) with ordinality as step (event_name, position)
    left join fb_ads.daily_events as counted
      on counted.event_name = step.event_name and counted.date between ${since} and ${until}
    group by step.event_name, step.position
    order by step.position`;
  return counted.every(({ events }) => events === 0) ? [] : [...counted];
}

async function readCoverage(sql: Sql, { since, until }: ReportRange): Promise<Coverage> {
  const [total] = await sql<Omit<Coverage, "reasons">[]>`
    select
      coalesce(sum(sales), 0)::int as sales,
      coalesce(sum(attributed_to_ads), 0)::int as attributed_to_ads,
      coalesce(sum(attributed_to_adsets), 0)::int as attributed_to_adsets,
      coalesce(sum(attributed_to_campaigns), 0)::int as attributed_to_campaigns
    from public.fb_attribution_coverage where date between ${since} and ${until}`;
  const reasons = await sql<CoverageReason[]>`
    select counted.reason, sum(counted.sales)::int as sales
    from public.fb_attribution_coverage as coverage
    cross join lateral (values
      ('no_touch', no_touch), ('outside_window', outside_window), ('click_after_purchase', click_after_purchase),
      ('ambiguous', ambiguous), ('ad_unknown', ad_unknown), ('no_consent', no_consent), ('waiting', waiting)
    ) as counted (reason, sales)
    where coverage.date between ${since} and ${until}
    group by counted.reason having sum(counted.sales) > 0
    order by 2 desc, 1`;
  const none = { sales: 0, attributed_to_ads: 0, attributed_to_adsets: 0, attributed_to_campaigns: 0 };
  return { ...none, ...total, reasons: [...reasons] };
}
