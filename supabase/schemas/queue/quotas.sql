-- What Meta says of its quotas, and what is throttled or stopped because of it.
-- Why throttling is written into the jobs: a claim looks at one column, and an operator can free a job with one update.

create table fb_ads.quotas (
  scope text not null,
  key text not null,
  use_case text not null default '',
  usage_percent numeric,
  rising_since timestamptz,
  regain_at timestamptz,
  access_tier text,
  throttled_at timestamptz,
  throttled_until timestamptz,
  stopped_at timestamptz,
  probe_after timestamptz,
  stop_error jsonb,
  updated_at timestamptz not null default now(),
  primary key (scope, key, use_case),
  constraint scope_is_known check (scope in ('app', 'token', 'account', 'pixel')),
  constraint stop_has_a_reason check ((stopped_at is null) = (stop_error is null))
);

comment on table fb_ads.quotas is
  'What Meta last said of its quotas, and what is throttled or stopped because of it.';
comment on column fb_ads.quotas.scope is
  'app: the whole app; token: one token; account: one ad account; pixel: one pixel.';
comment on column fb_ads.quotas.key is
  'app: default; token: first 16 hex digits of its SHA-256; account: Meta''s digits; pixel: its id.';
comment on column fb_ads.quotas.use_case is
  'Meta''s business use case (ads_management, ads_insights, ...), or empty where the limit knows none.';
comment on column fb_ads.quotas.usage_percent is
  'The worst percentage that Meta''s usage headers last gave; may exceed 100.';
comment on column fb_ads.quotas.rising_since is
  'Since when usage_percent has only risen: what was used since comes back an hour after it was used.';
comment on column fb_ads.quotas.regain_at is 'When Meta expects to give access back.';
comment on column fb_ads.quotas.access_tier is 'Meta''s ads_api_access_tier, as in the header.';
comment on column fb_ads.quotas.throttled_at is 'When Meta last refused a call of this quota.';
comment on column fb_ads.quotas.throttled_until is 'Nothing is sent in this scope before.';
comment on column fb_ads.quotas.stopped_at is
  'Since when a person has to act (dead token, missing permission); null while nothing is wrong.';
comment on column fb_ads.quotas.probe_after is
  'When one job may probe whether Meta takes calls again, of a stopped token or a throttled app: until one has been '
  'answered, all others wait. Null: nothing to probe.';
comment on column fb_ads.quotas.stop_error is
  'Why it is stopped: code, Meta''s code and error_subcode, message for a person.';
comment on column fb_ads.quotas.updated_at is 'When the row last changed.';

alter table fb_ads.quotas enable row level security;

create function fb_ads.use_case_kinds(use_case text)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case use_case
    when 'ads_management' then fb_ads.sync_kinds('fb-sync-metadata') || array['missing_objects']
    when 'ads_insights' then array['insights', 'reconciliation']
    else fb_ads.sync_kinds('fb-sync-metadata') || fb_ads.sync_kinds('fb-sync-insights')
  end;
$$;

comment on function fb_ads.use_case_kinds(text) is
  'Which kinds of jobs spend the quota of a Meta use case; of every use case for any other word.';

create function fb_ads.throttled_until(account_id uuid, kind text)
returns timestamptz language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(max(quota.throttled_until), now())
  from fb_ads.quotas as quota
  where quota.throttled_until > now()
    and throttled_until.kind = any (fb_ads.use_case_kinds(quota.use_case))
    and (
      quota.scope = 'app'
      or (
        quota.scope = 'account'
        and quota.key = (select a.fb_account_id from public.ad_accounts as a where a.id = throttled_until.account_id)
      )
    );
$$;

comment on function fb_ads.throttled_until(uuid, text) is
  'When a new job of that kind may start: now, or when the last throttling of its quotas ends.';

