-- Exchange rates, and sales in the currency of their ad account.

create table fb_ads.exchange_rates (
  date date not null,
  from_currency text not null,
  to_currency text not null,
  rate numeric not null,
  created_at timestamptz not null default now(),
  primary key (from_currency, to_currency, date),
  constraint currencies_are_iso_4217 check (from_currency ~ '^[A-Z]{3}$' and to_currency ~ '^[A-Z]{3}$'),
  constraint rate_is_positive check (rate > 0)
);

comment on table fb_ads.exchange_rates is
  'Rates with which the reports convert sales into the ad account''s currency. Filled by you; where one is missing '
  'the reports say null and count the sale as unpriced.';
comment on column fb_ads.exchange_rates.date is
  'The day for which the rate holds. A sale takes its day''s rate, or else the newest of the 7 days before.';
comment on column fb_ads.exchange_rates.from_currency is 'ISO 4217 code of the sale.';
comment on column fb_ads.exchange_rates.to_currency is 'ISO 4217 code of the ad account.';
comment on column fb_ads.exchange_rates.rate is 'How many units of to_currency one unit of from_currency is worth.';
comment on column fb_ads.exchange_rates.created_at is 'When the row was written.';

alter table fb_ads.exchange_rates enable row level security;
create policy reader_reads_exchange_rates on fb_ads.exchange_rates for select to fb_ads_reader using (true);

create view fb_ads.priced_sales with (security_invoker = true) as
select
  attribution.ad_id,
  attribution.campaign_id,
  attribution.clicked_on,
  attribution.paid_on,
  case when attribution.state = 'reversed' then 0 else 1 end as sales,
  case when attribution.state = 'reversed' then 1 else 0 end as reversed,
  case
    when attribution.state = 'reversed' or attribution.net_value = 0 then 0
    when attribution.currency = account.currency then attribution.net_value
    else round(attribution.net_value * exchange.rate, 2)
  end as revenue,
  case
    when attribution.state = 'reversed' or attribution.net_value = 0 then 0
    when attribution.net_value is not null and (attribution.currency = account.currency or exchange.rate is not null)
      then 0
    else 1
  end as unpriced
from public.ad_attributions as attribution
join public.ad_campaigns as campaign on campaign.id = attribution.campaign_id
join public.ad_accounts as account on account.id = campaign.account_id
left join lateral (
  select known.rate
  from fb_ads.exchange_rates as known
  where known.from_currency = attribution.currency and known.to_currency = account.currency
    -- The account's day may be behind or ahead of the day for which the rate was noted.
    and known.date between attribution.paid_on - 7 and greatest(
      attribution.paid_on, (attribution.event_time at time zone 'UTC')::date
    )
  order by known.date desc
  limit 1
) as exchange on attribution.currency is distinct from account.currency
where attribution.state in ('active', 'reversed');

comment on view fb_ads.priced_sales is
  'Credited sales with their value after refunds in the ad account''s currency. The performance views read it.';
comment on column fb_ads.priced_sales.ad_id is 'The ad that is credited; null where only an ad set or a campaign is.';
comment on column fb_ads.priced_sales.campaign_id is 'The campaign that is credited.';
comment on column fb_ads.priced_sales.clicked_on is 'Day of the click in the account''s time zone.';
comment on column fb_ads.priced_sales.paid_on is 'Day of the payment in the account''s time zone.';
comment on column fb_ads.priced_sales.sales is '1; 0 when all of it was refunded or charged back.';
comment on column fb_ads.priced_sales.reversed is '1 when all of it was refunded or charged back, else 0.';
comment on column fb_ads.priced_sales.revenue is
  'Net value in the account''s currency; null where no rate or no value is known.';
comment on column fb_ads.priced_sales.unpriced is '1 where no rate or no value is known, else 0.';
