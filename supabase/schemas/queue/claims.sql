-- The lease of a claimed job: how it begins, and how it is taken back from a worker that is gone.

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
    'attempts', started.attempts, 'refused_fields', to_jsonb(fb_ads.refused_fields_of(started)),
    'page_max', case
      when started.kind in ('insights', 'reconciliation') then known.insights_page_max
      when started.kind in ('campaigns', 'adsets', 'ads') then known.list_page_max
    end
  )
  from started
  left join public.ad_accounts as account on account.id = started.account_id
  left join fb_ads.account_reads as known on known.account_id = started.account_id;
$$;

comment on function fb_ads.start_sync_job(bigint, uuid) is
  'Gives a pending job a fresh lease of 90 s and returns what a worker needs to know of it and of its account.';

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