create function fb_ads.throttle_sync_jobs(scope text, key text, use_case text, seconds double precision, error jsonb)
returns timestamptz language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ends_at timestamptz := now() + make_interval(secs => least(greatest(seconds, 1), 86400));
begin
  insert into fb_ads.quotas as quota (scope, key, use_case, throttled_at, throttled_until, probe_after)
  values (
    throttle_sync_jobs.scope, throttle_sync_jobs.key, coalesce(throttle_sync_jobs.use_case, ''), clock_timestamp(),
    ends_at,
    -- Whoever is free first once the wait is over.
    case when throttle_sync_jobs.scope = 'app' and throttle_sync_jobs.error is not null then now() end
  )
  on conflict on constraint quotas_pkey do update set
    probe_after = coalesce(excluded.probe_after, quota.probe_after),
    throttled_at = excluded.throttled_at,
    throttled_until = greatest(quota.throttled_until, excluded.throttled_until),
    updated_at = now();

  update fb_ads.sync_jobs as job
  set
    not_before = ends_at,
    last_error = coalesce(throttle_sync_jobs.error, job.last_error)
  where job.state = 'pending'
    and job.not_before < ends_at
    and job.kind = any (fb_ads.use_case_kinds(coalesce(throttle_sync_jobs.use_case, '')))
    and (
      throttle_sync_jobs.scope = 'app'
      or job.account_id = (select a.id from public.ad_accounts as a where a.fb_account_id = throttle_sync_jobs.key)
    );
  return ends_at;
end;
$$;

comment on function fb_ads.throttle_sync_jobs(text, text, text, double precision, jsonb) is
  'Throttles every pending job of the quota (an account''s, or all of the app''s) for that many seconds, at most a '
  'day; a longer throttling is never shortened. After a refusal of the app one job probes it first. Returns when it '
  'ends.';

create type fb_ads.quota_usage as (
  scope text,
  key text,
  use_case text,
  usage_percent numeric,
  regain_seconds double precision,
  access_tier text
);

comment on type fb_ads.quota_usage is 'What a usage header of Meta''s said of one quota.';

create function fb_ads.store_usage(usage jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.quotas as quota (scope, key, use_case, usage_percent, rising_since, regain_at, access_tier)
  select distinct on (r.scope, r.key, coalesce(r.use_case, ''))
    r.scope, r.key, coalesce(r.use_case, ''), r.usage_percent, now(),
    case when r.regain_seconds > 0 then date_trunc('minute', now()) + make_interval(secs => r.regain_seconds) end,
    r.access_tier
  from jsonb_populate_recordset(null::fb_ads.quota_usage, usage) as r
  where r.scope in ('app', 'account') and r.key is not null
  order by r.scope, r.key, coalesce(r.use_case, ''), r.usage_percent desc nulls last
  on conflict (scope, key, use_case) do update set
    usage_percent = excluded.usage_percent,
    rising_since = case
      when excluded.usage_percent >= quota.usage_percent and quota.updated_at > now() - interval '1 hour'
        then quota.rising_since
      else excluded.rising_since
    end,
    regain_at = excluded.regain_at,
    access_tier = coalesce(excluded.access_tier, quota.access_tier),
    updated_at = now()
  where (quota.usage_percent, quota.regain_at, quota.access_tier)
    is distinct from (excluded.usage_percent, excluded.regain_at, coalesce(excluded.access_tier, quota.access_tier));

  -- Meta names a time of regaining only for a blocked use case, be it one that this call did not spend.
  select fb_ads.throttle_sync_jobs(r.scope, r.key, r.use_case, max(r.regain_seconds), null)
  from jsonb_populate_recordset(null::fb_ads.quota_usage, usage) as r
  where r.scope = 'account' and r.use_case in ('ads_management', 'ads_insights') and r.regain_seconds > 0
  group by r.scope, r.key, r.use_case
  order by r.key, r.use_case;
$$;

comment on function fb_ads.store_usage(jsonb) is
  'Keeps what usage headers said: [{scope, key, use_case, usage_percent, regain_seconds, access_tier}], the worst of '
  'each; and throttles what Meta blocks.';

create function fb_ads.app_throttled_until(job fb_ads.sync_jobs)
returns timestamptz language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select max(quota.throttled_until)
  from fb_ads.quotas as quota
  where quota.scope = 'app'
    and quota.key = 'default'
    and quota.throttled_until > now()
    and quota.throttled_at > job.claimed_at
    and job.kind = any (fb_ads.use_case_kinds(quota.use_case));
$$;

comment on function fb_ads.app_throttled_until(fb_ads.sync_jobs) is
  'Until when a held job waits because Meta refused another call for the whole app since the job was claimed; null '
  'where it refused none. A throttled job that is claimed all the same was freed by an operator.';
