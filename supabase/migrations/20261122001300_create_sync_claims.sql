-- Claiming a job, holding it, moving it on, giving it back. Every write of a job goes through the fence in hold_sync_job.
-- Why one lock a claim: two workers must not start two jobs of one account, and a claim takes a millisecond.

create function fb_ads.start_sync_job(job_id bigint, run_id uuid)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  with started as (
    update fb_ads.sync_jobs as job
    set state = 'running', run_id = start_sync_job.run_id, lease_id = gen_random_uuid(), lease_until = now() + interval '90 seconds', claimed_at = now()
    where job.id = start_sync_job.job_id and job.state = 'pending'
    returning job.*
  )
  select jsonb_build_object(
    'id', started.id, 'kind', started.kind, 'lease_id', started.lease_id,
    'fb_account_id', account.fb_account_id, 'currency', account.currency, 'timezone_name', account.timezone_name,
    'since', started.since, 'until', started.until, 'object_level', started.object_level, 'object_ids', to_jsonb(started.object_ids),
    'params', started.params, 'cursor', started.cursor, 'page_size', started.page_size, 'page_count', started.page_count,
    'report_run_id', started.report_run_id, 'attempts', started.attempts
  )
  from started
  left join public.ad_accounts as account on account.id = started.account_id;
$$;

revoke execute on function fb_ads.start_sync_job(bigint, uuid) from public, anon, authenticated;
grant execute on function fb_ads.start_sync_job(bigint, uuid) to service_role;
comment on function fb_ads.start_sync_job(bigint, uuid) is 'Gives a pending job a fresh lease of 90 s and returns what a worker needs to know of it.';

create function fb_ads.reap_sync_jobs()
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  with reaped as (
    update fb_ads.sync_jobs as job
    set state = 'pending', lease_id = null, lease_until = null, not_before = greatest(job.not_before, fb_ads.app_parked_until(job))
    where job.state = 'running' and job.lease_until <= now()
    returning job.run_id
  )
  update fb_ads.sync_runs as run
  set lease_until = now()
  where run.finished_at is null and run.id in (select reaped.run_id from reaped);
$$;

revoke execute on function fb_ads.reap_sync_jobs() from public, anon, authenticated;
grant execute on function fb_ads.reap_sync_jobs() to service_role;
comment on function fb_ads.reap_sync_jobs() is 'Takes jobs back from workers whose lease ran out. Their cursor is what was last stored, so at most one page is read again.';

