-- Asynchronous reports at Meta.
-- Why the report's id is stored by a call of its own: a worker that takes over from a killed one finds the report again
-- instead of making another.

create function public.fb_store_report(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  restarts boolean := coalesce((request ->> 'restart')::boolean, false);
  throttling jsonb := nullif(request -> 'throttle', 'null');
begin
  update fb_ads.sync_jobs as j
  set
    state = 'pending',
    lease_id = null,
    lease_until = null,
    report_run_id = request ->> 'report_run_id',
    -- Added to what the pages read so far have left there.
    params = j.params || coalesce(request -> 'params', '{}'),
    cursor = case when not restarts then j.cursor end,
    page_count = case when restarts then 0 else j.page_count end,
    attempts = 0,
    last_error = nullif(request -> 'error', 'null'),
    not_before = greatest(
      now() + make_interval(secs => (request ->> 'wait_seconds')::double precision),
      fb_ads.throttled_until(j.account_id, j.kind)
    )
  where j.id = job.id;
  if restarts then
    delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
  end if;
  if jsonb_typeof(request -> 'usage') = 'array' then
    perform fb_ads.store_usage(request -> 'usage');
  end if;
  if request ->> 'report_run_id' is not null then
    perform fb_ads.clear_stops(job);
    perform fb_ads.learn_refused_fields(job, (job.params || coalesce(request -> 'params', '{}')) -> 'dropped_fields');
  end if;
  if throttling is not null then
    perform fb_ads.throttle_held_job(job, throttling);
  end if;
  update fb_ads.sync_runs as run set lease_until = now() + interval '10 seconds' where run.id = job.run_id;
  return '{"state": "pending"}';
end;
$$;

comment on function public.fb_store_report(jsonb) is
  'Keeps the state of a report and releases its job until the next poll: {job_id, lease_id, report_run_id, params, '
  'wait_seconds, restart?, error?, usage?, throttle?}. params are added to the job''s; report_run_id null: a new '
  'report is to be made; restart: pages read so far do not count. Raises lease_lost (409).';
