-- What Meta says of its quotas, kept; and what is parked or stopped because of it.
-- Why parking is written into the jobs: a claim then looks at one column, and an operator can free a job with one update.

create function fb_ads.sync_kinds(function_slug text)
returns text[]
language sql
immutable
security invoker
set search_path = ''
as $$
  select case function_slug
    when 'fb-sync-metadata' then array['accounts', 'account', 'campaigns', 'adsets', 'ads', 'objects']
    when 'fb-sync-insights' then array['insights', 'reconciliation', 'missing_objects']
  end;
$$;

revoke execute on function fb_ads.sync_kinds(text) from public, anon, authenticated;
grant execute on function fb_ads.sync_kinds(text) to service_role;
comment on function fb_ads.sync_kinds(text) is 'Which kinds of jobs an Edge Function works on.';

create function fb_ads.use_case_kinds(use_case text)
returns text[]
language sql
immutable
security invoker
set search_path = ''
as $$
  select case use_case
    when 'ads_management' then fb_ads.sync_kinds('fb-sync-metadata') || array['missing_objects']
    when 'ads_insights' then array['insights', 'reconciliation']
    else fb_ads.sync_kinds('fb-sync-metadata') || fb_ads.sync_kinds('fb-sync-insights')
  end;
$$;

revoke execute on function fb_ads.use_case_kinds(text) from public, anon, authenticated;
grant execute on function fb_ads.use_case_kinds(text) to service_role;
comment on function fb_ads.use_case_kinds(text) is 'Which kinds of jobs spend the quota of a Meta use case; of every use case for any other word.';

create function fb_ads.parked_until(account_id uuid, kind text)
returns timestamptz
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(max(quota.parked_until), now())
  from fb_ads.rate_limits as quota
  where quota.parked_until > now()
    and parked_until.kind = any (fb_ads.use_case_kinds(quota.use_case))
    and (
      quota.scope = 'app'
      or (
        quota.scope = 'account'
        and quota.key = (select a.fb_account_id from public.ad_accounts as a where a.id = parked_until.account_id)
      )
    );
$$;

revoke execute on function fb_ads.parked_until(uuid, text) from public, anon, authenticated;
grant execute on function fb_ads.parked_until(uuid, text) to service_role;
comment on function fb_ads.parked_until(uuid, text) is 'When a new job of that kind may start: now, or the end of the longest parking that holds it.';

create function fb_ads.park_sync_jobs(scope text, key text, use_case text, seconds double precision, error jsonb)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  ends_at timestamptz := now() + make_interval(secs => least(greatest(seconds, 1), 86400));
begin
  insert into fb_ads.rate_limits as quota (scope, key, use_case, parked_at, parked_until)
  values (park_sync_jobs.scope, park_sync_jobs.key, coalesce(park_sync_jobs.use_case, ''), clock_timestamp(), ends_at)
  on conflict on constraint rate_limits_pkey do update set
    parked_at = excluded.parked_at,
    parked_until = greatest(quota.parked_until, excluded.parked_until),
    updated_at = now();

  update fb_ads.sync_jobs as job
  set
    not_before = ends_at,
    last_error = coalesce(park_sync_jobs.error, job.last_error)
  where job.state = 'pending'
    and job.not_before < ends_at
    and job.kind = any (fb_ads.use_case_kinds(coalesce(park_sync_jobs.use_case, '')))
    and (
      park_sync_jobs.scope = 'app'
      or job.account_id = (select a.id from public.ad_accounts as a where a.fb_account_id = park_sync_jobs.key)
    );
  return ends_at;
end;
$$;

