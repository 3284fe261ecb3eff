-- What each ad and each campaign cost and sold, by day: by the day of the click, as Meta counts, and by the day of the
-- payment.
-- What Meta did not say of a day is null, and never 0.
-- Why figures are added up here and never stored: a sale may be refunded, and a rate become known, long after the day.

create view public.fb_ad_performance with (security_invoker = true) as
with figures as (
  select spent.date, spent.ad_id, spent.spend, spent.impressions, spent.clicks, spent.reach,
    spent.inline_link_clicks, spent.meta_purchases, spent.meta_purchase_value, spent.unknown_purchases,
    spent.unknown_purchase_value,
    0 as click_sales, null::numeric as click_revenue, 0 as click_unpriced, 0 as click_reversed,
    0 as paid_sales, null::numeric as paid_revenue, 0 as paid_unpriced, 0 as paid_reversed
  from fb_ads.claimed_spend as spent
  union all
  select sale.clicked_on, sale.ad_id, null, null, null, null, null, null, null, 0, 0,
    sale.sales, sale.revenue, sale.unpriced, sale.reversed, 0, null, 0, 0
  from fb_ads.priced_sales as sale
    where sale.ad_id is not null
  union all
  select sale.paid_on, sale.ad_id, null, null, null, null, null, null, null, 0, 0, 0, null, 0, 0,
    sale.sales, sale.revenue, sale.unpriced, sale.reversed
  from fb_ads.priced_sales as sale
    where sale.ad_id is not null
),
days as (
  select figures.date, figures.ad_id,
    coalesce(sum(figures.spend), 0) as spend,
    coalesce(sum(figures.impressions), 0) as impressions,
    coalesce(sum(figures.clicks), 0) as clicks,
    sum(figures.reach) as reach,
    sum(figures.inline_link_clicks) as link_clicks,
    case when sum(figures.unknown_purchases) = 0 then sum(figures.meta_purchases) end as meta_purchases,
    case when sum(figures.unknown_purchase_value) = 0 then sum(figures.meta_purchase_value) end as meta_purchase_value,
    sum(figures.click_sales) as click_sales,
    case when sum(figures.click_unpriced) = 0 then coalesce(sum(figures.click_revenue), 0) end as click_revenue,
    sum(figures.click_unpriced) as click_unpriced,
    sum(figures.click_reversed) as click_reversed,
    sum(figures.paid_sales) as paid_sales,
    case when sum(figures.paid_unpriced) = 0 then coalesce(sum(figures.paid_revenue), 0) end as paid_revenue,
    sum(figures.paid_unpriced) as paid_unpriced,
    sum(figures.paid_reversed) as paid_reversed
  from figures
  group by figures.date, figures.ad_id
)
select
  days.date,
  account.id as account_id,
  account.fb_account_id,
  account.name as account_name,
  account.currency,
  campaign.id as campaign_id,
  campaign.fb_campaign_id,
  campaign.name as campaign_name,
  adset.id as adset_id,
  adset.fb_adset_id,
  adset.name as adset_name,
  ad.id as ad_id,
  ad.fb_ad_id,
  ad.name as ad_name,
  days.spend,
  days.impressions,
  days.clicks,
  days.click_sales as sales_by_click_day,
  days.click_revenue as revenue_by_click_day,
  days.click_unpriced as unpriced_by_click_day,
  days.click_reversed as reversed_by_click_day,
  round(days.spend / nullif(days.click_sales, 0), 2) as cost_per_sale_by_click_day,
  round(days.click_revenue / nullif(days.spend, 0), 4) as roas_by_click_day,
  days.paid_sales as sales_by_payment_day,
  days.paid_revenue as revenue_by_payment_day,
  days.paid_unpriced as unpriced_by_payment_day,
  days.paid_reversed as reversed_by_payment_day,
  round(days.spend / nullif(days.paid_sales, 0), 2) as cost_per_sale_by_payment_day,
  round(days.paid_revenue / nullif(days.spend, 0), 4) as roas_by_payment_day,
  ad.effective_status,
  days.reach,
  days.link_clicks,
  round(days.link_clicks::numeric / nullif(days.impressions, 0), 6) as link_ctr,
  round(days.spend / nullif(days.link_clicks, 0), 4) as cost_per_link_click,
  round(1000 * days.spend / nullif(days.impressions, 0), 4) as cpm,
  days.meta_purchases,
  days.meta_purchase_value,
  round(days.meta_purchase_value / nullif(days.spend, 0), 4) as meta_roas
