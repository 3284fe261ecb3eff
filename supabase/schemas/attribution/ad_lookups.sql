-- Ids that touchpoints name and the catalogue lacks: they are read by id, and watched.
-- Why a lookup of its own beside the job: the sales that wait must learn how it ended, also when the job is long gone.

create table fb_ads.ad_lookups (
  fb_id text primary key,
  level text not null,
  job_id bigint references fb_ads.sync_jobs (id) on delete set null,
  state text not null default 'open',
  requested_at timestamptz not null default now(),
  ended_at timestamptz,
  constraint fb_id_is_digits check (fb_id ~ '^[0-9]{1,30}$'),
  constraint level_is_known check (level in ('ad', 'adset', 'campaign')),
  constraint state_is_known check (state in ('open', 'known', 'unknown')),
  constraint ended_has_an_end check ((state = 'open') = (ended_at is null))
);

comment on table fb_ads.ad_lookups is
  'Ids that a sale''s touchpoints name and the catalogue did not know: each is read by id once, and watched for '
  'settings.attribution_revision_window.';
comment on column fb_ads.ad_lookups.fb_id is 'Meta''s id, as the address named it.';
comment on column fb_ads.ad_lookups.level is 'What it is read as: ad, adset or campaign.';
comment on column fb_ads.ad_lookups.job_id is
  'The job of the metadata sync that reads it; null where no account is enabled, or the job is gone.';
comment on column fb_ads.ad_lookups.state is
  'open: being read; known: the catalogue has it; unknown: Meta did not give it out, or nobody could ask.';
comment on column fb_ads.ad_lookups.requested_at is 'When a sale first needed it.';
comment on column fb_ads.ad_lookups.ended_at is 'When it became known or was given up.';

create index ad_lookups_job_id_idx on fb_ads.ad_lookups (job_id);
create index ad_lookups_state_idx on fb_ads.ad_lookups (state, requested_at) where state <> 'known';

alter table fb_ads.ad_lookups enable row level security;

create function fb_ads.plan_lookups(missing jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  wanted record;
  job bigint;
  asked_account uuid;
begin
  for wanted in
    select distinct on (given.fb_id) given.*
    from jsonb_to_recordset(missing) as given (fb_id text, level text, account_id uuid, is_awaited boolean)
    where given.fb_id is not null
    order by given.fb_id, given.is_awaited desc, given.account_id nulls last
  loop
    insert into fb_ads.ad_lookups (fb_id, level, state, ended_at)
    values (
      wanted.fb_id, wanted.level,
      case when wanted.is_awaited then 'open' else 'unknown' end,
      case when not wanted.is_awaited then now() end
    )
    on conflict (fb_id) do nothing;
    if not found then
      -- A sale names an id again that was given up: the watch starts anew.
      update fb_ads.ad_lookups as lookup
      set requested_at = now()
      where lookup.fb_id = wanted.fb_id and lookup.state = 'unknown' and lookup.requested_at < now() - interval '1 day';
      continue;
    end if;
    continue when not wanted.is_awaited;
    -- Meta needs only the token to read an id. The job's account is where the call is counted; the ad is stored under
    -- its own account.
    select account.id
    into asked_account
    from public.ad_accounts as account
    where account.enabled
    order by account.id is not distinct from wanted.account_id desc, account.fb_account_id
    limit 1;
    insert into fb_ads.sync_jobs (account_id, kind, priority, object_level, object_ids, params, not_before)
    values (
      asked_account, 'objects', 40, wanted.level, array[wanted.fb_id], '{"find_owner": true}',
      fb_ads.throttled_until(asked_account, 'objects')
    )
    returning id into job;
    update fb_ads.ad_lookups as lookup set job_id = job where lookup.fb_id = wanted.fb_id;
  end loop;
end;
$$;

comment on function fb_ads.plan_lookups(jsonb) is
  'Makes the metadata sync read ids that sales wait for, each by a job of its own (an invalid id must not fail the '
  'others), and remembers those that are only watched: [{fb_id, level, account_id, is_awaited}].';

create function fb_ads.is_known_object(fb_id text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (select from public.ad_ads as ad where ad.fb_ad_id = fb_id)
    or exists (select from public.ad_adsets as adset where adset.fb_adset_id = fb_id)
    or exists (select from public.ad_campaigns as campaign where campaign.fb_campaign_id = fb_id);
$$;

comment on function fb_ads.is_known_object(text) is 'Whether the catalogue has an ad, ad set or campaign of this id.';

create function fb_ads.is_lookup_over(lookup fb_ads.ad_lookups)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case lookup.state
    when 'open' then
      lookup.requested_at <= now() - settings.attribution_lookup_patience
      or not exists (
        select from fb_ads.sync_jobs as job where job.id = lookup.job_id and job.state in ('pending', 'running')
      )
      or fb_ads.is_known_object(lookup.fb_id)
    -- A lookup that was given up is over once the nightly sync brings the object.
    when 'unknown' then
      lookup.requested_at >= now() - settings.attribution_revision_window - settings.attribution_lookup_patience
      and fb_ads.is_known_object(lookup.fb_id)
    else false
  end
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.is_lookup_over(fb_ads.ad_lookups) is
  'Whether a lookup is over: the id is known by now, or its job has ended or takes too long.';

create function fb_ads.settle_lookups()
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ended text[];
begin
  with decided as (
    select lookup.fb_id, fb_ads.is_known_object(lookup.fb_id) as is_known
    from fb_ads.ad_lookups as lookup
    where fb_ads.is_lookup_over(lookup)
    order by lookup.fb_id
    for update of lookup skip locked
  ),
  written as (
    update fb_ads.ad_lookups as lookup
    set state = case when decided.is_known then 'known' else 'unknown' end, ended_at = now()
    from decided
    where lookup.fb_id = decided.fb_id
    returning lookup.fb_id
  )
  select array_agg(written.fb_id) into ended from written;
  if ended is null then
    return 0;
  end if;
  perform from fb_ads.attribution_results as result
  where result.missing_ids && ended
  order by result.transaction_ref
  for update;
  update fb_ads.attribution_results as result
  set due_at = now()
  from fb_ads.settings as settings
  where result.missing_ids && ended
    and (result.outcome = 'waiting' or result.completed_at >= now() - settings.attribution_revision_window);
  return cardinality(ended);
end;
$$;

comment on function fb_ads.settle_lookups() is
  'Ends the lookups that are over, and marks the sales that wait for them; returns how many.';
