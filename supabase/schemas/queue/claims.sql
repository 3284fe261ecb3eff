-- Claiming a job.
-- Why one lock a claim: two workers must not start two jobs of one account, and a claim takes a millisecond.

create function fb_ads.start_sync_job(job_id bigint, run_id uuid)
returns jsonb language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with started as (
    update fb_ads.sync_jobs as job
    set state = 'running', run_id = start_sync_job.run_id, lease_id = gen_random_uuid(),
      lease_until = now() + interval '90 seconds', claimed_at = now()
    where job.id = start_sync_job.job_id and job.state = 'pending'
    returning job.*
  )
  select jsonb_build_object(
    'id', started.id, 'kind', started.kind, 'lease_id', started.lease_id,
    'fb_account_id', account.fb_account_id, 'currency', account.currency, 'timezone_name', account.timezone_name,
    'since', started.since, 'until', started.until, 'object_level', started.object_level,
    'object_ids', to_jsonb(started.object_ids), 'params', started.params, 'cursor', started.cursor,
    'page_size', started.page_size, 'page_count', started.page_count, 'report_run_id', started.report_run_id,
    'attempts', started.attempts
  )
  from started
  left join public.ad_accounts as account on account.id = started.account_id;
$$;

comment on function fb_ads.start_sync_job(bigint, uuid) is
  'Gives a pending job a fresh lease of 90 s and returns what a worker needs to know of it.';

create function fb_ads.rescue_sync_jobs()
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with rescued as (
    update fb_ads.sync_jobs as job
    set state = 'pending', lease_id = null, lease_until = null,
      not_before = greatest(job.not_before, fb_ads.app_throttled_until(job))
    where job.state = 'running' and job.lease_until <= now()
    returning job.run_id
  )
  update fb_ads.sync_runs as run
  set lease_until = now()
  where run.finished_at is null and run.id in (select rescued.run_id from rescued);
$$;

comment on function fb_ads.rescue_sync_jobs() is
  'Takes jobs back from workers whose lease ran out. Their cursor is what was '
  'last stored, so at most one page is read again.';

create function public.fb_claim_sync_job(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  kinds text[] := fb_ads.sync_kinds(request ->> 'function_slug');
  fingerprint text := request ->> 'token_fingerprint';
  account_ids uuid[] := fb_ads.account_ids_of(request -> 'account_ids');
  claimed bigint;
  poll_in_seconds double precision;
  -- While the other sync runs too, it gets the accounts that have more urgent jobs of its own, and this one waits for
  -- the accounts that it holds.
  shared boolean := exists (
    select from fb_ads.sync_runs as run
    where run.function_slug <> request ->> 'function_slug' and run.finished_at is null and fb_ads.is_live_run(run)
  );
begin
  -- A run that was taken for dead has lost its slot, and goes on only where one is free.
  if exists (
    select from fb_ads.sync_runs as run where run.id = (request ->> 'run_id')::uuid and run.finished_at is not null
  )
    and not (public.fb_take_sync_slot(request) ->> 'slot')::boolean then
    return jsonb_build_object('job', null, 'reason', 'run_ended');
  end if;

  perform pg_advisory_xact_lock(hashtext('fb_ads.sync_jobs'));
  perform fb_ads.rescue_sync_jobs();

  if not fb_ads.may_use_token(fingerprint) then
    return jsonb_build_object('job', null, 'reason', 'token_stopped');
  end if;

  select job.id
  into claimed
  from fb_ads.sync_jobs as job
  where job.state = 'pending'
    and job.not_before <= now()
    -- Insights wait for the discovery, which names the accounts to read, so either sync may make it.
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
    -- A run that waits for a report holds no job, and is live all the same.
    if poll_in_seconds is not null then
      perform fb_ads.renew_run_lease((request ->> 'run_id')::uuid);
    end if;
    return jsonb_build_object('job', null, 'reason', 'nothing_claimable', 'poll_in_seconds', poll_in_seconds);
  end if;

  -- A stopped token is probed with one job; the next probe is a minute away.
  update fb_ads.quotas as quota
  set probe_after = now() + interval '55 seconds'
  where quota.scope = 'token' and quota.key = fingerprint and quota.stopped_at is not null;

  return jsonb_build_object('job', fb_ads.start_sync_job(claimed, (request ->> 'run_id')::uuid));
end;
$$;

comment on function public.fb_claim_sync_job(jsonb) is
  'Claims the most urgent job: {run_id, function_slug, token_fingerprint, account_ids?}. Returns {job} or {job: null, '
  'reason: nothing_claimable | token_stopped | run_ended, poll_in_seconds}: when to look at a report at Meta, or at an '
  'account that the other sync holds. Never claims a second job of an account.';