revoke execute on function fb_ads.park_sync_jobs(text, text, text, double precision, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.park_sync_jobs(text, text, text, double precision, jsonb) to service_role;
comment on function fb_ads.park_sync_jobs(text, text, text, double precision, jsonb) is
  'Parks every pending job that the quota holds (an account''s, or all of the app''s) for that many seconds, at most a day; a longer parking is never shortened. Returns its end.';

create function fb_ads.store_usage(usage jsonb)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into fb_ads.rate_limits as quota (scope, key, use_case, usage_percent, regain_at, access_tier)
  select distinct on (r.scope, r.key, coalesce(r.use_case, ''))
    r.scope, r.key, coalesce(r.use_case, ''), r.usage_percent,
    case when r.regain_seconds > 0 then date_trunc('minute', now()) + make_interval(secs => r.regain_seconds) end,
    r.access_tier
  from jsonb_to_recordset(usage) as r (
    scope text, key text, use_case text, usage_percent numeric, regain_seconds double precision, access_tier text
  )
  where r.scope in ('app', 'account') and r.key is not null
  order by r.scope, r.key, coalesce(r.use_case, ''), r.usage_percent desc nulls last
  on conflict (scope, key, use_case) do update set
    usage_percent = excluded.usage_percent,
    regain_at = excluded.regain_at,
    access_tier = coalesce(excluded.access_tier, quota.access_tier),
    updated_at = now()
  where (quota.usage_percent, quota.regain_at, quota.access_tier)
    is distinct from (excluded.usage_percent, excluded.regain_at, coalesce(excluded.access_tier, quota.access_tier));

  -- A use case has a time of regaining only while it is blocked: also one that this very call did not spend.
  select fb_ads.park_sync_jobs(r.scope, r.key, r.use_case, max(r.regain_seconds), null)
  from jsonb_to_recordset(usage) as r (scope text, key text, use_case text, regain_seconds double precision)
  where r.scope = 'account' and r.use_case in ('ads_management', 'ads_insights') and r.regain_seconds > 0
  group by r.scope, r.key, r.use_case
  order by r.key, r.use_case;
$$;

revoke execute on function fb_ads.store_usage(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_usage(jsonb) to service_role;
comment on function fb_ads.store_usage(jsonb) is
  'Keeps what usage headers said: [{scope, key, use_case, usage_percent, regain_seconds, access_tier}], the worst of each; and parks what is blocked.';

create function fb_ads.app_parked_until(job fb_ads.sync_jobs)
returns timestamptz
language sql
stable
security invoker
set search_path = ''
as $$
  select max(quota.parked_until)
  from fb_ads.rate_limits as quota
  where quota.scope = 'app'
    and quota.key = 'default'
    and quota.parked_until > now()
    and quota.parked_at > job.claimed_at
    and job.kind = any (fb_ads.use_case_kinds(quota.use_case));
$$;

revoke execute on function fb_ads.app_parked_until(fb_ads.sync_jobs) from public, anon, authenticated;
grant execute on function fb_ads.app_parked_until(fb_ads.sync_jobs) to service_role;
comment on function fb_ads.app_parked_until(fb_ads.sync_jobs) is
  'Until when a held job has to wait because somebody else was refused for the whole app since it was claimed; null where nobody was. A job that is claimed in spite of a parking was freed by an operator.';

create function fb_ads.stop_token(fingerprint text, error jsonb)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into fb_ads.rate_limits as quota (scope, key, stopped_at, stop_error, probe_after)
  values ('token', fingerprint, now(), error, now() + interval '55 seconds')
  on conflict (scope, key, use_case) do update set
    stopped_at = coalesce(quota.stopped_at, excluded.stopped_at),
    stop_error = excluded.stop_error,
    probe_after = excluded.probe_after,
    updated_at = now();
$$;

revoke execute on function fb_ads.stop_token(text, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.stop_token(text, jsonb) to service_role;
comment on function fb_ads.stop_token(text, jsonb) is
  'Remembers that Meta refuses a token and why. One probe a minute follows; another token in Vault has another fingerprint and is not stopped.';

create function fb_ads.may_use_token(fingerprint text)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select not exists (
    select
    from fb_ads.rate_limits as quota
    where quota.scope = 'token'
      and quota.key = fingerprint
      and quota.stopped_at is not null
      and quota.probe_after > now()
  );
$$;

revoke execute on function fb_ads.may_use_token(text) from public, anon, authenticated;
grant execute on function fb_ads.may_use_token(text) to service_role;
comment on function fb_ads.may_use_token(text) is 'Whether a token is good as far as we know, or due for a probe.';
