-- Daily spend of each ad, as the Insights API reports it.
-- Why the key is (date, ad_id) and nothing else: that is what Meta restates. What Meta claims beside it is stored as it
-- came.
-- Why unchanged rows are left out before the insert: on conflict alone would lock each of them, and a lock is a write.

-- The fill factor: a restated row stays on its page and in its place in the indexes.
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
) with (fillfactor = 85);

comment on table public.ad_spend is
  'What each ad cost and got on each day. One row an ad and day on which Meta has something to report.';
comment on column public.ad_spend.id is 'Our key.';
comment on column public.ad_spend.date is 'Calendar day in the ad account''s time zone, not UTC (Meta''s date_start).';
comment on column public.ad_spend.account_id is 'The ad account that paid.';
comment on column public.ad_spend.campaign_id is 'The campaign of the ad.';
comment on column public.ad_spend.adset_id is 'The ad set of the ad.';
comment on column public.ad_spend.ad_id is 'The ad.';
comment on column public.ad_spend.spend is
  'Money spent on that day, in major units of currency, to the last digit that Meta gave.';
comment on column public.ad_spend.impressions is 'How often the ad was on screen.';
comment on column public.ad_spend.clicks is 'All clicks on the ad (Meta''s clicks).';
comment on column public.ad_spend.reach is 'People who saw the ad on that day. Not additive over days or ads.';
comment on column public.ad_spend.inline_link_clicks is 'Clicks on links to the advertiser''s pages.';
comment on column public.ad_spend.currency is 'ISO 4217 code of spend (Meta''s account_currency).';
comment on column public.ad_spend.actions is
  'Meta''s actions, as they came: a list of {action_type, value, ...} in which an action_type may repeat.';
comment on column public.ad_spend.action_values is 'Meta''s action_values, as they came: amounts in currency.';
comment on column public.ad_spend.missing_fields is
  'Fields that Meta refused for this row and that are therefore unknown; null when the row is complete.';
comment on column public.ad_spend.created_at is 'When the row was first stored.';
comment on column public.ad_spend.updated_at is 'When Meta''s figures for that ad and day last changed here.';

create index ad_spend_account_id_date_idx on public.ad_spend (account_id, date);
create index ad_spend_campaign_id_idx on public.ad_spend (campaign_id);
create index ad_spend_adset_id_idx on public.ad_spend (adset_id);
create index ad_spend_ad_id_idx on public.ad_spend (ad_id);

alter table public.ad_spend enable row level security;
create policy reader_reads_ad_spend on public.ad_spend for select to fb_ads_reader using (true);

