-- Which job a worker is given next.
-- Why one lock a claim: two workers must not start two jobs of one account, and a claim takes a millisecond.

create function public.fb_claim_sync_job(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  kinds text[] := fb_ads.sync_kinds(request ->> 'function_slug');
  fingerprint text := request ->> 'token_fingerprint';
  account_ids uuid[] := fb_ads.account_ids_of(request -> 'account_ids');
  waiting_kinds text[];
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

  waiting_kinds := fb_ads.unprobed_kinds();
  select job.id
  into claimed
  from fb_ads.sync_jobs as job
  where job.state = 'pending'
    and job.not_before <= now()
    and job.kind <> all (waiting_kinds)
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
    and not fb_ads.waits_for_parts(job)
    and not fb_ads.waits_for_lists(job)
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

  perform fb_ads.begin_probe(fingerprint, (select job.kind from fb_ads.sync_jobs as job where job.id = claimed));
  perform fb_ads.fit_range(claimed);
  return jsonb_build_object('job', fb_ads.start_sync_job(claimed, (request ->> 'run_id')::uuid));
end;
$$;

comment on function public.fb_claim_sync_job(jsonb) is
  'Claims the most urgent job: {run_id, function_slug, token_fingerprint, account_ids?}. Returns {job} or {job: null, '
  'reason: nothing_claimable | token_stopped | run_ended, poll_in_seconds}: when to look at a report at Meta, or at an '
  'account that the other sync holds. Never claims a second job of an account.';