from days
join public.ad_ads as ad on ad.id = days.ad_id
join public.ad_adsets as adset on adset.id = ad.adset_id
join public.ad_campaigns as campaign on campaign.id = adset.campaign_id
join public.ad_accounts as account on account.id = ad.account_id;

comment on view public.fb_ad_performance is
  'What each ad cost and sold on each day on which it did either. Sales that are credited to an ad set or campaign '
  'alone are in fb_campaign_performance. Give it a range of dates.';
comment on column public.fb_ad_performance.date is 'Calendar day in the ad account''s time zone.';
comment on column public.fb_ad_performance.account_id is 'The ad account.';
comment on column public.fb_ad_performance.fb_account_id is 'Meta''s id of the ad account.';
comment on column public.fb_ad_performance.account_name is 'Name of the ad account.';
comment on column public.fb_ad_performance.currency is 'ISO 4217 code of the account: all amounts here are in it.';
comment on column public.fb_ad_performance.campaign_id is 'The campaign.';
comment on column public.fb_ad_performance.fb_campaign_id is 'Meta''s id of the campaign.';
comment on column public.fb_ad_performance.campaign_name is 'Name of the campaign.';
comment on column public.fb_ad_performance.adset_id is 'The ad set.';
comment on column public.fb_ad_performance.fb_adset_id is 'Meta''s id of the ad set.';
comment on column public.fb_ad_performance.adset_name is 'Name of the ad set.';
comment on column public.fb_ad_performance.ad_id is 'The ad.';
comment on column public.fb_ad_performance.fb_ad_id is 'Meta''s id of the ad.';
comment on column public.fb_ad_performance.ad_name is 'Name of the ad.';
comment on column public.fb_ad_performance.spend is 'Money spent on that day, in currency.';
comment on column public.fb_ad_performance.impressions is 'How often it was on screen.';
comment on column public.fb_ad_performance.clicks is 'All clicks (Meta''s clicks).';
comment on column public.fb_ad_performance.sales_by_click_day is
  'Sales credited to it whose click was on that day, refunded ones not counted: Meta''s basis.';
comment on column public.fb_ad_performance.revenue_by_click_day is
  'What those sales are worth after refunds, in currency. Null when unpriced_by_click_day is not 0.';
comment on column public.fb_ad_performance.unpriced_by_click_day is
  'How many of those sales have no value or no exchange rate into currency.';
comment on column public.fb_ad_performance.reversed_by_click_day is
  'How many sales of that click day were refunded or charged back as a whole.';
comment on column public.fb_ad_performance.cost_per_sale_by_click_day is
  'spend / sales_by_click_day; null without sales.';
comment on column public.fb_ad_performance.roas_by_click_day is
  'revenue_by_click_day / spend; null without spend or where the revenue is not known.';
comment on column public.fb_ad_performance.sales_by_payment_day is
  'Sales credited to it that were paid on that day, refunded ones not counted.';
comment on column public.fb_ad_performance.revenue_by_payment_day is
  'What those sales are worth after refunds, in currency. Null when unpriced_by_payment_day is not 0.';
comment on column public.fb_ad_performance.unpriced_by_payment_day is
  'How many of those sales have no value or no exchange rate into currency.';
comment on column public.fb_ad_performance.reversed_by_payment_day is
  'How many sales paid on that day were refunded or charged back as a whole.';
comment on column public.fb_ad_performance.cost_per_sale_by_payment_day is
  'spend / sales_by_payment_day; null without sales.';
comment on column public.fb_ad_performance.roas_by_payment_day is
  'revenue_by_payment_day / spend; null without spend or where the revenue is not known.';
comment on column public.fb_ad_performance.effective_status is
  'Whether it runs, as Meta says now: ACTIVE, or why not (PAUSED, CAMPAIGN_PAUSED, ARCHIVED, ...). Not of that day.';
comment on column public.fb_ad_performance.reach is
  'People who saw it on that day, ads added up; null where Meta gave none. Not additive over days.';
comment on column public.fb_ad_performance.link_clicks is
  'Clicks on links to your pages (Meta''s inline_link_clicks); null where Meta gave none.';
comment on column public.fb_ad_performance.link_ctr is
  'link_clicks / impressions, from 0 to 1; null without impressions.';
comment on column public.fb_ad_performance.cost_per_link_click is
  'spend / link_clicks, in currency; null without link clicks. Marketers call it CPC.';
