-- Ad sets, stored like campaigns. Their campaigns are stored first, as stubs if need be.

create table public.ad_adsets (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  campaign_id uuid not null references public.ad_campaigns (id) on delete cascade,
  fb_adset_id text not null unique,
  name text,
  status text,
  effective_status text,
  daily_budget numeric,
  lifetime_budget numeric,
  targeting_summary text,
  start_time timestamptz,
  stop_time timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

comment on table public.ad_adsets is 'Ad sets of the enabled ad accounts, archived and deleted ones included.';
comment on column public.ad_adsets.id is 'Our key, elsewhere adset_id.';
comment on column public.ad_adsets.account_id is 'The ad account that the ad set belongs to.';
comment on column public.ad_adsets.campaign_id is 'The campaign that the ad set belongs to.';
comment on column public.ad_adsets.fb_adset_id is 'Meta''s id of the ad set.';
comment on column public.ad_adsets.name is 'Name at Meta. Null in a stub.';
comment on column public.ad_adsets.status is 'What the advertiser set.';
comment on column public.ad_adsets.effective_status is
  'What Meta computes, such as CAMPAIGN_PAUSED; DELETED only after a by-id check.';
comment on column public.ad_adsets.daily_budget is
  'Budget a day in major units of the account''s currency; null when the campaign holds the budget.';
comment on column public.ad_adsets.lifetime_budget is
  'Budget for the whole run in major units of the account''s currency; null when there is none.';
comment on column public.ad_adsets.targeting_summary is
  'Meta''s targeting in one readable line of at most 500 characters.';
comment on column public.ad_adsets.start_time is 'When the ad set starts to run.';
comment on column public.ad_adsets.stop_time is 'When the ad set stops (Meta''s end_time); null when it is open-ended.';
comment on column public.ad_adsets.created_at is 'When the ad set was first stored here.';
comment on column public.ad_adsets.updated_at is 'When a column of this row last changed.';

create index ad_adsets_account_id_idx on public.ad_adsets (account_id);
create index ad_adsets_campaign_id_idx on public.ad_adsets (campaign_id);

alter table public.ad_adsets enable row level security;
create policy reader_reads_ad_adsets on public.ad_adsets for select to fb_ads_reader using (true);

create function fb_ads.upsert_adsets(account_id uuid, rows jsonb, dropped text[] default '{}')
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.fb_adset_id) r.*
    from jsonb_to_recordset(rows) as r (
      fb_adset_id text, fb_campaign_id text, name text, status text, effective_status text,
      daily_budget numeric, lifetime_budget numeric, targeting_summary text,
      start_time timestamptz, stop_time timestamptz
    )
    order by r.fb_adset_id
  ),
  merged as (
    select
      i.fb_adset_id,
      coalesce(c.id, s.campaign_id) as campaign_id,
      coalesce(i.name, s.name) as name,
      coalesce(i.status, s.status) as status,
      coalesce(i.effective_status, s.effective_status) as effective_status,
      case when 'daily_budget' = any (dropped) then s.daily_budget else i.daily_budget end as daily_budget,
      case when 'lifetime_budget' = any (dropped) then s.lifetime_budget else i.lifetime_budget end as lifetime_budget,
      case when 'targeting' = any (dropped) then s.targeting_summary else i.targeting_summary end as targeting_summary,
      case when 'start_time' = any (dropped) then s.start_time else i.start_time end as start_time,
      case when 'end_time' = any (dropped) then s.stop_time else i.stop_time end as stop_time
    from incoming as i
    left join public.ad_campaigns as c on c.fb_campaign_id = i.fb_campaign_id
    left join public.ad_adsets as s on s.fb_adset_id = i.fb_adset_id
  ),
  written as (
    insert into public.ad_adsets as s (
      account_id, campaign_id, fb_adset_id, name, status, effective_status, daily_budget, lifetime_budget,
      targeting_summary, start_time, stop_time
    )
    select
      upsert_adsets.account_id, m.campaign_id, m.fb_adset_id, m.name, m.status, m.effective_status,
      m.daily_budget, m.lifetime_budget, m.targeting_summary, m.start_time, m.stop_time
    from merged as m
    order by m.fb_adset_id
    on conflict (fb_adset_id) do update set
      account_id = excluded.account_id,
      campaign_id = excluded.campaign_id,
      name = excluded.name,
      status = excluded.status,
      effective_status = excluded.effective_status,
      daily_budget = excluded.daily_budget,
      lifetime_budget = excluded.lifetime_budget,
      targeting_summary = excluded.targeting_summary,
      start_time = excluded.start_time,
      stop_time = excluded.stop_time,
      updated_at = now()
    where (
      s.account_id, s.campaign_id, s.name, s.status, s.effective_status, s.daily_budget, s.lifetime_budget,
      s.targeting_summary, s.start_time, s.stop_time
    )
      is distinct from (
        excluded.account_id, excluded.campaign_id, excluded.name, excluded.status, excluded.effective_status,
        excluded.daily_budget, excluded.lifetime_budget, excluded.targeting_summary, excluded.start_time,
        excluded.stop_time
      )
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_adsets(uuid, jsonb, text[]) is
  'Stores a set of ad sets of one account; budgets come in major units. Their campaigns must be stored (see '
  'stub_campaigns). Returns how many rows it wrote.';

create type fb_ads.ad_path as (
  fb_campaign_id text,
  fb_adset_id text,
  fb_ad_id text
);

comment on type fb_ads.ad_path is 'Meta''s ids of an ad and of what stands above it.';

create function fb_ads.stub_adsets(account_id uuid, rows jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into public.ad_adsets (account_id, campaign_id, fb_adset_id)
  select distinct on (r.fb_adset_id) stub_adsets.account_id, c.id, r.fb_adset_id
  from jsonb_populate_recordset(null::fb_ads.ad_path, rows) as r
  join public.ad_campaigns as c on c.fb_campaign_id = r.fb_campaign_id
  where not exists (select from public.ad_adsets as s where s.fb_adset_id = r.fb_adset_id)
  order by r.fb_adset_id
  on conflict do nothing;
$$;

comment on function fb_ads.stub_adsets(uuid, jsonb) is
  'Makes bare rows for ad sets [{fb_adset_id, fb_campaign_id}] that are not stored yet; a later sync fills them.';
