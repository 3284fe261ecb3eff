/**
 * Reads what spent money, by ad, ad set or campaign.
 *
 * @module
 */

import type { Sql } from "../operator/database.ts";
import type { Level, Spender } from "./data.ts";

/** The most of a level that the report lists; the totals know of all. */
export const MOST_SPENDERS = 5_000;

/** What is read. */
export interface SpendersRequest {
  /** First day, inclusive. */
  since: string;
  /** Last day, inclusive. */
  until: string;
  /** First day of as many days before. */
  before_since: string;
  /** Rates of the currency's group, as `CurrencyGroup` has them. */
  rates: string;
  /** By what. */
  level: Level;
  /** The ROAS from which it earns its money back. */
  break_even_roas: number;
}

/** Reads them, the one with the most spend first. */
export async function readSpenders(sql: Sql, request: SpendersRequest): Promise<Spender[]> {
  const { since, until, before_since, rates, level, break_even_roas } = request;
  return [
    ...await sql<Spender[]>`
    with native as (
      select
        date, coalesce(currency, '?') as currency,
        case when ${level} = 'ad' then fb_ad_id else fb_adset_id end as fb_id,
        case when ${level} = 'ad' then ad_id else adset_id end as id,
        fb_account_id, spend, impressions, link_clicks, reach,
        sales_by_click_day, revenue_by_click_day, unpriced_by_click_day, meta_purchases, meta_purchase_value
      from public.fb_ad_performance
      where ${level} <> 'campaign' and date between ${before_since} and ${until}
      union all
      select
        date, coalesce(currency, '?'), fb_campaign_id, campaign_id,
        fb_account_id, spend, impressions, link_clicks, reach,
        sales_by_click_day, revenue_by_click_day, unpriced_by_click_day, meta_purchases, meta_purchase_value
      from public.fb_campaign_performance
      where ${level} = 'campaign' and date between ${before_since} and ${until}
    ),
    figures as materialized (
      select
        native.date, native.fb_id, native.id, native.fb_account_id, native.spend * day.rate as spend,
        native.impressions, native.link_clicks, native.reach, native.sales_by_click_day, native.unpriced_by_click_day,
        native.revenue_by_click_day * day.rate as revenue_by_click_day, native.meta_purchases,
        native.meta_purchase_value * day.rate as meta_purchase_value
      from native
      join jsonb_to_recordset(${rates}::text::jsonb) as day (currency text, date date, rate numeric)
        on day.currency = native.currency and day.date = native.date
    ),
    running as (
      select id, date, sum(sum(coalesce(revenue_by_click_day, 0) / ${break_even_roas} - spend)) over (
        partition by id order by date
      ) as balance
      from figures
      where date >= ${since}
      group by id, date
    ),
    -- From the day after the best balance on, it has only lost.
    peak as (
      select distinct on (id) id, date, balance from running order by id, balance desc, date desc
    ),
    losing as (
      select running.id, min(running.date) as since,
        greatest(peak.balance, 0) - (array_agg(running.balance order by running.date desc))[1] as lost
      from running
      join peak on peak.id = running.id and (peak.balance < 0 or running.date > peak.date)
      group by running.id, peak.balance
    ),
    before as (
      select id, sum(spend) as spend,
        case when sum(unpriced_by_click_day) = 0 then coalesce(sum(revenue_by_click_day), 0) end as revenue
      from figures
      where date < ${since}
      group by id
    ),
    total as (
      select
        id, fb_id, fb_account_id, sum(spend) as spend, sum(impressions)::float8 as impressions,
        sum(link_clicks)::float8 as link_clicks, sum(reach)::float8 as daily_reach,
        sum(sales_by_click_day)::int as sales,
        case when sum(unpriced_by_click_day) = 0 then coalesce(sum(revenue_by_click_day), 0) end as revenue,
        sum(meta_purchases) as meta_purchases, sum(meta_purchase_value) as meta_purchase_value
      from figures
      where date >= ${since}
      group by id, fb_id, fb_account_id
    )
    select
      total.fb_id,
      case ${level} when 'ad' then ad.name when 'adset' then adset.name else campaign.name end as name,
      case ${level} when 'ad' then adset.name end as adset_name,
      case when ${level} <> 'campaign' then campaign.name end as campaign_name,
      total.fb_account_id,
      case ${level}
        when 'ad' then ad.effective_status when 'adset' then adset.effective_status else campaign.effective_status
      end as effective_status,
      total.spend::text, total.impressions, total.link_clicks, total.daily_reach, total.sales, total.revenue::text,
      total.meta_purchases::text, total.meta_purchase_value::text,
      case when total.revenue is not null then losing.since::text end as losing_since,
      case when total.revenue is not null then losing.lost::text end as lost_since,
      coalesce(before.spend, 0)::text as spend_before,
      case when before.id is null then '0' else before.revenue::text end as revenue_before
    from total
    left join losing on losing.id = total.id
    left join before on before.id = total.id
    left join public.ad_ads as ad on ${level} = 'ad' and ad.id = total.id
    left join public.ad_adsets as adset on adset.id = case ${level} when 'ad' then ad.adset_id else total.id end
    left join public.ad_campaigns as campaign
      on campaign.id = case ${level} when 'campaign' then total.id else adset.campaign_id end
    order by total.spend desc, total.fb_id
    limit ${MOST_SPENDERS}`,
  ];
}
