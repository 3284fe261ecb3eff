-- Holding a claimed job, moving it past a page, and releasing it after one. Every write goes through the fence in
-- fb_ads.hold_sync_job.

create function fb_ads.hold_sync_job(request jsonb)
returns fb_ads.sync_jobs language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  held fb_ads.sync_jobs;
begin
  select job.*
  into held
  from fb_ads.sync_jobs as job
  where job.id = (request ->> 'job_id')::bigint
    and job.state = 'running'
    and job.lease_id = (request ->> 'lease_id')::uuid
  for update;
  if held.id is null then
    raise sqlstate 'PT409' using message = 'lease_lost', detail = 'Another worker holds this job, or it is over.';
  end if;
  return held;
end;
$$;

comment on function fb_ads.hold_sync_job(jsonb) is
  'The fence: locks and returns the job {job_id, lease_id} for the rest of '
  'the transaction, or raises lease_lost (HTTP 409).';

create function fb_ads.advance_sync_job(job fb_ads.sync_jobs, page jsonb)
returns fb_ads.sync_jobs language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ended boolean := coalesce((page ->> 'done')::boolean, false);
  advanced fb_ads.sync_jobs;
begin
  update fb_ads.sync_jobs as j
  set
    state = case when ended then 'done' else 'running' end,
    lease_id = case when not ended then j.lease_id end,
    lease_until = case when not ended then now() + interval '90 seconds' end,
    finished_at = case when ended then now() end,
    cursor = page ->> 'next_cursor',
    page_size = coalesce((page ->> 'page_size')::integer, j.page_size),
    page_count = j.page_count + 1,
    row_count = j.row_count + coalesce((page ->> 'row_count')::integer, 0),
    params = j.params || coalesce(page -> 'params', '{}'),
    attempts = 0,
    last_error = null
  where j.id = job.id
  returning j.* into advanced;

  perform fb_ads.learn_refused_fields(job, page -> 'params' -> 'dropped_fields');
  perform fb_ads.learn_page_max(job, (page ->> 'page_max')::integer);
  update fb_ads.account_reads as known
  set insights_refusal = null, insights_refused_at = null, updated_at = now()
  where known.account_id = job.account_id and known.insights_refusal is not null and job.kind = 'insights';
  -- Shared rows are locked in one order everywhere: findings, quotas by key, then the run.
  if jsonb_typeof(page -> 'usage') = 'array' then
    perform fb_ads.store_usage(page -> 'usage');
  end if;
  perform fb_ads.clear_stops(job);
  if ended then
    update fb_ads.sync_runs as run
    set jobs_done = run.jobs_done + 1, lease_until = now() + interval '5 seconds'
    where run.id = job.run_id;
  end if;
  return advanced;
end;
$$;

comment on function fb_ads.advance_sync_job(fb_ads.sync_jobs, jsonb) is
  'Moves a held job past a page stored in the same transaction: {next_cursor, done, page_size, page_max?, '
  'row_count, params, usage}. Renews its lease or ends it. What Meta refused of it counts for the whole account.';

create function fb_ads.throttle_held_job(job fb_ads.sync_jobs, throttling jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  quota_key text := case
    when throttling ->> 'scope' = 'app' then 'default'
    else (select a.fb_account_id from public.ad_accounts as a where a.id = job.account_id)
  end;
  seconds double precision := (throttling ->> 'seconds')::double precision;
  throttled_until timestamptz;
begin
  if coalesce((throttling ->> 'is_window')::boolean, false) then
    -- Half of what was used is back when the window has passed since the middle of its rise.
    seconds := greatest(60, seconds - coalesce((
      select extract(epoch from now() - quota.rising_since) / 2
      from fb_ads.quotas as quota
      where quota.scope = throttling ->> 'scope'
        and quota.key = quota_key
        and quota.use_case = coalesce(throttling ->> 'use_case', '')
    ), 0));
  end if;
  update fb_ads.sync_jobs as j
  set state = 'pending', lease_id = null, lease_until = null
  where j.id = job.id and j.state = 'running';
  throttled_until := fb_ads.throttle_sync_jobs(
    throttling ->> 'scope',
    quota_key,
    throttling ->> 'use_case',
    seconds,
    nullif(throttling -> 'error', 'null')
  );
  -- The job that was refused waits even where Meta blames a quota that is not its own.
  update fb_ads.sync_jobs as j
  set not_before = greatest(j.not_before, throttled_until)
  where j.id = job.id and j.state = 'pending';
  perform fb_ads.renew_run_lease(job.run_id);
end;
$$;

comment on function fb_ads.throttle_held_job(fb_ads.sync_jobs, jsonb) is
  'Releases a held job and throttles it with all jobs that spend the same '
  'quota: {scope: account | app, use_case, seconds, is_window?, error}.';

create function fb_ads.release_throttled_job(job fb_ads.sync_jobs)
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  throttled_until timestamptz := fb_ads.app_throttled_until(job);
begin
  if job.state <> 'running' or throttled_until is null then
    return false;
  end if;
  update fb_ads.sync_jobs as j
  set state = 'pending', lease_id = null, lease_until = null, not_before = throttled_until
  where j.id = job.id;
  perform fb_ads.renew_run_lease(job.run_id);
  return true;
end;
$$;

comment on function fb_ads.release_throttled_job(fb_ads.sync_jobs) is
  'After a stored page: releases the held job when Meta has refused another call '
  'for the whole app meanwhile. Returns whether it did.';

create function fb_ads.settle_page(advanced fb_ads.sync_jobs, throttling jsonb, complete boolean default true)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  is_throttled boolean := throttling is not null;
begin
  if is_throttled then
    perform fb_ads.throttle_held_job(advanced, throttling);
  else
    is_throttled := fb_ads.release_throttled_job(advanced);
  end if;
  return case
    when complete and advanced.state = 'done' then 'done'
    when is_throttled then 'throttled'
    when complete then 'running'
    else 'restarted'
  end;
end;
$$;

comment on function fb_ads.settle_page(fb_ads.sync_jobs, jsonb, boolean) is
  'After a stored page: releases the job where its quota is spent (throttle, or a refusal of another call), and says '
  'what became of it: done, throttled, running, or restarted where the record of its pages was lost (not complete).';
