-- How a page of accounts, campaigns, ad sets or ads becomes rows: one statement a level, nothing written where nothing changed.
-- `dropped` names fields that were not asked for because Meta refused them: their old values stay.
-- Rows come from the functions as JSON with the names of the columns; parents that are not stored yet become stubs.

create function fb_ads.ad_key(account_id uuid)
returns uuid
language sql
volatile
security invoker
set search_path = ''
as $$
  select (left(account_id::text, 8) || substr(gen_random_uuid()::text, 9))::uuid;
$$;

revoke execute on function fb_ads.ad_key(uuid) from public, anon, authenticated;
grant execute on function fb_ads.ad_key(uuid) to service_role;
comment on function fb_ads.ad_key(uuid) is
  'A new key of an ad that begins like its account''s: the ads of one account, and their spend of a day, then lie side by side in every index.';

create function fb_ads.upsert_accounts(rows jsonb)
returns bigint
language sql
volatile
security invoker
set search_path = ''
as $$
  with incoming as (
    select distinct on (r.fb_account_id) r.*
    from jsonb_to_recordset(rows) as r (
      fb_account_id text, name text, currency text, timezone_name text, status text, configured boolean
    )
    order by r.fb_account_id
  ),
  written as (
    insert into public.ad_accounts as a (fb_account_id, name, currency, timezone_name, status, configured, enabled)
    select i.fb_account_id, i.name, i.currency, i.timezone_name, i.status, coalesce(i.configured, false), coalesce(i.configured, false)
    from incoming as i
    order by i.fb_account_id
    on conflict (fb_account_id) do update set
      name = coalesce(excluded.name, a.name),
      currency = coalesce(excluded.currency, a.currency),
      timezone_name = coalesce(excluded.timezone_name, a.timezone_name),
      status = coalesce(excluded.status, a.status),
      configured = excluded.configured,
      -- Only a change of the configuration moves `enabled`, so that a switch set by hand stays.
      enabled = case when excluded.configured = a.configured then a.enabled else excluded.configured end,
      updated_at = now()
    where (coalesce(excluded.name, a.name), coalesce(excluded.currency, a.currency), coalesce(excluded.timezone_name, a.timezone_name), coalesce(excluded.status, a.status), excluded.configured)
      is distinct from (a.name, a.currency, a.timezone_name, a.status, a.configured)
    returning 1
  )
  select count(*) from written;
$$;

revoke execute on function fb_ads.upsert_accounts(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.upsert_accounts(jsonb) to service_role;
comment on function fb_ads.upsert_accounts(jsonb) is
  'Stores accounts [{fb_account_id, name, currency, timezone_name, status, configured}]; returns how many rows it wrote. New accounts are enabled when configured.';

create function fb_ads.upsert_campaigns(account_id uuid, rows jsonb, dropped text[] default '{}')
returns bigint
language sql
volatile
security invoker
set search_path = ''
as $$
  with incoming as (
    select distinct on (r.fb_campaign_id) r.*
    from jsonb_to_recordset(rows) as r (
      fb_campaign_id text, name text, objective text, status text, effective_status text,
      start_time timestamptz, stop_time timestamptz
    )
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
    insert into public.ad_campaigns as c (account_id, fb_campaign_id, name, objective, status, effective_status, start_time, stop_time)
    select upsert_campaigns.account_id, m.fb_campaign_id, m.name, m.objective, m.status, m.effective_status, m.start_time, m.stop_time
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
      is distinct from (excluded.account_id, excluded.name, excluded.objective, excluded.status, excluded.effective_status, excluded.start_time, excluded.stop_time)
    returning 1
  )
  select count(*) from written;
$$;

revoke execute on function fb_ads.upsert_campaigns(uuid, jsonb, text[]) from public, anon, authenticated;
grant execute on function fb_ads.upsert_campaigns(uuid, jsonb, text[]) to service_role;
comment on function fb_ads.upsert_campaigns(uuid, jsonb, text[]) is 'Stores a set of campaigns of one account; returns how many rows it wrote.';

create function fb_ads.stub_campaigns(account_id uuid, fb_campaign_ids text[])
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into public.ad_campaigns (account_id, fb_campaign_id)
  select distinct stub_campaigns.account_id, wanted.fb_campaign_id
  from unnest(fb_campaign_ids) as wanted (fb_campaign_id)
  where wanted.fb_campaign_id is not null
    and not exists (select from public.ad_campaigns as c where c.fb_campaign_id = wanted.fb_campaign_id)
  order by wanted.fb_campaign_id
  on conflict do nothing;
$$;

revoke execute on function fb_ads.stub_campaigns(uuid, text[]) from public, anon, authenticated;
grant execute on function fb_ads.stub_campaigns(uuid, text[]) to service_role;
comment on function fb_ads.stub_campaigns(uuid, text[]) is 'Makes bare rows for campaigns that are not stored yet; a later sync fills them.';

create function fb_ads.upsert_adsets(account_id uuid, rows jsonb, dropped text[] default '{}')
returns bigint
language sql
volatile
security invoker
set search_path = ''
as $$
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
      account_id, campaign_id, fb_adset_id, name, status, effective_status, daily_budget, lifetime_budget, targeting_summary, start_time, stop_time
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
    where (s.account_id, s.campaign_id, s.name, s.status, s.effective_status, s.daily_budget, s.lifetime_budget, s.targeting_summary, s.start_time, s.stop_time)
      is distinct from (
        excluded.account_id, excluded.campaign_id, excluded.name, excluded.status, excluded.effective_status,
        excluded.daily_budget, excluded.lifetime_budget, excluded.targeting_summary, excluded.start_time, excluded.stop_time
      )
    returning 1
  )
  select count(*) from written;