create function fb_ads.upsert_insights(account_id uuid, rows jsonb, dropped text[] default '{}')
returns table (written bigint, unresolved bigint)
language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as materialized (
    select distinct on (r.date, r.fb_ad_id) r.*
    from jsonb_to_recordset(rows) as r (
      date date, fb_campaign_id text, fb_adset_id text, fb_ad_id text, spend numeric, impressions integer,
      clicks integer, reach integer, inline_link_clicks integer, currency text, actions jsonb, action_values jsonb
    )
    order by r.date, r.fb_ad_id
  ),
  -- Our keys, looked up once an object and in index order, so that a row costs the same when a million ads are stored.
  campaigns as materialized (
    select c.id, c.fb_campaign_id from public.ad_campaigns as c
    where c.fb_campaign_id = any (array(select distinct i.fb_campaign_id from incoming as i))
  ),
  adsets as materialized (
    select s.id, s.fb_adset_id from public.ad_adsets as s
    where s.fb_adset_id = any (array(select distinct i.fb_adset_id from incoming as i))
  ),
  ads as materialized (
    select a.id, a.fb_ad_id from public.ad_ads as a
    where a.fb_ad_id = any (array(select distinct i.fb_ad_id from incoming as i))
  ),
  -- Null where an object is not stored yet.
  resolved as materialized (
    select i.*, c.id as campaign_id, s.id as adset_id, a.id as ad_id
    from incoming as i
    left join campaigns as c on c.fb_campaign_id = i.fb_campaign_id
    left join adsets as s on s.fb_adset_id = i.fb_adset_id
    left join ads as a on a.fb_ad_id = i.fb_ad_id
  ),
  -- The stored rows: one index scan a day instead of one lookup a row.
  known as materialized (
    select d.*
    from (
      select r.date, array_agg(r.ad_id order by r.ad_id) as ad_ids
      from resolved as r
      where r.ad_id is not null
      group by r.date
    ) as day
    cross join lateral (
      select spend.* from public.ad_spend as spend where spend.date = day.date and spend.ad_id = any (day.ad_ids)
    ) as d
  ),
  -- A field that Meta refused this time keeps its last value; missing_fields names it.
  merged as (
    select
      r.date, r.campaign_id, r.adset_id, r.ad_id, r.spend, r.impressions, r.clicks,
      -- Every amount of an account is in its currency, whether the row repeats it or not.
      coalesce(
        r.currency,
        (select account.currency from public.ad_accounts as account where account.id = upsert_insights.account_id)
      ) as currency,
      case when 'reach' = any (dropped) then d.reach else r.reach end as reach,
      case
        when 'inline_link_clicks' = any (dropped) then d.inline_link_clicks
        else r.inline_link_clicks
      end as inline_link_clicks,
      case when 'actions' = any (dropped) then d.actions else r.actions end as actions,
      case when 'action_values' = any (dropped) then d.action_values else r.action_values end as action_values,
      nullif(dropped, '{}') as missing_fields,
      d.id as known_id,
      row(
        d.account_id, d.campaign_id, d.adset_id, d.spend, d.impressions, d.clicks, d.reach, d.inline_link_clicks,
        d.currency, d.actions, d.action_values, d.missing_fields
      ) as known
    from resolved as r
    left join known as d on d.date = r.date and d.ad_id = r.ad_id
    where r.campaign_id is not null and r.adset_id is not null and r.ad_id is not null
  ),
  changed as (
    select m.*
    from merged as m
    where m.known_id is null
      or m.known is distinct from row(
        upsert_insights.account_id, m.campaign_id, m.adset_id, m.spend, m.impressions, m.clicks, m.reach,
        m.inline_link_clicks, m.currency, m.actions, m.action_values, m.missing_fields
      )
  ),
  stored as (
    insert into public.ad_spend as d (
      date, account_id, campaign_id, adset_id, ad_id, spend, impressions, clicks, reach, inline_link_clicks, currency,
      actions, action_values, missing_fields
    )
    select
      c.date, upsert_insights.account_id, c.campaign_id, c.adset_id, c.ad_id, c.spend, c.impressions, c.clicks,
      c.reach, c.inline_link_clicks, c.currency, c.actions, c.action_values, c.missing_fields
    from changed as c
    order by c.date, c.ad_id
    on conflict (date, ad_id) do update set
      account_id = excluded.account_id,
      campaign_id = excluded.campaign_id,
      adset_id = excluded.adset_id,
      spend = excluded.spend,
      impressions = excluded.impressions,
      clicks = excluded.clicks,
      reach = excluded.reach,
      inline_link_clicks = excluded.inline_link_clicks,
      currency = excluded.currency,
      actions = excluded.actions,
      action_values = excluded.action_values,
      missing_fields = excluded.missing_fields,
      updated_at = now()
    returning 1
  )
  select
    (select count(*) from stored),
    (select count(*) from resolved as r where r.campaign_id is null or r.adset_id is null or r.ad_id is null);
$$;

comment on function fb_ads.upsert_insights(uuid, jsonb, text[]) is
  'Stores daily figures of ads of one account; dropped names fields that Meta refused. Returns how many rows it '
  'wrote, and how many it could not because an object of theirs is not stored yet (see stub_insight_objects).';
