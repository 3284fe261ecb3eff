-- Daily spend of each ad, as the Insights API reports it.
-- Why the key is (date, ad_id) and nothing else: that is what Meta restates. Everything raw that Meta claims beside it stays raw.

create table public.ad_spend (
  id uuid primary key default gen_random_uuid(),
  date date not null,
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  campaign_id uuid not null references public.ad_campaigns (id) on delete cascade,
  adset_id uuid not null references public.ad_adsets (id) on delete cascade,
  ad_id uuid not null references public.ad_ads (id) on delete cascade,
  spend numeric not null,
  impressions integer,
  clicks integer,
  reach integer,
  inline_link_clicks integer,
  currency text,
  actions jsonb,
  action_values jsonb,
  missing_fields text[],
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint ad_spend_date_ad_id_key unique (date, ad_id),
  constraint spend_is_not_negative check (spend >= 0)
);

create index ad_spend_account_id_date_idx on public.ad_spend (account_id, date);
create index ad_spend_campaign_id_idx on public.ad_spend (campaign_id);
create index ad_spend_adset_id_idx on public.ad_spend (adset_id);
create index ad_spend_ad_id_idx on public.ad_spend (ad_id);

comment on table public.ad_spend is 'What each ad cost and got on each day. One row an ad and day on which Meta has something to report.';
comment on column public.ad_spend.id is 'Our key.';
comment on column public.ad_spend.date is 'Calendar day in the ad account''s time zone, not UTC (Meta''s date_start).';
comment on column public.ad_spend.account_id is 'The ad account that paid.';
comment on column public.ad_spend.campaign_id is 'The campaign of the ad.';
comment on column public.ad_spend.adset_id is 'The ad set of the ad.';
comment on column public.ad_spend.ad_id is 'The ad.';
comment on column public.ad_spend.spend is 'Money spent on that day, in major units of currency, to the last digit that Meta gave.';
comment on column public.ad_spend.impressions is 'How often the ad was on screen.';
comment on column public.ad_spend.clicks is 'All clicks on the ad (Meta''s clicks).';
comment on column public.ad_spend.reach is 'People who saw the ad on that day. Not additive over days or ads.';
comment on column public.ad_spend.inline_link_clicks is 'Clicks on links to the advertiser''s pages.';
comment on column public.ad_spend.currency is 'ISO 4217 code of spend (Meta''s account_currency).';
comment on column public.ad_spend.actions is 'Meta''s actions, as they came: a list of {action_type, value, ...} in which an action_type may repeat.';
comment on column public.ad_spend.action_values is 'Meta''s action_values, as they came: amounts in currency.';
comment on column public.ad_spend.missing_fields is 'Fields that Meta refused for this row and that are therefore unknown; null when the row is complete.';
comment on column public.ad_spend.created_at is 'When the row was first stored.';
comment on column public.ad_spend.updated_at is 'When Meta''s figures for that ad and day last changed here.';

alter table public.ad_spend enable row level security;
grant select, insert, update, delete on public.ad_spend to service_role;
grant select on public.ad_spend to fb_ads_reader;
create policy reader_reads_ad_spend on public.ad_spend for select to fb_ads_reader using (true);