$$;

revoke execute on function fb_ads.upsert_adsets(uuid, jsonb, text[]) from public, anon, authenticated;
grant execute on function fb_ads.upsert_adsets(uuid, jsonb, text[]) to service_role;
comment on function fb_ads.upsert_adsets(uuid, jsonb, text[]) is
  'Stores a set of ad sets of one account; budgets come in major units. Their campaigns must be stored (see stub_campaigns). Returns how many rows it wrote.';

create function fb_ads.stub_adsets(account_id uuid, rows jsonb)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into public.ad_adsets (account_id, campaign_id, fb_adset_id)
  select distinct on (r.fb_adset_id) stub_adsets.account_id, c.id, r.fb_adset_id
  from jsonb_to_recordset(rows) as r (fb_adset_id text, fb_campaign_id text)
  join public.ad_campaigns as c on c.fb_campaign_id = r.fb_campaign_id
  where not exists (select from public.ad_adsets as s where s.fb_adset_id = r.fb_adset_id)
  order by r.fb_adset_id
  on conflict do nothing;
$$;

revoke execute on function fb_ads.stub_adsets(uuid, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.stub_adsets(uuid, jsonb) to service_role;
comment on function fb_ads.stub_adsets(uuid, jsonb) is 'Makes bare rows for ad sets [{fb_adset_id, fb_campaign_id}] that are not stored yet; a later sync fills them.';

create function fb_ads.upsert_ads(account_id uuid, rows jsonb, dropped text[] default '{}')
returns bigint
language sql
volatile
security invoker
set search_path = ''
as $$
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
      case when dropped && array['creative', 'name', 'title', 'body', 'object_type', 'call_to_action_type'] then a.creative_summary else i.creative_summary end as creative_summary,
      case when dropped && array['creative', 'url_tags'] then a.url_tags else i.url_tags end as url_tags
    from incoming as i
    left join public.ad_adsets as s on s.fb_adset_id = i.fb_adset_id
    left join public.ad_ads as a on a.fb_ad_id = i.fb_ad_id
  ),
  written as (
    insert into public.ad_ads as a (id, account_id, adset_id, fb_ad_id, name, status, effective_status, creative_id, creative_summary, url_tags)
    select fb_ads.ad_key(upsert_ads.account_id), upsert_ads.account_id, m.adset_id, m.fb_ad_id, m.name, m.status, m.effective_status, m.creative_id, m.creative_summary, m.url_tags
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
    where (a.account_id, a.adset_id, a.name, a.status, a.effective_status, a.creative_id, a.creative_summary, a.url_tags)
      is distinct from (
        excluded.account_id, excluded.adset_id, excluded.name, excluded.status, excluded.effective_status,
        excluded.creative_id, excluded.creative_summary, excluded.url_tags
      )
    returning 1
  )
  select count(*) from written;
$$;

revoke execute on function fb_ads.upsert_ads(uuid, jsonb, text[]) from public, anon, authenticated;
grant execute on function fb_ads.upsert_ads(uuid, jsonb, text[]) to service_role;
comment on function fb_ads.upsert_ads(uuid, jsonb, text[]) is
  'Stores a set of ads of one account. Their ad sets must be stored (see stub_adsets). Returns how many rows it wrote.';

create function fb_ads.stub_ads(account_id uuid, rows jsonb)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into public.ad_ads (id, account_id, adset_id, fb_ad_id)
  select distinct on (r.fb_ad_id) fb_ads.ad_key(stub_ads.account_id), stub_ads.account_id, s.id, r.fb_ad_id
  from jsonb_to_recordset(rows) as r (fb_ad_id text, fb_adset_id text)
  join public.ad_adsets as s on s.fb_adset_id = r.fb_adset_id
  where not exists (select from public.ad_ads as a where a.fb_ad_id = r.fb_ad_id)
  order by r.fb_ad_id
  on conflict do nothing;
$$;

revoke execute on function fb_ads.stub_ads(uuid, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.stub_ads(uuid, jsonb) to service_role;
comment on function fb_ads.stub_ads(uuid, jsonb) is 'Makes bare rows for ads [{fb_ad_id, fb_adset_id}] that are not stored yet; a later sync fills them.';
