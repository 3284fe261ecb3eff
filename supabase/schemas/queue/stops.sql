-- What is stopped because Meta refuses it (a token, an account), and who finds out whether it still does: one job
-- probes, a stopped token as well as an app that was throttled.

create function fb_ads.stop_token(fingerprint text, error jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.quotas as quota (scope, key, stopped_at, stop_error, probe_after)
  values ('token', fingerprint, now(), error, now() + interval '55 seconds')
  on conflict (scope, key, use_case) do update set
    stopped_at = coalesce(quota.stopped_at, excluded.stopped_at),
    stop_error = excluded.stop_error,
    probe_after = excluded.probe_after,
    updated_at = now();
$$;

comment on function fb_ads.stop_token(text, jsonb) is
  'Remembers that Meta refuses a token and why. One probe a minute follows; another token in Vault has another '
  'fingerprint and is not stopped.';

create function fb_ads.may_use_token(fingerprint text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select not exists (
    select
    from fb_ads.quotas as quota
    where quota.scope = 'token'
      and quota.key = fingerprint
      and quota.stopped_at is not null
      and quota.probe_after > now()
  );
$$;

comment on function fb_ads.may_use_token(text) is 'Whether a token is not stopped, or due for a probe.';

create function fb_ads.unprobed_kinds()
returns text[] language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select array(
    select unnest(fb_ads.use_case_kinds(quota.use_case))
    from fb_ads.quotas as quota
    where quota.scope = 'app' and quota.probe_after > now()
  );
$$;

comment on function fb_ads.unprobed_kinds() is
  'Kinds of jobs that wait for the one that probes a throttled app.';

create function fb_ads.begin_probe(fingerprint text, kind text)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  -- When the probe is never heard of again, the next one is a minute away.
  update fb_ads.quotas as quota
  set probe_after = now() + interval '55 seconds'
  where quota.probe_after is not null
    and fb_ads.is_asked_with_marketing_token(begin_probe.kind)
    and (
      (quota.scope = 'token' and quota.key = fingerprint and quota.stopped_at is not null)
      or (quota.scope = 'app' and begin_probe.kind = any (fb_ads.use_case_kinds(quota.use_case)))
    );
$$;

comment on function fb_ads.begin_probe(text, text) is
  'A job of that kind was claimed: where its token is stopped or its app was throttled, it is the probe, and all '
  'others wait until it is answered.';

create function fb_ads.revive_refused_jobs(fingerprint text)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  -- The accounts stay stopped until they are answered, so that this happens once.
  update fb_ads.sync_jobs as job
  set state = 'pending', finished_at = null, attempts = 0, not_before = fb_ads.throttled_until(job.account_id, job.kind)
  from fb_ads.quotas as token
  join fb_ads.quotas as stop
    on stop.scope = 'account'
      and stop.stopped_at between token.stopped_at - interval '1 hour' and token.stopped_at
      and stop.stop_error ->> 'reason' = token.stop_error ->> 'reason'
  join public.ad_accounts as account on account.fb_account_id = stop.key and account.enabled
  where token.scope = 'token'
    and token.key = fingerprint
    and token.stopped_at is not null
    and token.stop_error ? 'is_everywhere'
    and job.account_id = account.id
    and job.state = 'failed'
    and job.finished_at between stop.stopped_at - interval '1 minute' and token.stopped_at
    -- A list that was planned again meanwhile is the same one.
    and not exists (
      select
      from fb_ads.sync_jobs as open
      where open.account_id = job.account_id and open.kind = job.kind and open.state in ('pending', 'running')
    );
$$;

comment on function fb_ads.revive_refused_jobs(text) is
  'A token that was stopped because Meta refused every account alike is answered again: the jobs that ended with the '
  'first accounts go on.';

create function fb_ads.clear_stops(job fb_ads.sync_jobs)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select fb_ads.revive_refused_jobs(run.token_fingerprint)
  from fb_ads.sync_runs as run
  where run.id = job.run_id and fb_ads.is_asked_with_marketing_token(job.kind);
  -- A token or account whose call Meta answered is not stopped.
  update fb_ads.quotas as quota
  set stopped_at = null, stop_error = null, probe_after = null, updated_at = now()
  where quota.stopped_at is not null
    and fb_ads.is_asked_with_marketing_token(job.kind)
    and (
      (
        quota.scope = 'token'
        and quota.key = (select run.token_fingerprint from fb_ads.sync_runs as run where run.id = job.run_id)
      )
      or (
        quota.scope = 'account'
        and quota.key = (select a.fb_account_id from public.ad_accounts as a where a.id = job.account_id)
      )
    );
  -- An app that answered what was asked after its refusal is not throttled any more.
  update fb_ads.quotas as quota
  set probe_after = null, updated_at = now()
  where quota.scope = 'app'
    and quota.probe_after is not null
    and quota.throttled_at < job.claimed_at
    and fb_ads.is_asked_with_marketing_token(job.kind)
    and job.kind = any (fb_ads.use_case_kinds(quota.use_case));
$$;

comment on function fb_ads.clear_stops(fb_ads.sync_jobs) is
  'After a stored page: the job''s token and account are not stopped any more, and its app needs no probe.';

create function fb_ads.fail_account(job fb_ads.sync_jobs, error jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with failed as (
    update fb_ads.sync_jobs as other
    set state = 'failed', finished_at = now(), last_error = error
    where other.account_id = job.account_id and other.state = 'pending'
  ),
  -- What it refused while the permission was going says nothing of the fields.
  forgotten as (
    update fb_ads.account_reads as known
    set refused_fields = '{}', fields_refused_at = null, updated_at = now()
    where known.account_id = job.account_id and known.fields_refused_at is not null
  )
  insert into fb_ads.quotas as quota (scope, key, stopped_at, stop_error, probe_after)
  select 'account', account.fb_account_id, now(), error, now() + interval '20 hours'
  from public.ad_accounts as account
  where account.id = job.account_id
  on conflict (scope, key, use_case) do update set
    stopped_at = coalesce(quota.stopped_at, excluded.stopped_at),
    stop_error = excluded.stop_error,
    probe_after = excluded.probe_after,
    updated_at = now();
$$;

comment on function fb_ads.fail_account(fb_ads.sync_jobs, jsonb) is
  'Ends the open jobs of an account that may not be read and says why; the next night tries it again with one call.';
