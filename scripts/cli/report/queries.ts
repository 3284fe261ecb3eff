/**
 * Reads the report's data through SQL. Figures come from the reporting views, so that the page shows what any other
 * reader of them sees; every query over history takes the range.
 *
 * @module
 */

import type { Sql } from "../operator/database.ts";
import type {
  AdFigures,
  CampaignClaims,
  Coverage,
  CoverageReason,
  CurrencyFigures,
  DayFigures,
  FunnelStep,
  ReportData,
} from "./data.ts";
import { MOST_ADS } from "./figures.ts";
import { readHealth } from "./health.ts";

/** First and last day, `YYYY-MM-DD`, inclusive. */
export interface ReportRange {
  /** First day. */
  since: string;
  /** Last day, inclusive. */
  until: string;
}

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

/** Reads everything that the report shows. */
export async function readReport(sql: Sql, range: ReportRange, now: Date): Promise<ReportData> {
  const currencies: CurrencyFigures[] = [];
  for (const { currency } of await readCurrencies(sql, range)) {
    currencies.push({
      currency,
      days: await readDays(sql, range, currency),
      ads: await readAds(sql, range, currency),
      claims: await readClaims(sql, range, currency),
    });
  }
  const { funnel, funnel_days } = await readFunnel(sql);
  return {
    generated_at: now.toISOString(),
    ...range,
    currencies,
    funnel_days,
    funnel,
    coverage: await readCoverage(sql, range),
    why_claims_differ: WHY_CLAIMS_DIFFER,
    health: await readHealth(sql, range),
  };
}

function readCurrencies(sql: Sql, { since, until }: ReportRange): Promise<{ currency: string }[]> {
  return sql<{ currency: string }[]>`
    select coalesce(currency, '?') as currency from public.fb_campaign_performance
    where date between ${since} and ${until}
    group by 1 order by count(*) desc, sum(spend) desc, 1`;
}

function readDays(sql: Sql, { since, until }: ReportRange, currency: string): Promise<DayFigures[]> {
  return sql<DayFigures[]>`
    select
      day::date::text as date,
      coalesce(sum(spend), 0)::text as spend,
      coalesce(sum(sales_by_click_day), 0)::int as click_sales,
      case when coalesce(sum(unpriced_by_click_day), 0) = 0 then coalesce(sum(revenue_by_click_day), 0)::text end as click_revenue,
      coalesce(sum(sales_by_payment_day), 0)::int as paid_sales,
      case when coalesce(sum(unpriced_by_payment_day), 0) = 0 then coalesce(sum(revenue_by_payment_day), 0)::text end as paid_revenue
    from generate_series(${since}::date::timestamp, ${until}::date, interval '1 day') as day
    left join (
      select * from public.fb_campaign_performance
      where date between ${since} and ${until} and coalesce(currency, '?') = ${currency}
    ) as performance on performance.date = day::date
    group by day order by day`;
}

function readAds(sql: Sql, { since, until }: ReportRange, currency: string): Promise<AdFigures[]> {
  return sql<AdFigures[]>`
    select
      fb_ad_id, ad_name, campaign_name,
      sum(spend)::text as spend,
      sum(impressions)::float8 as impressions,
      sum(clicks)::float8 as clicks,
      sum(sales_by_click_day)::int as sales,
      case when sum(unpriced_by_click_day) = 0 then coalesce(sum(revenue_by_click_day), 0)::text end as revenue
    from public.fb_ad_performance
    where date between ${since} and ${until} and coalesce(currency, '?') = ${currency}
    group by fb_ad_id, ad_name, campaign_name
    order by sum(spend) desc, fb_ad_id
    limit ${MOST_ADS}`;
}

function readClaims(sql: Sql, { since, until }: ReportRange, currency: string): Promise<CampaignClaims[]> {
  return sql<CampaignClaims[]>`
    select
      campaign_name,
      sum(our_sales)::int as our_sales,
      case when count(*) = count(our_revenue) then sum(our_revenue)::text end as our_revenue,
      sum(meta_purchases)::text as meta_purchases,
      sum(meta_purchase_value)::text as meta_purchase_value
    from public.fb_meta_claims
    where date between ${since} and ${until} and coalesce(currency, '?') = ${currency}
    group by campaign_name
    order by sum(meta_purchases) desc nulls last, campaign_name
    limit 100`;
}

async function readFunnel(sql: Sql): Promise<{ funnel: FunnelStep[]; funnel_days: number }> {
  const counted = await sql<FunnelStep[]>`
    select
      step.event_name,
      count(event.id)::int as events,
      (count(event.id) filter (where event.state = 'suppressed'))::int as suppressed
    from unnest(${FUNNEL}::text[]) with ordinality as step (event_name, position)
    cross join fb_ads.settings as settings
    left join fb_ads.conversion_events as event
      on event.event_name = step.event_name and event.event_time >= now() - settings.page_view_retention
    group by step.event_name, step.position
    order by step.position`;
  const [kept] = await sql<{ days: number }[]>`
    select extract(epoch from page_view_retention)::float8 / 86400 as days from fb_ads.settings`;
  return { funnel: counted.every(({ events }) => events === 0) ? [] : [...counted], funnel_days: kept?.days ?? 0 };
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
