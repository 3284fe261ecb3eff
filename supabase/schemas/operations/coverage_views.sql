-- How many sales find their ad, why the others do not, and what Meta says it sold.

create view public.fb_attribution_coverage with (security_invoker = true) as
select
  (result.completed_at at time zone 'UTC')::date as date,
  result.source,
  count(*) as sales,
  count(*) filter (where result.outcome = 'attributed') as attributed,
  count(*) filter (where result.outcome = 'unattributed') as unattributed,
  count(*) filter (where result.outcome = 'waiting') as waiting,
  round(count(*) filter (where result.outcome = 'attributed')::numeric / count(*), 4) as attributed_share,
  count(*) filter (where result.level = 'ad') as attributed_to_ads,
  count(*) filter (where result.level = 'adset') as attributed_to_adsets,
  count(*) filter (where result.level = 'campaign') as attributed_to_campaigns,
  count(*) filter (where result.reason = 'no_touch') as no_touch,
  count(*) filter (where result.reason = 'outside_window') as outside_window,
  count(*) filter (where result.reason = 'click_after_purchase') as click_after_purchase,
  count(*) filter (where result.reason = 'ambiguous') as ambiguous,
  count(*) filter (where result.reason = 'ad_unknown' and result.outcome = 'unattributed') as ad_unknown,
  count(*) filter (where result.reason = 'no_consent') as no_consent,
  count(*) filter (where result.catalogue_differs) as catalogue_differs
from fb_ads.attribution_results as result
group by (result.completed_at at time zone 'UTC')::date, result.source;

comment on view public.fb_attribution_coverage is
  'Sales by day and source: how many are credited, how many are not, and '
  'why. attributed + unattributed + waiting = sales.';
comment on column public.fb_attribution_coverage.date is
  'Day of the payment in UTC: a sale without an ad has no account whose day it could be.';
comment on column public.fb_attribution_coverage.source is 'What was sold, as the host says: p2p, canva, ...';
comment on column public.fb_attribution_coverage.sales is 'Paid sales that were looked at.';
comment on column public.fb_attribution_coverage.attributed is 'Credited to an ad, ad set or campaign.';
comment on column public.fb_attribution_coverage.unattributed is 'Credited to none; the reasons follow.';
comment on column public.fb_attribution_coverage.waiting is 'Waiting for an ad that is being read by its id.';
comment on column public.fb_attribution_coverage.attributed_share is 'attributed / sales, from 0 to 1.';
comment on column public.fb_attribution_coverage.attributed_to_ads is 'Credited to an ad.';
comment on column public.fb_attribution_coverage.attributed_to_adsets is 'Credited to an ad set whose ad is not known.';
comment on column public.fb_attribution_coverage.attributed_to_campaigns is
  'Credited to a campaign of which no more is known.';
comment on column public.fb_attribution_coverage.no_touch is 'No touchpoint of the buyer is known.';
comment on column public.fb_attribution_coverage.outside_window is
  'The touchpoint was longer before the checkout than settings.attribution_window.';
comment on column public.fb_attribution_coverage.click_after_purchase is 'The touchpoint came after the checkout.';
comment on column public.fb_attribution_coverage.ambiguous is
  'Two ads in the same second, or a browser with two users: nobody is credited.';
comment on column public.fb_attribution_coverage.ad_unknown is
  'From Meta, but nothing says which ad: tag the ads'' URLs with {{ad.id}}.';
comment on column public.fb_attribution_coverage.no_consent is 'The buyer did not agree.';
comment on column public.fb_attribution_coverage.catalogue_differs is
  'Credited, but the address named another ad set or campaign than the catalogue has.';

create view public.fb_meta_claims with (security_invoker = true) as
select
  performance.date,
  performance.account_id,
  performance.fb_account_id,
  performance.account_name,
  performance.currency,
  performance.campaign_name,
  performance.ad_id,
  performance.fb_ad_id,
  performance.ad_name,
  performance.sales_by_click_day as our_sales,
  performance.revenue_by_click_day as our_revenue,
  performance.meta_purchases,
  performance.meta_purchase_value,
  performance.sales_by_click_day - performance.meta_purchases as sales_difference,
  performance.revenue_by_click_day - performance.meta_purchase_value as revenue_difference,
  'Meta counts what it models: views without a click, people it recognises across devices, its own windows (by default '
  '7 days after a click, 1 day after a view), purchases it estimates where it may not look, and refunds never. '
  'We count paid sales with a landing that names the ad, after refunds, and only once each. '
  'So the two are never equal; watch how the difference changes, not that there is one.' as why_they_differ
from public.fb_ad_performance as performance
where performance.sales_by_click_day <> 0 or performance.meta_purchases <> 0;

comment on view public.fb_meta_claims is
  'Our sales of each ad and click day beside the purchases that Meta claims for it, with the difference and why there '
  'always is one. Give it a range of dates.';
comment on column public.fb_meta_claims.date is
  'Calendar day of the click in the ad account''s time zone: Meta counts a '
  'purchase to the day of its click (or view).';
comment on column public.fb_meta_claims.account_id is 'The ad account.';
comment on column public.fb_meta_claims.fb_account_id is 'Meta''s id of the ad account.';
comment on column public.fb_meta_claims.account_name is 'Name of the ad account.';
comment on column public.fb_meta_claims.currency is 'ISO 4217 code of the account: all amounts here are in it.';
comment on column public.fb_meta_claims.campaign_name is 'Name of the campaign.';
comment on column public.fb_meta_claims.ad_id is 'The ad.';
comment on column public.fb_meta_claims.fb_ad_id is 'Meta''s id of the ad.';
comment on column public.fb_meta_claims.ad_name is 'Name of the ad.';
comment on column public.fb_meta_claims.our_sales is
  'Sales that we credit to the ad by the day of the click, refunded ones not counted.';
comment on column public.fb_meta_claims.our_revenue is
  'What they are worth after refunds; null where an exchange rate is missing.';
comment on column public.fb_meta_claims.meta_purchases is
  'Purchases that Meta claims (omni_purchase, else purchase); null where Meta '
  'refused the field, or there is no row of that day.';
comment on column public.fb_meta_claims.meta_purchase_value is 'Their value as Meta has it.';
comment on column public.fb_meta_claims.sales_difference is 'our_sales minus meta_purchases.';
comment on column public.fb_meta_claims.revenue_difference is 'our_revenue minus meta_purchase_value.';
comment on column public.fb_meta_claims.why_they_differ is 'Why the two can never be equal, in words.';
