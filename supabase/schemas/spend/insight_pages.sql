-- Storing a page of insights: rows, what was seen, the cursor, and at the end of a range what Meta no longer reports.

create function fb_ads.stub_insight_objects(job fb_ads.sync_jobs, rows jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  campaigns text[];
  adsets text[];
  ads text[];
begin
  select
    array_agg(distinct r.fb_campaign_id) filter (
      where not exists (select from public.ad_campaigns as c where c.fb_campaign_id = r.fb_campaign_id)
    ),
    array_agg(distinct r.fb_adset_id) filter (
      where not exists (select from public.ad_adsets as s where s.fb_adset_id = r.fb_adset_id)
    ),
    array_agg(distinct r.fb_ad_id) filter (
      where not exists (select from public.ad_ads as a where a.fb_ad_id = r.fb_ad_id)
    )
  into campaigns, adsets, ads
  from jsonb_populate_recordset(null::fb_ads.ad_path, rows) as r;

  perform fb_ads.stub_campaigns(job.account_id, campaigns);
  perform fb_ads.stub_adsets(job.account_id, rows);
  perform fb_ads.stub_ads(job.account_id, rows);

  -- The spend is stored now; the names come by id, because a list may never show such an object. Where most objects are
  -- unknown the lists cost less, and what they do not show is looked up by id after them.
  if coalesce(cardinality(campaigns), 0) + coalesce(cardinality(adsets), 0) + coalesce(cardinality(ads), 0) > 100 then
    perform fb_ads.plan_lists(array[job.account_id], now());
    return;
  end if;
  insert into fb_ads.sync_jobs (account_id, kind, priority, object_level, object_ids, not_before)
  select
    job.account_id, 'missing_objects', 120, unknown.level, unknown.ids,
    fb_ads.throttled_until(job.account_id, 'missing_objects')
  from (values ('campaign', campaigns), ('adset', adsets), ('ad', ads)) as unknown (level, ids)
  where unknown.ids is not null;
end;
$$;

comment on function fb_ads.stub_insight_objects(fb_ads.sync_jobs, jsonb) is
  'Makes bare rows for the campaigns, ad sets and ads that a page of insights names and that are not stored, and plans '
  'to read them: by id, or by lists where there are more than 100.';

create function fb_ads.store_insight_rows(job fb_ads.sync_jobs, rows jsonb, dropped text[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  unresolved bigint;
begin
  unresolved := (select result.unresolved from fb_ads.upsert_insights(job.account_id, rows, dropped) as result);
  if unresolved > 0 then
    perform fb_ads.stub_insight_objects(job, rows);
    unresolved := (select result.unresolved from fb_ads.upsert_insights(job.account_id, rows, dropped) as result);
  end if;
  if unresolved > 0 then
    raise exception '% insights refer to objects that could not be stored', unresolved;
  end if;
end;
$$;

comment on function fb_ads.store_insight_rows(fb_ads.sync_jobs, jsonb, text[]) is
  'Stores the rows of a page, every one of them: unknown campaigns, ad sets and ads become stubs first.';

create function fb_ads.delete_vanished(job fb_ads.sync_jobs, effective_statuses text[])
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with seen as materialized (
    select unnest(page.fb_ids) as key
    from fb_ads.sync_seen_pages as page
    where page.job_id = job.id
  ),
  deleted as (
    delete from public.ad_spend as d
    using public.ad_ads as a
    where d.account_id = job.account_id
      and d.date between job.since and job.until
      and a.id = d.ad_id
      -- An ad with a status that was not requested cannot have been seen.
      and (a.effective_status is null or a.effective_status = any (effective_statuses))
      and not exists (select from seen where seen.key = d.date::text || ' ' || a.fb_ad_id)
    returning 1
  )
  select count(*) from deleted;
$$;

comment on function fb_ads.delete_vanished(fb_ads.sync_jobs, text[]) is
  'Deletes the rows of a range that was read completely in one job, for ads of these '
  'statuses, and are on none of its pages. Returns how many.';

create function fb_ads.end_insights_plan(job fb_ads.sync_jobs)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  parts bigint;
  failed bigint;
  first_day date;
  last_day date;
begin
  if exists (
    select
    from fb_ads.sync_jobs as other
    where other.plan_id = job.plan_id and other.kind = 'insights' and other.state in ('pending', 'running')
  ) then
    return;
  end if;
  select count(*), count(*) filter (where part.state = 'failed'), min(part.since), max(part.until)
  into parts, failed, first_day, last_day
  from fb_ads.sync_jobs as part
  where part.plan_id = job.plan_id and part.kind = 'insights';

  if job.purpose = 'window' and failed = 0 then
    insert into fb_ads.account_reads as known (account_id, window_until)
    values (job.account_id, last_day)
    on conflict (account_id) do update
    set window_until = greatest(known.window_until, excluded.window_until), updated_at = now();
  end if;
  -- Where nothing was read there is nothing to compare.
  if job.purpose = 'recheck' or (job.purpose <> 'refresh' and failed < parts) then
    insert into fb_ads.sync_jobs (
      account_id, kind, purpose, plan_id, priority, since, until, page_size, params, not_before
    )
    select
      job.account_id, 'reconciliation', job.purpose, job.plan_id,
      case job.purpose when 'backfill' then 210 else 110 end, first_day, last_day, settings.insights_page_size,
      -- A total has one row a day, so only the limit that Meta's refusals have set applies to it.
      jsonb_build_object(
        'read', case when last_day - first_day + 1 > fb_ads.refused_above(job.account_id) then 'report' else 'sync' end
      ),
      fb_ads.throttled_until(job.account_id, 'reconciliation')
    from fb_ads.settings as settings;
  end if;
end;
$$;

comment on function fb_ads.end_insights_plan(fb_ads.sync_jobs) is
  'Called when a range is done or given up: after the last one of its plan the account''s totals are to be compared. '
  'A refresh holds only days that still move, so nothing is compared.';

create function fb_ads.end_range(job fb_ads.sync_jobs, effective_statuses text[])
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- A range that was restricted to some ads, or had unreadable rows, does not show what is missing.
  if job.object_ids is null and not coalesce((job.params ->> 'keep_rows')::boolean, false) then
    -- A crash of the server empties the unlogged pages. This range then proves nothing and begins again.
    if (
      select count(*) from fb_ads.sync_seen_pages as page where page.job_id = job.id
    ) is distinct from job.page_count then
      delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
      update fb_ads.sync_jobs as j
      set state = 'running', lease_id = job.lease_id, lease_until = now() + interval '90 seconds', finished_at = null,
        cursor = null, page_count = 0
      where j.id = job.id;
      update fb_ads.sync_runs as run set jobs_done = run.jobs_done - 1 where run.id = job.run_id;
      return false;
    end if;
    perform fb_ads.delete_vanished(job, effective_statuses);
  end if;
  delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
  if job.params ? 'field_trial' then
    perform fb_ads.learn_ad_fields(job, job.params -> 'trial_fields');
  end if;
  perform fb_ads.learn_unnamed_ads(job);
  perform fb_ads.end_insights_plan(job);
  return true;
end;
$$;

comment on function fb_ads.end_range(fb_ads.sync_jobs, text[]) is
  'Ends a range: deletes what Meta no longer reports, and the plan when this was its last range. False when the '
  'record of its pages was lost and the range has to be read again.';

create function public.fb_store_insights_page(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  rows jsonb := coalesce(request -> 'rows', '[]');
  complete boolean := true;
begin
  perform fb_ads.store_insight_rows(
    job, rows, array(select jsonb_array_elements_text(coalesce(request -> 'dropped_fields', '[]')))
  );
  if job.object_ids is null then
    insert into fb_ads.sync_seen_pages (job_id, page_number, fb_ids)
    select
      job.id, job.page_count + 1,
      array(select (r ->> 'date') || ' ' || (r ->> 'fb_ad_id') from jsonb_array_elements(rows) as r)
    on conflict (job_id, page_number) do update set fb_ids = excluded.fb_ids;
  end if;
  advanced := fb_ads.advance_sync_job(job, request);
  if advanced.state = 'done' then
    advanced.lease_id := job.lease_id;
    complete := fb_ads.end_range(
      advanced, array(select jsonb_array_elements_text(coalesce(request -> 'effective_statuses', '[]')))
    );
  end if;
  return jsonb_build_object(
    'state', fb_ads.settle_page(advanced, nullif(request -> 'throttle', 'null'), complete), 'next_job', null
  );
end;
$$;

comment on function public.fb_store_insights_page(jsonb) is
  'Stores a page of daily insights and moves its job: {job_id, lease_id, rows, next_cursor, done, page_size, '
  'row_count, dropped_fields, effective_statuses, params, usage, throttle}; effective_statuses are those that were '
  'asked for. Returns {state: running | done | throttled | restarted}. Raises lease_lost (409); then nothing of the '
  'page is kept.';
