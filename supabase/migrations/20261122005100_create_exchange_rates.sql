-- Exchange rates, the days of a sale in its ad account's time zone, and what the reports' reader may see of sales.
-- Why the days are stored: an account's day is no function of the time alone, so no index on the time could find them.

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
  'Rates with which the reports convert sales into the ad account''s currency. Filled by you; where one is missing the reports say null and count the sale as unpriced.';
comment on column fb_ads.exchange_rates.date is 'The day for which the rate holds. A sale takes its day''s rate, or else the newest of the 7 days before.';
comment on column fb_ads.exchange_rates.from_currency is 'ISO 4217 code of the sale.';
comment on column fb_ads.exchange_rates.to_currency is 'ISO 4217 code of the ad account.';
comment on column fb_ads.exchange_rates.rate is 'How many units of to_currency one unit of from_currency is worth.';
comment on column fb_ads.exchange_rates.created_at is 'When the row was written.';

alter table fb_ads.exchange_rates enable row level security;
grant select, insert, update, delete on fb_ads.exchange_rates to service_role;
grant select on fb_ads.exchange_rates to fb_ads_reader;
create policy reader_reads_exchange_rates on fb_ads.exchange_rates for select to fb_ads_reader using (true);

alter table public.ad_attributions
  add column clicked_on date,
  add column paid_on date;

create index ad_attributions_clicked_on_idx on public.ad_attributions (clicked_on);
create index ad_attributions_paid_on_idx on public.ad_attributions (paid_on);

comment on column public.ad_attributions.clicked_on is 'Day of the click in the ad account''s time zone: the day to which Meta counts a sale.';
comment on column public.ad_attributions.paid_on is 'Day of the payment in the ad account''s time zone.';

create function fb_ads.set_attribution_days()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  zone text;
begin
  select coalesce(account.timezone_name, 'UTC')
  into zone
  from public.ad_campaigns as campaign
  join public.ad_accounts as account on account.id = campaign.account_id
  where campaign.id = new.campaign_id;
  new.clicked_on := (coalesce(new.clicked_at, new.event_time) at time zone coalesce(zone, 'UTC'))::date;
  new.paid_on := (new.event_time at time zone coalesce(zone, 'UTC'))::date;
  return new;
end;
$$;

revoke execute on function fb_ads.set_attribution_days() from public, anon, authenticated;
comment on function fb_ads.set_attribution_days() is 'Sets clicked_on and paid_on of a sale by the time zone of the account that is credited.';

create trigger ad_attributions_set_days
  before insert or update of campaign_id, clicked_at, event_time on public.ad_attributions
  for each row execute function fb_ads.set_attribution_days();

-- No user, no reference to the host, no click id.
grant select (
  id, campaign_id, adset_id, ad_id, conversion_event, event_time, conversion_value, currency, source_platform, state, matched_by, confidence,
  attribution_model, attribution_window, clicked_at, checkout_at, reversed_value, net_value, clicked_on, paid_on, created_at, updated_at
) on public.ad_attributions to fb_ads_reader;
create policy reader_reads_ad_attributions on public.ad_attributions for select to fb_ads_reader using (true);

grant select (
  outcome, reason, level, account_id, ad_id, adset_id, campaign_id, matched_by, confidence, clicked_at, catalogue_differs, source, completed_at,
  checkout_at, conversion_value, currency, reversed_value, net_value, created_at, updated_at
) on fb_ads.attribution_results to fb_ads_reader;
create policy reader_reads_attribution_results on fb_ads.attribution_results for select to fb_ads_reader using (true);
