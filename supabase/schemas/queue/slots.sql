-- The two slots of each sync: who holds one, who has lost it, and how a run ends.
-- Why slots are rows with leases: the slot of a killed run comes free by itself.

create function fb_ads.is_live_run(run fb_ads.sync_runs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select run.finished_at is null
    and case
      when exists (
        select from fb_ads.sync_jobs as job
        where job.run_id = run.id and job.state = 'running' and job.lease_until > now()
      ) then true
      -- A run whose job lease has expired is dead.
      when exists (select from fb_ads.sync_jobs as job where job.run_id = run.id and job.state = 'running') then false
      else run.lease_until > now()
    end;
$$;

comment on function fb_ads.is_live_run(fb_ads.sync_runs) is
  'Whether a run still holds its slot: it has just begun or ended a job, or holds one whose lease has not expired.';

create function fb_ads.free_slots(function_slug text)
returns integer language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select greatest(0, 2 - count(*)::integer)
  from fb_ads.sync_runs as run
  where run.function_slug = free_slots.function_slug
    and run.finished_at is null
    and fb_ads.is_live_run(run);
$$;

comment on function fb_ads.free_slots(text) is 'How many more runs of a sync may start: at most two are live.';

create function fb_ads.end_dead_runs()
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.sync_runs as run
  set finished_at = now(),
    error = jsonb_build_object(
      'code', 'worker_lost', 'message', 'The invocation ended without a word: it was killed or ran out of its limits.'
    )
  where run.finished_at is null and not fb_ads.is_live_run(run);
$$;

comment on function fb_ads.end_dead_runs() is
  'Ends the runs that are not live any more, so that the table says what became of them.';

create function public.fb_take_sync_slot(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  waiting fb_ads.sync_runs;
begin
  perform pg_advisory_xact_lock(hashtext('fb_ads.sync_runs'));
  select run.* into waiting from fb_ads.sync_runs as run where run.id = (request ->> 'run_id')::uuid;
  if fb_ads.free_slots(waiting.function_slug) > 0 then
    perform fb_ads.end_dead_runs();
    update fb_ads.sync_runs as run
    set
      started_at = now(), lease_until = now() + interval '5 seconds', finished_at = null, jobs_left = null, error = null
    where run.id = waiting.id;
    return '{"slot": true}';
  end if;
  return jsonb_build_object(
    'slot', false,
    'jobs_left', fb_ads.open_job_count(waiting.function_slug, fb_ads.account_ids_of(request -> 'account_ids'))
  );
end;
$$;

comment on function public.fb_take_sync_slot(jsonb) is
  'For a run that found no slot and whose caller waits: {run_id, account_ids?}. Takes a slot that has become free, a '
  'killed worker''s too. Returns {slot, jobs_left}.';

create function public.fb_finish_sync_run(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  ended fb_ads.sync_runs;
begin
  update fb_ads.sync_runs as run
  set
    finished_at = now(),
    jobs_left = fb_ads.open_job_count(run.function_slug, fb_ads.account_ids_of(request -> 'account_ids')),
    rows = coalesce(request -> 'rows', run.rows),
    graph_calls = coalesce((request ->> 'graph_calls')::integer, run.graph_calls),
    warnings = coalesce(request -> 'warnings', run.warnings),
    error = nullif(request -> 'error', 'null')
  where run.id = (request ->> 'run_id')::uuid
  returning * into ended;
  return jsonb_build_object('done', ended.jobs_done, 'left', ended.jobs_left, 'failed', ended.jobs_failed);
end;
$$;

comment on function public.fb_finish_sync_run(jsonb) is
  'Ends a run and frees its slot: {run_id, account_ids?, rows, graph_calls, warnings, error}. Returns {done, '
  'left, failed} jobs. Called twice it returns the same.';