create function public.fb_claim_sync_job(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  kinds text[] := fb_ads.sync_kinds(request ->> 'function_slug');
  fingerprint text := request ->> 'token_fingerprint';
  account_ids uuid[] := fb_ads.account_ids_of(request -> 'account_ids');
  claimed bigint;
  poll_in_seconds double precision;
  -- The other sync is at work too: it gets the accounts whose more urgent jobs wait for it, and this one waits for those it holds.
  shared boolean := exists (
    select from fb_ads.sync_runs as run
    where run.function_slug <> request ->> 'function_slug' and run.finished_at is null and fb_ads.is_live_run(run)
  );
begin
  -- Whoever was taken for dead has lost its slot, and may go on only where one is free.
  if exists (select from fb_ads.sync_runs as run where run.id = (request ->> 'run_id')::uuid and run.finished_at is not null)
    and not (public.fb_take_sync_slot(request) ->> 'slot')::boolean then
    return jsonb_build_object('job', null, 'reason', 'run_ended');
  end if;

  perform pg_advisory_xact_lock(hashtext('fb_ads.sync_jobs'));
  perform fb_ads.reap_sync_jobs();

  if not fb_ads.may_use_token(fingerprint) then
    return jsonb_build_object('job', null, 'reason', 'token_stopped');
  end if;

  select job.id
  into claimed
  from fb_ads.sync_jobs as job
  where job.state = 'pending'
    and job.not_before <= now()
    -- Whose days are to be read nobody knows before the discovery, so whoever is there first makes it.
    and (job.kind = any (kinds) or (job.kind = 'accounts' and job.params ? 'insights'))
    and (account_ids is null or job.account_id = any (account_ids))
    and not exists (
      select from fb_ads.sync_jobs as other where other.account_id = job.account_id and other.state = 'running'
    )
    and not (shared and exists (
      select
      from fb_ads.sync_jobs as urgent
      where urgent.account_id = job.account_id
        and urgent.state = 'pending'
        and urgent.not_before <= now()
        and urgent.priority < job.priority
        and urgent.kind <> all (kinds)
    ))
    and (
      job.params ->> 'read' is distinct from 'report' or job.report_run_id is not null or fb_ads.may_start_report(job)
    )
  order by job.priority, job.id
  limit 1
  for update skip locked;

  if claimed is null then
    select min(case when job.not_before > now() then extract(epoch from job.not_before - now()) else 0.5 end)
    into poll_in_seconds
    from fb_ads.sync_jobs as job
    where job.state = 'pending'
      and job.kind = any (kinds)
      and (account_ids is null or job.account_id = any (account_ids))
      and case
        when job.not_before > now() then job.params ? 'report'
        else shared and exists (
          select from fb_ads.sync_jobs as other
          where other.account_id = job.account_id and other.state = 'running' and other.kind <> all (kinds)
        )
      end;
    -- Who waits for a report holds no job, and is live all the same.
    if poll_in_seconds is not null then
      perform fb_ads.keep_run((request ->> 'run_id')::uuid);
    end if;
    return jsonb_build_object('job', null, 'reason', 'nothing_claimable', 'poll_in_seconds', poll_in_seconds);
  end if;

  -- A stopped token is probed with one job; the next probe is a minute away.
  update fb_ads.rate_limits as quota
  set probe_after = now() + interval '55 seconds'
  where quota.scope = 'token' and quota.key = fingerprint and quota.stopped_at is not null;

  return jsonb_build_object('job', fb_ads.start_sync_job(claimed, (request ->> 'run_id')::uuid));
end;
$$;

revoke execute on function public.fb_claim_sync_job(jsonb) from public, anon, authenticated;
grant execute on function public.fb_claim_sync_job(jsonb) to service_role;
comment on function public.fb_claim_sync_job(jsonb) is
  'Claims the most urgent job: {run_id, function_slug, token_fingerprint, account_ids?}. Returns {job} or {job: null, reason: nothing_claimable | token_stopped | run_ended, poll_in_seconds}, the time until a report at Meta, or an account that the other sync holds, is to be looked at. Never a second job of an account.';

create function fb_ads.hold_sync_job(request jsonb)
returns fb_ads.sync_jobs
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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

revoke execute on function fb_ads.hold_sync_job(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.hold_sync_job(jsonb) to service_role;
comment on function fb_ads.hold_sync_job(jsonb) is
  'The fence: locks and returns the job {job_id, lease_id} for the rest of the transaction, or raises lease_lost (HTTP 409).';

create function fb_ads.clear_stops(job fb_ads.sync_jobs)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  -- Whatever answered is neither dead nor forbidden.
  update fb_ads.rate_limits as quota
  set stopped_at = null, stop_error = null, probe_after = null, updated_at = now()
  where quota.stopped_at is not null
    and (
      (quota.scope = 'token' and quota.key = (select run.token_fingerprint from fb_ads.sync_runs as run where run.id = job.run_id))
      or (quota.scope = 'account' and quota.key = (select a.fb_account_id from public.ad_accounts as a where a.id = job.account_id))
    );
$$;

revoke execute on function fb_ads.clear_stops(fb_ads.sync_jobs) from public, anon, authenticated;
grant execute on function fb_ads.clear_stops(fb_ads.sync_jobs) to service_role;
comment on function fb_ads.clear_stops(fb_ads.sync_jobs) is 'After a stored page: the job''s token and account are not stopped any more.';

create function fb_ads.advance_sync_job(job fb_ads.sync_jobs, page jsonb)
returns fb_ads.sync_jobs
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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

  -- Shared rows are locked in one order everywhere: quotas by key, then the run.
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

revoke execute on function fb_ads.advance_sync_job(fb_ads.sync_jobs, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.advance_sync_job(fb_ads.sync_jobs, jsonb) to service_role;
comment on function fb_ads.advance_sync_job(fb_ads.sync_jobs, jsonb) is
  'Moves a held job past a page stored in the same transaction: {next_cursor, done, page_size, row_count, params, usage}. Renews its lease or ends it.';

create function fb_ads.keep_run(run_id uuid)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  update fb_ads.sync_runs as run
  set lease_until = now() + interval '5 seconds'
  where run.id = keep_run.run_id;
$$;

revoke execute on function fb_ads.keep_run(uuid) from public, anon, authenticated;
grant execute on function fb_ads.keep_run(uuid) to service_role;
comment on function fb_ads.keep_run(uuid) is 'An invocation that has just given a job back, or waits for a report, is live until it claims the next.';

create function fb_ads.park_held_job(job fb_ads.sync_jobs, park jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  parked_until timestamptz;
begin
  update fb_ads.sync_jobs as j
  set state = 'pending', lease_id = null, lease_until = null
  where j.id = job.id and j.state = 'running';
  parked_until := fb_ads.park_sync_jobs(
    park ->> 'scope',
    case when park ->> 'scope' = 'app' then 'default' else (select a.fb_account_id from public.ad_accounts as a where a.id = job.account_id) end,
    park ->> 'use_case',
    (park ->> 'seconds')::double precision,
    nullif(park -> 'error', 'null')
  );
  -- The job that was refused waits even where Meta blames a quota that is not its own.
  update fb_ads.sync_jobs as j set not_before = greatest(j.not_before, parked_until) where j.id = job.id and j.state = 'pending';
  perform fb_ads.keep_run(job.run_id);
end;
$$;

revoke execute on function fb_ads.park_held_job(fb_ads.sync_jobs, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.park_held_job(fb_ads.sync_jobs, jsonb) to service_role;
comment on function fb_ads.park_held_job(fb_ads.sync_jobs, jsonb) is
  'Gives a held job back and parks it with all that spend the same quota: {scope: account | app, use_case, seconds, error}.';