comment on column public.fb_ad_performance.cpm is
  'What 1,000 impressions cost, in currency; null without impressions.';
comment on column public.fb_ad_performance.meta_purchases is
  'Purchases that Meta claims for the day; null where Meta refused the field, or has no row of that day.';
comment on column public.fb_ad_performance.meta_purchase_value is
  'What they are worth, as Meta has it, in currency.';
comment on column public.fb_ad_performance.meta_roas is 'meta_purchase_value / spend: ROAS as Meta has it.';

create view public.fb_campaign_performance with (security_invoker = true) as
with figures as (
  select spent.date, spent.campaign_id, spent.spend, spent.impressions, spent.clicks, spent.reach,
    spent.inline_link_clicks, spent.meta_purchases, spent.meta_purchase_value, spent.unknown_purchases,
    spent.unknown_purchase_value,
    0 as click_sales, null::numeric as click_revenue, 0 as click_unpriced, 0 as click_reversed,
    0 as paid_sales, null::numeric as paid_revenue, 0 as paid_unpriced, 0 as paid_reversed
  from fb_ads.claimed_spend as spent
  union all
  select sale.clicked_on, sale.campaign_id, null, null, null, null, null, null, null, 0, 0,
    sale.sales, sale.revenue, sale.unpriced, sale.reversed, 0, null, 0, 0
  from fb_ads.priced_sales as sale
  union all
  select sale.paid_on, sale.campaign_id, null, null, null, null, null, null, null, 0, 0, 0, null, 0, 0,
    sale.sales, sale.revenue, sale.unpriced, sale.reversed
  from fb_ads.priced_sales as sale
),
days as (
  select figures.date, figures.campaign_id,
    coalesce(sum(figures.spend), 0) as spend,
    coalesce(sum(figures.impressions), 0) as impressions,
    coalesce(sum(figures.clicks), 0) as clicks,
    sum(figures.reach) as reach,
    sum(figures.inline_link_clicks) as link_clicks,
    case when sum(figures.unknown_purchases) = 0 then sum(figures.meta_purchases) end as meta_purchases,
    case when sum(figures.unknown_purchase_value) = 0 then sum(figures.meta_purchase_value) end as meta_purchase_value,
    sum(figures.click_sales) as click_sales,
    case when sum(figures.click_unpriced) = 0 then coalesce(sum(figures.click_revenue), 0) end as click_revenue,
    sum(figures.click_unpriced) as click_unpriced,
    sum(figures.click_reversed) as click_reversed,
    sum(figures.paid_sales) as paid_sales,
    case when sum(figures.paid_unpriced) = 0 then coalesce(sum(figures.paid_revenue), 0) end as paid_revenue,
    sum(figures.paid_unpriced) as paid_unpriced,
    sum(figures.paid_reversed) as paid_reversed
  from figures
  group by figures.date, figures.campaign_id
)
select
  days.date,
  account.id as account_id,
  account.fb_account_id,
  account.name as account_name,
  account.currency,
  campaign.id as campaign_id,
  campaign.fb_campaign_id,
  campaign.name as campaign_name,
  days.spend,
  days.impressions,
  days.clicks,
  days.click_sales as sales_by_click_day,
  days.click_revenue as revenue_by_click_day,
  days.click_unpriced as unpriced_by_click_day,
  days.click_reversed as reversed_by_click_day,
  round(days.spend / nullif(days.click_sales, 0), 2) as cost_per_sale_by_click_day,
  round(days.click_revenue / nullif(days.spend, 0), 4) as roas_by_click_day,
  days.paid_sales as sales_by_payment_day,
  days.paid_revenue as revenue_by_payment_day,
  days.paid_unpriced as unpriced_by_payment_day,
  days.paid_reversed as reversed_by_payment_day,
  round(days.spend / nullif(days.paid_sales, 0), 2) as cost_per_sale_by_payment_day,
  round(days.paid_revenue / nullif(days.spend, 0), 4) as roas_by_payment_day,
  campaign.effective_status,
  days.reach,
  days.link_clicks,
  round(days.link_clicks::numeric / nullif(days.impressions, 0), 6) as link_ctr,
  round(days.spend / nullif(days.link_clicks, 0), 4) as cost_per_link_click,
  round(1000 * days.spend / nullif(days.impressions, 0), 4) as cpm,
  days.meta_purchases,
  days.meta_purchase_value,
  round(days.meta_purchase_value / nullif(days.spend, 0), 4) as meta_roas
