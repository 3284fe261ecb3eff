-- What becomes of a range that Meta cannot answer as it stands: a report, halves, parts by ads, or a later first day.

create function fb_ads.turn_to_report(job fb_ads.sync_jobs)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  days integer := job.until - job.since + 1;
begin
  perform fb_ads.reset_range(job, job.since, job.until, job.object_ids, job.params || '{"read": "report"}');
  if job.object_ids is not null then
    return 'report';
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set sync_max_days = least(known.sync_max_days, days - 1), sync_refused_at = now()
  where known.account_id = job.account_id;
  update fb_ads.sync_jobs as other
  set params = other.params || '{"read": "report"}'
  where other.account_id = job.account_id
    and other.kind in ('insights', 'reconciliation')
    and other.state = 'pending'
    and other.cursor is null
    and other.until - other.since + 1 >= days;
  return 'report';
end;
$$;

comment on function fb_ads.turn_to_report(fb_ads.sync_jobs) is
  'A range that Meta did not answer at once is read by a report, and so is every range of the account that is no '
  'shorter, of its ads or of its total, for a week.';

create function fb_ads.split_by_date(job fb_ads.sync_jobs, reason text)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  middle date := job.since + (job.until - job.since) / 2;
  params jsonb := (job.params - 'report') || '{"is_part": true}';
begin
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, object_level, object_ids, page_size, params
  )
  values (
    job.account_id, job.kind, job.purpose, job.plan_id, job.priority - 1, job.since, middle, job.object_level,
    job.object_ids, job.page_size, params
  );
  perform fb_ads.reset_range(job, middle + 1, job.until, job.object_ids, params);
  update fb_ads.sync_jobs as j set priority = job.priority - 1 where j.id = job.id;
  -- A report may fail for another reason than its size: that a half of it or another range fails too tells that it is.
  if job.kind = 'insights' and (
    reason is distinct from 'report_failed' or job.params ? 'is_part' or exists (
      select
      from fb_ads.sync_jobs as other
      where other.account_id = job.account_id
        and other.kind = 'insights'
        and other.params ? 'is_part'
        and other.created_at > now() - interval '1 day'
        and not (other.since <= job.until and other.until >= job.since)
    )
  ) then
    perform fb_ads.open_findings(job);
    update fb_ads.account_reads as known
    set range_max_days = least(known.range_max_days, middle - job.since + 1), range_refused_at = now()
    where known.account_id = job.account_id;
  end if;
  return 'date';
end;
$$;

comment on function fb_ads.split_by_date(fb_ads.sync_jobs, text) is
  'Halves a range of several days: the held job keeps the newer half. The halves come before the account''s other '
  'ranges, which keep to what is learned from them, for a week.';

create function fb_ads.split_by_ads(job fb_ads.sync_jobs)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  is_rest boolean := job.params ? 'is_rest';
  -- Our own ids, for collecting them from Meta would be one more heavy call.
  ids text[] := case
    when is_rest or job.object_ids is null then array(
      select ads.fb_ad_id
      from fb_ads.ads_of_range(job) as ads
      where ads.fb_ad_id <> all (coalesce(job.object_ids, '{}'))
      order by ads.is_busy desc, ads.fb_ad_id
    )
    else job.object_ids
  end;
  total integer := cardinality(ids);
  size integer := least(500, case when is_rest then total else (total + 1) / 2 end);
  -- A long list of ids fits into the body of a report's request and not into an address.
  params jsonb := (job.params - 'report' - 'is_rest') || '{"is_part": true}' || case
    when size > 50 then '{"read": "report"}'::jsonb
    else '{}'
  end;
begin
  if total = 0 or (total = 1 and not is_rest) then
    return 'none';
  end if;
  if job.purpose = 'recheck' and job.object_ids is null and total <= 5000 then
    -- The sum was off though all stored ads were read, so the rest belongs to ads that are not stored.
    insert into fb_ads.sync_jobs (
      account_id, kind, purpose, plan_id, priority, since, until, object_level, object_ids, page_size, params
    )
    values (
      job.account_id, job.kind, job.purpose, job.plan_id, job.priority - 1, job.since, job.until, 'ad', ids,
      job.page_size, (job.params - 'report') || '{"is_part": true, "is_rest": true, "read": "report"}'
    );
  end if;
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, object_level, object_ids, page_size, params
  )
  select
    job.account_id, job.kind, job.purpose, job.plan_id, job.priority - 1, job.since, job.until, 'ad',
    ids[first : first + size - 1], job.page_size, params
  from generate_series(size + 1, total, size) as first;
  perform fb_ads.reset_range(job, job.since, job.until, ids[1 : size], params);
  update fb_ads.sync_jobs as j set object_level = 'ad', priority = job.priority - 1 where j.id = job.id;
  if not is_rest then
    -- One day was too much, so the number of days was not what Meta refused.
    perform fb_ads.open_findings(job);
    update fb_ads.account_reads as known
    set range_max_ads = least(known.range_max_ads, size), ads_refused_at = now(), range_max_days = null,
      range_refused_at = null
    where known.account_id = job.account_id;
  end if;
  return 'ads';
