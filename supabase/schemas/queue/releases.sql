-- Releasing a job without a page: the run's budget is spent, Meta refused, or the job cannot be done.

create function fb_ads.retry_delay_seconds(attempts integer)
returns double precision language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select least(600, 5 * power(2, least(attempts, 10))) * (0.75 + random() / 2);
$$;

comment on function fb_ads.retry_delay_seconds(integer) is
  'Pause before the next attempt after that many failures in a row: 5 s '
  'doubling to 10 minutes, a quarter of jitter either way.';

create function fb_ads.is_refused_everywhere(error jsonb)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select count(distinct refused.account_id) >= greatest(2, least(3, (
    select count(*) from public.ad_accounts as account where account.enabled
  )))
  from fb_ads.sync_jobs as refused
  join public.ad_accounts as account on account.id = refused.account_id
  left join fb_ads.quotas as quota
    on quota.scope = 'account' and quota.key = account.fb_account_id and quota.use_case = ''
  cross join lateral (
    select greatest(max(job.finished_at), now() - interval '1 hour') as at
    from fb_ads.sync_jobs as job
    where job.state = 'done'
      and job.finished_at > now() - interval '1 hour'
      and fb_ads.is_asked_with_marketing_token(job.kind)
  ) as last_answer
  where refused.state = 'failed'
    and refused.finished_at > last_answer.at
    and refused.last_error ->> 'reason' = error ->> 'reason'
    and refused.last_error ->> 'meta_code' = error ->> 'meta_code'
    -- One that was stopped before tells nothing new.
    and coalesce(quota.stopped_at > last_answer.at, true);
$$;

comment on function fb_ads.is_refused_everywhere(jsonb) is
  'Whether Meta has refused three accounts in a row alike (two, where there are no more) and has answered nothing '
  'since: then it is the token or its app that it refuses.';

create function public.fb_release_sync_job(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  outcome text := request ->> 'outcome';
  error jsonb := nullif(request -> 'error', 'null');
  -- A stored page resets the attempts, but restarts count on: a list that always breaks off after its first page would
  -- restart for ever.
  restarts integer := coalesce((job.params ->> 'restarts')::integer, 0) + (
    request ->> 'outcome' is not distinct from 'restart'
  )::integer;
  given_up boolean;
begin
  if outcome not in ('release', 'retry', 'restart', 'throttle', 'stop_token', 'stop_account', 'fail') then
    raise exception 'unknown outcome of a job: %', coalesce(outcome, 'null') using errcode = '22023';
  end if;
  -- Twelve failures in a row take over an hour. A job that still fails then waits for a person or the next night.
  given_up := outcome in ('fail', 'stop_account') or (
    outcome in ('retry', 'restart')
    and greatest(job.attempts, restarts - 1) >= 11
  );

  update fb_ads.sync_jobs as j
  set
    state = case when given_up then 'failed' else 'pending' end,
    finished_at = case when given_up then now() end,
    lease_id = null,
    lease_until = null,
    -- Throttling counts too, for each refusal in a row doubles the wait, but never so far that a later failure ends the
    -- job.
    attempts = case outcome
      when 'retry' then j.attempts + 1
      when 'restart' then j.attempts + 1
      when 'throttle' then least(j.attempts + 1, 6)
      else j.attempts
    end,
    not_before = greatest(
      case
        when outcome in ('retry', 'restart') and not given_up
          then now() + make_interval(secs => fb_ads.retry_delay_seconds(greatest(j.attempts, restarts - 1)))
        else j.not_before
      end,
      fb_ads.app_throttled_until(j)
    ),
    cursor = case when outcome = 'restart' then null else j.cursor end,
    page_count = case when outcome = 'restart' then 0 else j.page_count end,
    page_size = coalesce((request ->> 'page_size')::integer, j.page_size),
    report_run_id = case when request ? 'report_run_id' then request ->> 'report_run_id' else j.report_run_id end,
    params = j.params || coalesce(request -> 'params', '{}') || case outcome
      when 'restart' then jsonb_build_object('restarts', restarts)
      else '{}'
    end,
    last_error = coalesce(error || jsonb_build_object('at', now()), j.last_error)
  where j.id = job.id;

  -- Shared rows are locked in one order everywhere: quotas by key, then the run.
  if jsonb_typeof(request -> 'usage') = 'array' then
    perform fb_ads.store_usage(request -> 'usage');
  end if;
  if outcome = 'restart' then
    delete from fb_ads.sync_seen_pages as seen where seen.job_id = job.id;
  elsif outcome = 'throttle' then
    perform fb_ads.throttle_held_job(job, request -> 'throttle');
  elsif outcome = 'stop_token' then
    perform fb_ads.stop_token(
      (select run.token_fingerprint from fb_ads.sync_runs as run where run.id = job.run_id), error
    );
  elsif outcome = 'stop_account' then
    perform fb_ads.fail_account(job, error);
  end if;
  if outcome in ('stop_account', 'fail') and fb_ads.is_refused_everywhere(error) then
    perform fb_ads.stop_token(
      (select run.token_fingerprint from fb_ads.sync_runs as run where run.id = job.run_id),
      error || '{"is_everywhere": true}'
    );
  end if;
  if given_up and job.kind = 'insights' and outcome <> 'stop_account' then
    if job.params ? 'field_trial' then
      perform fb_ads.learn_ad_fields(job, job.params -> 'trial_fields');
    end if;
    if not fb_ads.learn_insights_refusal(job, error) then
      perform fb_ads.end_insights_plan(job);
    end if;
  end if;
  if given_up and error ->> 'reason' = 'version_dead' then
    -- Meta would refuse every call, and refusals cost the app its access tier, so all pending jobs fail with this one.
    update fb_ads.sync_jobs as other
    set state = 'failed', finished_at = now(), last_error = error || jsonb_build_object('at', now())
    where other.state = 'pending';
  end if;
  if given_up
    and job.kind = 'accounts'
    and coalesce(error ->> 'reason', '') not in ('version_dead', 'policy_block') then
    -- A token that may not list its accounts may still read those that are named.
    perform fb_ads.plan_account_reads(
      array(select account.id from public.ad_accounts as account where account.enabled)
    );
  end if;

  update fb_ads.sync_runs as run
  set jobs_failed = run.jobs_failed + given_up::integer, lease_until = now() + interval '5 seconds'
  where run.id = job.run_id;
  return jsonb_build_object('state', case when given_up then 'failed' else 'pending' end);
end;
$$;

comment on function public.fb_release_sync_job(jsonb) is
  'Releases a job: {job_id, lease_id, outcome, error?, usage?, page_size?, params?, throttle?, report_run_id?}. '
  'outcome: release (budget spent), retry (later, growing pause), restart (from the first page), throttle, stop_token, '
  'stop_account, fail. Returns {state}. Raises lease_lost (409) when another holds it.';