from days
join public.ad_campaigns as campaign on campaign.id = days.campaign_id
join public.ad_accounts as account on account.id = campaign.account_id;

comment on view public.fb_campaign_performance is
  'What each campaign cost and sold on each day on which it did either, sales credited to one of its ads, ad sets or '
  'to itself. Give it a range of dates.';
comment on column public.fb_campaign_performance.date is 'Calendar day in the ad account''s time zone.';
comment on column public.fb_campaign_performance.account_id is 'The ad account.';
comment on column public.fb_campaign_performance.fb_account_id is 'Meta''s id of the ad account.';
comment on column public.fb_campaign_performance.account_name is 'Name of the ad account.';
comment on column public.fb_campaign_performance.currency is
  'ISO 4217 code of the account: all amounts here are in it.';
comment on column public.fb_campaign_performance.campaign_id is 'The campaign.';
comment on column public.fb_campaign_performance.fb_campaign_id is 'Meta''s id of the campaign.';
comment on column public.fb_campaign_performance.campaign_name is 'Name of the campaign.';
comment on column public.fb_campaign_performance.spend is 'Money spent on that day, in currency.';
comment on column public.fb_campaign_performance.impressions is 'How often it was on screen.';
comment on column public.fb_campaign_performance.clicks is 'All clicks (Meta''s clicks).';
comment on column public.fb_campaign_performance.sales_by_click_day is
  'Sales credited to it whose click was on that day, refunded ones not counted: Meta''s basis.';
comment on column public.fb_campaign_performance.revenue_by_click_day is
  'What those sales are worth after refunds, in currency. Null when unpriced_by_click_day is not 0.';
comment on column public.fb_campaign_performance.unpriced_by_click_day is
  'How many of those sales have no value or no exchange rate into currency.';
comment on column public.fb_campaign_performance.reversed_by_click_day is
  'How many sales of that click day were refunded or charged back as a whole.';
comment on column public.fb_campaign_performance.cost_per_sale_by_click_day is
  'spend / sales_by_click_day; null without sales.';
comment on column public.fb_campaign_performance.roas_by_click_day is
  'revenue_by_click_day / spend; null without spend or where the revenue is not known.';
comment on column public.fb_campaign_performance.sales_by_payment_day is
  'Sales credited to it that were paid on that day, refunded ones not counted.';
comment on column public.fb_campaign_performance.revenue_by_payment_day is
  'What those sales are worth after refunds, in currency. Null when unpriced_by_payment_day is not 0.';
comment on column public.fb_campaign_performance.unpriced_by_payment_day is
  'How many of those sales have no value or no exchange rate into currency.';
comment on column public.fb_campaign_performance.reversed_by_payment_day is
  'How many sales paid on that day were refunded or charged back as a whole.';
comment on column public.fb_campaign_performance.cost_per_sale_by_payment_day is
  'spend / sales_by_payment_day; null without sales.';
comment on column public.fb_campaign_performance.roas_by_payment_day is
  'revenue_by_payment_day / spend; null without spend or where the revenue is not known.';
comment on column public.fb_campaign_performance.effective_status is
  'Whether it runs, as Meta says now: ACTIVE, or why not (PAUSED, CAMPAIGN_PAUSED, ARCHIVED, ...). Not of that day.';
comment on column public.fb_campaign_performance.reach is
  'People who saw it on that day, ads added up; null where Meta gave none. Not additive over days.';
comment on column public.fb_campaign_performance.link_clicks is
  'Clicks on links to your pages (Meta''s inline_link_clicks); null where Meta gave none.';
comment on column public.fb_campaign_performance.link_ctr is
  'link_clicks / impressions, from 0 to 1; null without impressions.';
comment on column public.fb_campaign_performance.cost_per_link_click is
  'spend / link_clicks, in currency; null without link clicks. Marketers call it CPC.';
comment on column public.fb_campaign_performance.cpm is
  'What 1,000 impressions cost, in currency; null without impressions.';
comment on column public.fb_campaign_performance.meta_purchases is
  'Purchases that Meta claims for the day; null where Meta refused the field, or has no row of that day.';
comment on column public.fb_campaign_performance.meta_purchase_value is
  'What they are worth, as Meta has it, in currency.';
comment on column public.fb_campaign_performance.meta_roas is 'meta_purchase_value / spend: ROAS as Meta has it.';
