-- Ads, stored like campaigns. Their ad sets are stored first, as stubs if need be.

create table public.ad_ads (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  adset_id uuid not null references public.ad_adsets (id) on delete cascade,
  fb_ad_id text not null unique,
  name text,
  status text,
  effective_status text,
  creative_id text,
  creative_summary text,
  url_tags text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

comment on table public.ad_ads is 'Ads of the enabled ad accounts, archived and deleted ones included.';
comment on column public.ad_ads.id is 'Our key, elsewhere ad_id.';
comment on column public.ad_ads.account_id is 'The ad account that the ad belongs to.';
comment on column public.ad_ads.adset_id is 'The ad set that the ad belongs to; its campaign is the ad set''s.';
comment on column public.ad_ads.fb_ad_id is 'Meta''s id of the ad.';
comment on column public.ad_ads.name is 'Name at Meta. Null in a stub.';
comment on column public.ad_ads.status is 'What the advertiser set.';
comment on column public.ad_ads.effective_status is
  'What Meta computes, such as ADSET_PAUSED; DELETED only after a by-id check.';
comment on column public.ad_ads.creative_id is 'Meta''s id of the creative that the ad shows.';
comment on column public.ad_ads.creative_summary is 'The creative in one readable line of at most 500 characters.';
comment on column public.ad_ads.url_tags is
  'Meta''s url_tags of the creative: the parameters that Meta adds to the landing '
  'page''s address. Attribution needs the ad''s id in them.';
comment on column public.ad_ads.created_at is 'When the ad was first stored here.';
comment on column public.ad_ads.updated_at is 'When a column of this row last changed.';

create index ad_ads_account_id_idx on public.ad_ads (account_id);
create index ad_ads_adset_id_idx on public.ad_ads (adset_id);

alter table public.ad_ads enable row level security;
create policy reader_reads_ad_ads on public.ad_ads for select to fb_ads_reader using (true);

create function fb_ads.ad_key(account_id uuid)
returns uuid language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select (left(account_id::text, 8) || substr(gen_random_uuid()::text, 9))::uuid;
$$;

comment on function fb_ads.ad_key(uuid) is
  'A new key of an ad that begins like its account''s: the ads of one account, and '
  'their spend of a day, then lie side by side in every index.';

create function fb_ads.upsert_ads(account_id uuid, rows jsonb, dropped text[] default '{}')
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.fb_ad_id) r.*
    from jsonb_to_recordset(rows) as r (
      fb_ad_id text, fb_adset_id text, name text, status text, effective_status text,
      creative_id text, creative_summary text, url_tags text
    )
    order by r.fb_ad_id
  ),
  merged as (
    select
      i.fb_ad_id,
      coalesce(s.id, a.adset_id) as adset_id,
      coalesce(i.name, a.name) as name,
      coalesce(i.status, a.status) as status,
      coalesce(i.effective_status, a.effective_status) as effective_status,
      case when 'creative' = any (dropped) then a.creative_id else i.creative_id end as creative_id,
      case
        when dropped && array['creative', 'name', 'title', 'body', 'object_type', 'call_to_action_type']
          then a.creative_summary
        else i.creative_summary
      end as creative_summary,
      case when dropped && array['creative', 'url_tags'] then a.url_tags else i.url_tags end as url_tags
    from incoming as i
    left join public.ad_adsets as s on s.fb_adset_id = i.fb_adset_id
    left join public.ad_ads as a on a.fb_ad_id = i.fb_ad_id
  ),
  written as (
    insert into public.ad_ads as a (
      id, account_id, adset_id, fb_ad_id, name, status, effective_status, creative_id, creative_summary, url_tags
    )
    select
      fb_ads.ad_key(upsert_ads.account_id), upsert_ads.account_id, m.adset_id, m.fb_ad_id, m.name, m.status,
      m.effective_status, m.creative_id, m.creative_summary, m.url_tags
    from merged as m
    order by m.fb_ad_id
    on conflict (fb_ad_id) do update set
      account_id = excluded.account_id,
      adset_id = excluded.adset_id,
      name = excluded.name,
      status = excluded.status,
      effective_status = excluded.effective_status,
      creative_id = excluded.creative_id,
      creative_summary = excluded.creative_summary,
      url_tags = excluded.url_tags,
      updated_at = now()
    where (
      a.account_id, a.adset_id, a.name, a.status, a.effective_status, a.creative_id, a.creative_summary, a.url_tags
    )
      is distinct from (
        excluded.account_id, excluded.adset_id, excluded.name, excluded.status, excluded.effective_status,
        excluded.creative_id, excluded.creative_summary, excluded.url_tags
      )
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_ads(uuid, jsonb, text[]) is
  'Stores a set of ads of one account. Their ad sets must be stored (see '
  'stub_adsets). Returns how many rows it wrote.';

create function fb_ads.stub_ads(account_id uuid, rows jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into public.ad_ads (id, account_id, adset_id, fb_ad_id)
  select distinct on (r.fb_ad_id) fb_ads.ad_key(stub_ads.account_id), stub_ads.account_id, s.id, r.fb_ad_id
  from jsonb_populate_recordset(null::fb_ads.ad_path, rows) as r
  join public.ad_adsets as s on s.fb_adset_id = r.fb_adset_id
  where not exists (select from public.ad_ads as a where a.fb_ad_id = r.fb_ad_id)
  order by r.fb_ad_id
  on conflict do nothing;
$$;

comment on function fb_ads.stub_ads(uuid, jsonb) is
  'Makes bare rows for ads [{fb_ad_id, fb_adset_id}] that are not stored yet; a later sync fills them.';
