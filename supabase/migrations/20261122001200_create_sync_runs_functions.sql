-- Starting and ending an invocation of a sync: validation, planning, slots, and what is told in the end.
-- Why slots are rows with leases: a killed invocation gives its slot back by itself.

create function fb_ads.is_live_run(run fb_ads.sync_runs)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select run.finished_at is null
    and case
      when exists (
        select from fb_ads.sync_jobs as job
        where job.run_id = run.id and job.state = 'running' and job.lease_until > now()
      ) then true
      -- Whoever let a lease run out is dead, however short ago it gave a sign of life.
      when exists (select from fb_ads.sync_jobs as job where job.run_id = run.id and job.state = 'running') then false
      else run.lease_until > now()
    end;
$$;

revoke execute on function fb_ads.is_live_run(fb_ads.sync_runs) from public, anon, authenticated;
grant execute on function fb_ads.is_live_run(fb_ads.sync_runs) to service_role;
comment on function fb_ads.is_live_run(fb_ads.sync_runs) is 'Whether an invocation still holds its slot: it has just begun or ended a job, or holds one whose lease has not run out.';

create function fb_ads.free_slots(function_slug text)
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select greatest(0, 2 - count(*)::integer)
  from fb_ads.sync_runs as run
  where run.function_slug = free_slots.function_slug
    and run.finished_at is null
    and fb_ads.is_live_run(run);
$$;

revoke execute on function fb_ads.free_slots(text) from public, anon, authenticated;
grant execute on function fb_ads.free_slots(text) to service_role;
comment on function fb_ads.free_slots(text) is 'How many more invocations of a sync may start: at most two are live.';

create function fb_ads.open_job_count(function_slug text, account_ids uuid[])
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select count(*)::integer
  from fb_ads.sync_jobs as job
  where job.state in ('pending', 'running')
    and (
      job.kind = any (fb_ads.sync_kinds(function_slug))
      -- A discovery that insights wait for.
      or (function_slug = 'fb-sync-insights' and job.kind = 'accounts' and job.params ? 'insights')
    )
    and (account_ids is null or job.account_id = any (account_ids));
$$;

revoke execute on function fb_ads.open_job_count(text, uuid[]) from public, anon, authenticated;
grant execute on function fb_ads.open_job_count(text, uuid[]) to service_role;
comment on function fb_ads.open_job_count(text, uuid[]) is 'Jobs of a sync that are not at their end, parked ones included.';

create function fb_ads.account_ids_of(fb_account_ids jsonb)
returns uuid[]
language sql
stable
security invoker
set search_path = ''
as $$
  select case when jsonb_typeof(fb_account_ids) = 'array' then array(
    select account.id
    from public.ad_accounts as account
    where account.fb_account_id in (select jsonb_array_elements_text(fb_account_ids))
  ) end;
$$;

revoke execute on function fb_ads.account_ids_of(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.account_ids_of(jsonb) to service_role;
comment on function fb_ads.account_ids_of(jsonb) is 'Our ids of a JSON list of Meta''s account ids; null when there is no list.';

create function fb_ads.refused_accounts(request jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object('fb_account_id', named.fb_account_id, 'reason', case when account.id is null then 'unknown' else 'disabled' end)
      order by named.position
    ),
    '[]'
  )
  from jsonb_array_elements_text(request -> 'account_ids') with ordinality as named (fb_account_id, position)
  left join public.ad_accounts as account on account.fb_account_id = named.fb_account_id
  where jsonb_typeof(request -> 'account_ids') = 'array'
    and not coalesce(account.enabled, false);
$$;

