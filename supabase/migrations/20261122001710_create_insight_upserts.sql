-- How a page of insights becomes rows of ad_spend: one statement, and nothing is written where nothing changed.
-- Why unchanged rows are left out before the insert: on conflict alone would lock each of them, and a lock is a write.

create function fb_ads.upsert_insights(account_id uuid, rows jsonb, dropped text[] default '{}')
returns table (written bigint, unresolved bigint)
language sql
volatile
security invoker
set search_path = ''
as $$
  with incoming as materialized (
    select distinct on (r.date, r.fb_ad_id) r.*
    from jsonb_to_recordset(rows) as r (
      date date, fb_campaign_id text, fb_adset_id text, fb_ad_id text, spend numeric, impressions integer, clicks integer,
      reach integer, inline_link_clicks integer, currency text, actions jsonb, action_values jsonb
    )
    order by r.date, r.fb_ad_id
  ),
  -- Our keys, looked up once an object and in the order of an index, so that a row costs no more when a million ads are stored.
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
  -- What is stored already, one pass over the index a day instead of one descent a row.
  known as materialized (
    select d.*
    from (
      select r.date, array_agg(r.ad_id order by r.ad_id) as ad_ids from resolved as r where r.ad_id is not null group by r.date
    ) as day
    cross join lateral (
      select spend.* from public.ad_spend as spend where spend.date = day.date and spend.ad_id = any (day.ad_ids)
    ) as d
  ),
  -- What Meta would not tell this time keeps its last known value; missing_fields says so.
  merged as (
    select
      r.date, r.campaign_id, r.adset_id, r.ad_id, r.spend, r.impressions, r.clicks,
      -- Every amount of an account is in its currency, told again in the row or not.
      coalesce(r.currency, (select account.currency from public.ad_accounts as account where account.id = upsert_insights.account_id)) as currency,
      case when 'reach' = any (dropped) then d.reach else r.reach end as reach,
      case when 'inline_link_clicks' = any (dropped) then d.inline_link_clicks else r.inline_link_clicks end as inline_link_clicks,
      case when 'actions' = any (dropped) then d.actions else r.actions end as actions,
      case when 'action_values' = any (dropped) then d.action_values else r.action_values end as action_values,
      nullif(dropped, '{}') as missing_fields,
      d.id as known_id,
      row(d.account_id, d.campaign_id, d.adset_id, d.spend, d.impressions, d.clicks, d.reach, d.inline_link_clicks, d.currency, d.actions, d.action_values, d.missing_fields) as known
    from resolved as r
    left join known as d on d.date = r.date and d.ad_id = r.ad_id
    where r.campaign_id is not null and r.adset_id is not null and r.ad_id is not null
  ),
  changed as (
    select m.*
    from merged as m
    where m.known_id is null
      or m.known is distinct from row(
        upsert_insights.account_id, m.campaign_id, m.adset_id, m.spend, m.impressions, m.clicks, m.reach, m.inline_link_clicks, m.currency, m.actions, m.action_values, m.missing_fields
      )
  ),
  stored as (
    insert into public.ad_spend as d (
      date, account_id, campaign_id, adset_id, ad_id, spend, impressions, clicks, reach, inline_link_clicks, currency, actions, action_values, missing_fields
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

revoke execute on function fb_ads.upsert_insights(uuid, jsonb, text[]) from public, anon, authenticated;
grant execute on function fb_ads.upsert_insights(uuid, jsonb, text[]) to service_role;
comment on function fb_ads.upsert_insights(uuid, jsonb, text[]) is
  'Stores daily figures of ads of one account; dropped names fields that Meta refused. Returns how many rows it wrote, and how many it could not because an object of theirs is not stored yet (see stub_insight_objects).';

create function fb_ads.stub_insight_objects(job fb_ads.sync_jobs, rows jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  campaigns text[];
  adsets text[];
  ads text[];
begin
  select
    array_agg(distinct r.fb_campaign_id) filter (where not exists (select from public.ad_campaigns as c where c.fb_campaign_id = r.fb_campaign_id)),
    array_agg(distinct r.fb_adset_id) filter (where not exists (select from public.ad_adsets as s where s.fb_adset_id = r.fb_adset_id)),
    array_agg(distinct r.fb_ad_id) filter (where not exists (select from public.ad_ads as a where a.fb_ad_id = r.fb_ad_id))
  into campaigns, adsets, ads
  from jsonb_to_recordset(rows) as r (fb_campaign_id text, fb_adset_id text, fb_ad_id text);

  perform fb_ads.stub_campaigns(job.account_id, campaigns);
  perform fb_ads.stub_adsets(job.account_id, rows);
  perform fb_ads.stub_ads(job.account_id, rows);

  -- The spend is stored now; the names come by id, because a list may never show such an object. Where everything is
  -- unknown, the lists cost less, and what they do not show is looked up by id after them.
  if coalesce(cardinality(campaigns), 0) + coalesce(cardinality(adsets), 0) + coalesce(cardinality(ads), 0) > 100 then
    perform fb_ads.plan_lists(array[job.account_id], now());
    return;
  end if;
  insert into fb_ads.sync_jobs (account_id, kind, priority, object_level, object_ids, not_before)
  select job.account_id, 'missing_objects', 120, unknown.level, unknown.ids, fb_ads.parked_until(job.account_id, 'missing_objects')
  from (values ('campaign', campaigns), ('adset', adsets), ('ad', ads)) as unknown (level, ids)
  where unknown.ids is not null;
end;
$$;

revoke execute on function fb_ads.stub_insight_objects(fb_ads.sync_jobs, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.stub_insight_objects(fb_ads.sync_jobs, jsonb) to service_role;
comment on function fb_ads.stub_insight_objects(fb_ads.sync_jobs, jsonb) is
  'Makes bare rows for the campaigns, ad sets and ads that a page of insights speaks of and nobody knows, and plans to read them: by id, or by lists where there are more than 100.';
