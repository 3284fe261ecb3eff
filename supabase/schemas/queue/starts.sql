-- Starting a run of a sync: it checks the request, plans the jobs and takes a slot.

create function public.fb_start_sync_run(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  slug text := request ->> 'function_slug';
  refused jsonb := '[]';
  account_ids uuid[];
  has_slot boolean;
  started fb_ads.sync_runs;
begin
  -- An account that the configuration names is stored before it is read.
  perform fb_ads.upsert_accounts((
    select coalesce(jsonb_agg(jsonb_build_object('fb_account_id', named.fb_account_id, 'configured', true)), '[]')
    from jsonb_array_elements_text(coalesce(request -> 'configured' -> 'ids', '[]')) as named (fb_account_id)
    where not exists (
      select from public.ad_accounts as account where account.fb_account_id = named.fb_account_id and account.configured
    )
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
  perform fb_ads.forget_findings(concat_ws(' ', request ->> 'token_fingerprint', request ->> 'api_version'));

  if not coalesce((request ->> 'resume')::boolean, false) then
    if slug = 'fb-sync-metadata' then
      perform fb_ads.plan_metadata(request, account_ids);
      if account_ids is null then
        perform fb_ads.plan_event_quality(request);
      end if;
    else
      perform fb_ads.plan_insights(request, account_ids);
    end if;
  end if;

  has_slot := fb_ads.free_slots(slug) > 0;
  insert into fb_ads.sync_runs (
    function_slug, token_fingerprint, api_version, lease_until, finished_at, jobs_left, error
  )
  values (
    slug,
    request ->> 'token_fingerprint',
    request ->> 'api_version',
    now() + interval '5 seconds',
    case when not has_slot then now() end,
    case when not has_slot then fb_ads.open_job_count(slug, account_ids) end,
    case
      when not has_slot then jsonb_build_object(
        'code', 'no_free_slot',
        'message', 'Two invocations are at work; they or the next tick do this one''s jobs.'
      )
    end
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

comment on function public.fb_start_sync_run(jsonb) is
  'Begins a run: {function_slug, token_fingerprint, api_version, arrived_at, account_ids?, full?, resume?, refresh?, '
  'configured: {mode, ids}, since?, until?}. Plans the jobs (not with resume) and takes a slot. Returns {run_id, slot, '
  'refused, '
  'jobs_left, settings}; with refused accounts nothing is started and run_id is null.';