revoke execute on function fb_ads.refused_accounts(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.refused_accounts(jsonb) to service_role;
comment on function fb_ads.refused_accounts(jsonb) is 'Which of the request''s account_ids cannot be synced, and why: unknown, or disabled.';

create function fb_ads.end_dead_runs()
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  update fb_ads.sync_runs as run
  set finished_at = now(), error = '{"code": "worker_lost", "message": "The invocation ended without a word: it was killed or ran out of its limits."}'
  where run.finished_at is null and not fb_ads.is_live_run(run);
$$;

revoke execute on function fb_ads.end_dead_runs() from public, anon, authenticated;
grant execute on function fb_ads.end_dead_runs() to service_role;
comment on function fb_ads.end_dead_runs() is 'Ends the invocations that are not live any more, so that the table says what became of them.';

create function public.fb_start_sync_run(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  slug text := request ->> 'function_slug';
  refused jsonb := '[]';
  account_ids uuid[];
  has_slot boolean;
  started fb_ads.sync_runs;
begin
  -- An account that the configuration names is known before it was ever read.
  perform fb_ads.upsert_accounts((
    select coalesce(jsonb_agg(jsonb_build_object('fb_account_id', named.fb_account_id, 'configured', true)), '[]')
    from jsonb_array_elements_text(coalesce(request -> 'configured' -> 'ids', '[]')) as named (fb_account_id)
    where not exists (select from public.ad_accounts as account where account.fb_account_id = named.fb_account_id and account.configured)
  ));
  if jsonb_typeof(request -> 'account_ids') = 'array' then
    refused := fb_ads.refused_accounts(request);
    if jsonb_array_length(refused) > 0 then
      return jsonb_build_object('run_id', null, 'slot', false, 'refused', refused);
    end if;
    account_ids := fb_ads.account_ids_of(request -> 'account_ids');
  end if;

  -- One start at a time: slots are counted and jobs are planned under this lock.
  perform pg_advisory_xact_lock(hashtext('fb_ads.sync_runs'));

  perform fb_ads.end_dead_runs();

  if not coalesce((request ->> 'resume')::boolean, false) then
    if slug = 'fb-sync-metadata' then
      perform fb_ads.plan_metadata(request, account_ids);
    else
      perform fb_ads.plan_insights(request, account_ids);
    end if;
  end if;

  has_slot := fb_ads.free_slots(slug) > 0;
  insert into fb_ads.sync_runs (function_slug, token_fingerprint, lease_until, finished_at, jobs_left, error)
  values (
    slug,
    request ->> 'token_fingerprint',
    now() + interval '5 seconds',
    case when not has_slot then now() end,
    case when not has_slot then fb_ads.open_job_count(slug, account_ids) end,
    case when not has_slot then '{"code": "no_free_slot", "message": "Two invocations are at work; they or the next tick do this one''s jobs."}'::jsonb end
  )
  returning * into started;
  return jsonb_build_object(
    'run_id', started.id,
    'slot', has_slot,
    'refused', refused,
    'jobs_left', fb_ads.open_job_count(slug, account_ids),
    'settings', (
      select jsonb_build_object(
        'accounts_in_flight', settings.accounts_in_flight,
        'metadata_page_size_max', settings.metadata_page_size_max,
        'insights_page_size', settings.insights_page_size,
        'insights_page_size_max', settings.insights_page_size_max,
        'usage_brake_percent', settings.usage_brake_percent
      )
      from fb_ads.settings as settings
    )
  );
end;
$$;

revoke execute on function public.fb_start_sync_run(jsonb) from public, anon, authenticated;
grant execute on function public.fb_start_sync_run(jsonb) to service_role;
comment on function public.fb_start_sync_run(jsonb) is
  'Begins an invocation: {function_slug, token_fingerprint, arrived_at, account_ids?, full?, resume?, refresh?, configured: {mode, ids}, since?, until?}. Plans the jobs (not with resume) and takes a slot. Returns {run_id, slot, refused, jobs_left, settings}; with refused accounts nothing is started and run_id is null.';

create function public.fb_take_sync_slot(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  waiting fb_ads.sync_runs;
begin
  perform pg_advisory_xact_lock(hashtext('fb_ads.sync_runs'));
  select run.* into waiting from fb_ads.sync_runs as run where run.id = (request ->> 'run_id')::uuid;
  if fb_ads.free_slots(waiting.function_slug) > 0 then
    perform fb_ads.end_dead_runs();
    update fb_ads.sync_runs as run
    set started_at = now(), lease_until = now() + interval '5 seconds', finished_at = null, jobs_left = null, error = null
    where run.id = waiting.id;
    return '{"slot": true}';
  end if;
  return jsonb_build_object(
    'slot', false,
    'jobs_left', fb_ads.open_job_count(waiting.function_slug, fb_ads.account_ids_of(request -> 'account_ids'))
  );
end;
$$;

revoke execute on function public.fb_take_sync_slot(jsonb) from public, anon, authenticated;
grant execute on function public.fb_take_sync_slot(jsonb) to service_role;
comment on function public.fb_take_sync_slot(jsonb) is
  'For an invocation that found no slot and whose caller waits: {run_id, account_ids?}. Takes a slot that has become free, a killed worker''s too. Returns {slot, jobs_left}.';

create function public.fb_finish_sync_run(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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

revoke execute on function public.fb_finish_sync_run(jsonb) from public, anon, authenticated;
grant execute on function public.fb_finish_sync_run(jsonb) to service_role;
comment on function public.fb_finish_sync_run(jsonb) is
  'Ends an invocation and gives its slot back: {run_id, account_ids?, rows, graph_calls, warnings, error}. Returns {done, left, failed} jobs. Called twice it says the same.';
