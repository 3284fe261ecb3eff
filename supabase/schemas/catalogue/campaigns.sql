-- Campaigns. One row a campaign, kept for good: a deleted one keeps its row, for its spend refers to it.
-- Why the name is nullable: an insight may arrive before its campaign. A stub then holds the bare ids until a sync
-- fills it.
-- A page becomes rows in one statement, and nothing is written where nothing changed. `dropped` names the fields that
-- the function did not ask for because Meta refused them: their old values stay.

create table public.ad_campaigns (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  fb_campaign_id text not null unique,
  name text,
  objective text,
  status text,
  effective_status text,
  start_time timestamptz,
  stop_time timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

comment on table public.ad_campaigns is 'Campaigns of the enabled ad accounts, archived and deleted ones included.';
comment on column public.ad_campaigns.id is 'Our key, elsewhere campaign_id.';
comment on column public.ad_campaigns.account_id is 'The ad account that the campaign belongs to.';
comment on column public.ad_campaigns.fb_campaign_id is 'Meta''s id of the campaign; digits beyond 2^53, so text.';
comment on column public.ad_campaigns.name is 'Name at Meta. Null in a stub.';
comment on column public.ad_campaigns.objective is 'Meta''s objective, such as OUTCOME_SALES.';
comment on column public.ad_campaigns.status is 'What the advertiser set: ACTIVE, PAUSED, ARCHIVED, DELETED.';
comment on column public.ad_campaigns.effective_status is
  'What Meta computes from the campaign and its surroundings; DELETED only after a by-id check.';
comment on column public.ad_campaigns.start_time is 'When the campaign starts to run.';
comment on column public.ad_campaigns.stop_time is 'When the campaign stops; null when it is open-ended.';
comment on column public.ad_campaigns.created_at is 'When the campaign was first stored here.';
comment on column public.ad_campaigns.updated_at is 'When a column of this row last changed.';

create index ad_campaigns_account_id_idx on public.ad_campaigns (account_id);

alter table public.ad_campaigns enable row level security;
create policy reader_reads_ad_campaigns on public.ad_campaigns for select to fb_ads_reader using (true);

create function fb_ads.upsert_campaigns(account_id uuid, rows jsonb, dropped text[] default '{}')
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.fb_campaign_id) r.*
    from jsonb_populate_recordset(null::public.ad_campaigns, rows) as r
    order by r.fb_campaign_id
  ),
  -- A refused field keeps what was known before.
  merged as (
    select
      i.fb_campaign_id,
      coalesce(i.name, c.name) as name,
      case when 'objective' = any (dropped) then c.objective else coalesce(i.objective, c.objective) end as objective,
      coalesce(i.status, c.status) as status,
      coalesce(i.effective_status, c.effective_status) as effective_status,
      case when 'start_time' = any (dropped) then c.start_time else i.start_time end as start_time,
      case when 'stop_time' = any (dropped) then c.stop_time else i.stop_time end as stop_time
    from incoming as i
    left join public.ad_campaigns as c on c.fb_campaign_id = i.fb_campaign_id
  ),
  written as (
    insert into public.ad_campaigns as c (
      account_id, fb_campaign_id, name, objective, status, effective_status, start_time, stop_time
    )
    select
      upsert_campaigns.account_id, m.fb_campaign_id, m.name, m.objective, m.status, m.effective_status, m.start_time,
      m.stop_time
    from merged as m
    order by m.fb_campaign_id
    on conflict (fb_campaign_id) do update set
      account_id = excluded.account_id,
      name = excluded.name,
      objective = excluded.objective,
      status = excluded.status,
      effective_status = excluded.effective_status,
      start_time = excluded.start_time,
      stop_time = excluded.stop_time,
      updated_at = now()
    where (c.account_id, c.name, c.objective, c.status, c.effective_status, c.start_time, c.stop_time)
      is distinct from (
        excluded.account_id, excluded.name, excluded.objective, excluded.status, excluded.effective_status,
        excluded.start_time, excluded.stop_time
      )
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_campaigns(uuid, jsonb, text[]) is
  'Stores a set of campaigns of one account; returns how many rows it wrote.';

create function fb_ads.stub_campaigns(account_id uuid, fb_campaign_ids text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into public.ad_campaigns (account_id, fb_campaign_id)
  select distinct stub_campaigns.account_id, wanted.fb_campaign_id
  from unnest(fb_campaign_ids) as wanted (fb_campaign_id)
  where wanted.fb_campaign_id is not null
    and not exists (select from public.ad_campaigns as c where c.fb_campaign_id = wanted.fb_campaign_id)
  order by wanted.fb_campaign_id
  on conflict do nothing;
$$;

comment on function fb_ads.stub_campaigns(uuid, text[]) is
  'Makes bare rows for campaigns that are not stored yet; a later sync fills them.';
