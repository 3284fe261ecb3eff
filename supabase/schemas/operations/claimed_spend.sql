-- Daily spend beside the purchases that Meta claims for it.

create function fb_ads.claimed_value(actions jsonb)
returns numeric language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  -- omni_purchase contains the others: adding them up would count every sale twice or more.
  select case
    when jsonb_typeof(actions) is distinct from 'array' then null
    else coalesce(
      sum((claimed.action ->> 'value')::numeric) filter (where claimed.action ->> 'action_type' = 'omni_purchase'),
      sum((claimed.action ->> 'value')::numeric) filter (where claimed.action ->> 'action_type' = 'purchase'),
      0
    )
  end
  from jsonb_array_elements(case jsonb_typeof(actions) when 'array' then actions else '[]' end) as claimed (action);
$$;

comment on function fb_ads.claimed_value(jsonb) is
  'What Meta''s actions (or action_values) claim as purchases: omni_purchase where there is one, else purchase, never '
  'their sum; 0 where neither is listed, null where Meta gave no actions.';

create view fb_ads.claimed_spend with (security_invoker = true) as
select
  spent.date, spent.campaign_id, spent.adset_id, spent.ad_id, spent.spend, spent.impressions, spent.clicks, spent.reach,
  spent.inline_link_clicks,
  claimed.purchases as meta_purchases,
  claimed.purchase_value as meta_purchase_value,
  case when claimed.purchases is null then 1 else 0 end as unknown_purchases,
  case when claimed.purchase_value is null then 1 else 0 end as unknown_purchase_value
from public.ad_spend as spent
cross join lateral (
  -- Meta leaves out actions that did not occur, which counts as 0. A refused field is unknown.
  select
    case when array_position(spent.missing_fields, 'actions') is null
      then coalesce(fb_ads.claimed_value(spent.actions), 0) end as purchases,
    case when array_position(spent.missing_fields, 'action_values') is null
      then coalesce(fb_ads.claimed_value(spent.action_values), 0) end as purchase_value
) as claimed;

comment on view fb_ads.claimed_spend is
  'Daily spend with the purchases that Meta claims. The performance views read it.';
comment on column fb_ads.claimed_spend.date is 'Calendar day in the ad account''s time zone.';
comment on column fb_ads.claimed_spend.campaign_id is 'The campaign.';
comment on column fb_ads.claimed_spend.adset_id is 'The ad set.';
comment on column fb_ads.claimed_spend.ad_id is 'The ad.';
comment on column fb_ads.claimed_spend.spend is 'Money spent on that day.';
comment on column fb_ads.claimed_spend.impressions is 'How often the ad was on screen.';
comment on column fb_ads.claimed_spend.clicks is 'All clicks (Meta''s clicks).';
comment on column fb_ads.claimed_spend.reach is 'People who saw the ad on that day.';
comment on column fb_ads.claimed_spend.inline_link_clicks is 'Clicks on links to the advertiser''s pages.';
comment on column fb_ads.claimed_spend.meta_purchases is
  'Purchases that Meta claims (omni_purchase, else purchase); null where Meta refused the field.';
comment on column fb_ads.claimed_spend.meta_purchase_value is 'Their value as Meta has it.';
comment on column fb_ads.claimed_spend.unknown_purchases is '1 where meta_purchases is not known, else 0.';
comment on column fb_ads.claimed_spend.unknown_purchase_value is
  '1 where meta_purchase_value is not known, else 0.';