end;
$$;

comment on function fb_ads.split_by_ads(fb_ads.sync_jobs) is
  'Splits one day by the ads that are stored here, at most 500 a part, and when it is read again, a part for all '
  'others. The parts come before the account''s other ranges, which keep to that many ads, for a week. none: there is '
  'nothing to split by.';

create function fb_ads.clamp_range(job fb_ads.sync_jobs)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  first_day date := greatest(job.since + 1, (
    select fb_ads.earliest_insight_day(fb_ads.local_day(account.timezone_name))
    from public.ad_accounts as account
    where account.id = job.account_id
  ));
begin
  if first_day <= job.until then
    perform fb_ads.reset_range(job, first_day, job.until, job.object_ids, job.params - 'report');
    return 'clamped';
  end if;
  update fb_ads.sync_jobs as j
  set state = 'done', finished_at = now(), lease_id = null, lease_until = null
  where j.id = job.id;
  update fb_ads.sync_runs as run set jobs_done = run.jobs_done + 1 where run.id = job.run_id;
  if job.kind = 'insights' then
    perform fb_ads.end_insights_plan(job);
  end if;
  return 'nothing_left';
end;
$$;

comment on function fb_ads.clamp_range(fb_ads.sync_jobs) is
  'After error 3018: the range begins later, by a day at least; one that lies before '
  'Meta''s 37 months is done, for Meta has nothing on it.';

create function fb_ads.begin_anew(job fb_ads.sync_jobs)
returns text language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform fb_ads.reset_range(job, job.since, job.until, job.object_ids, job.params - 'report');
  return 'known';
end;
$$;

comment on function fb_ads.begin_anew(fb_ads.sync_jobs) is
  'Releases a held range as it stands: what Meta takes of the account has been learned since it was asked for.';

create function public.fb_reshape_insights(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  throttling jsonb := nullif(request -> 'throttle', 'null');
  result text;
begin
  if jsonb_typeof(request -> 'usage') = 'array' then
    perform fb_ads.store_usage(request -> 'usage');
  end if;
  result := case request ->> 'how'
    when 'report' then fb_ads.turn_to_report(job)
    when 'clamp' then fb_ads.clamp_range(job)
    when 'list' then fb_ads.split_by_ads(job)
    when 'split' then case
      -- A sibling has learned meanwhile what Meta takes: the next claim cuts the range to that.
      when job.kind = 'insights' and fb_ads.exceeds_findings(job) then fb_ads.begin_anew(job)
      when job.since < job.until then fb_ads.split_by_date(job, request -> 'error' ->> 'reason')
      when job.kind = 'insights' then fb_ads.split_by_ads(job)
      -- An account's total of one day cannot be split. What Meta does not answer at once it may still report.
      when job.params ->> 'read' is distinct from 'report' then fb_ads.turn_to_report(job)
      else 'none'
    end
  end;
  if result is null then
    raise exception 'unknown change of a range: %', coalesce(request ->> 'how', 'null') using errcode = '22023';
  end if;
  if result <> 'none' then
    update fb_ads.sync_jobs as j
    set last_error = nullif(request -> 'error', 'null') || jsonb_build_object('at', now())
    where j.id = job.id;
    -- The parts are throttled like the whole.
    update fb_ads.sync_jobs as part
    set not_before = pause.ends_at
    from (select fb_ads.throttled_until(job.account_id, job.kind) as ends_at) as pause
    where part.plan_id = job.plan_id
      and part.state = 'pending'
      and part.not_before < pause.ends_at
      and pause.ends_at > now();
    if throttling is not null then
      perform fb_ads.throttle_held_job(job, throttling);
    end if;
    update fb_ads.sync_runs as run set lease_until = now() + interval '10 seconds' where run.id = job.run_id;
  end if;
  return jsonb_build_object('result', result);
end;
$$;

comment on function public.fb_reshape_insights(jsonb) is
  'Releases a job in a shape that Meta may answer: {job_id, lease_id, how: report | split | clamp | list, error?, '
  'usage?, throttle?}. list: by our own ads, where Meta will not leave ads out. Returns {result: report | date | ads | '
  'known | none | clamped | nothing_left}; with none the job is still held. '
  'Raises lease_lost (409).';
