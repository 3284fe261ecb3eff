-- Ranges of days as jobs, in the account's own calendar, newest first, no day twice.

create function fb_ads.plan_ranges(
  account_id uuid,
  purpose text,
  since date,
  until date,
  plan uuid default gen_random_uuid()
)
returns uuid language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  not_before timestamptz := fb_ads.throttled_until(plan_ranges.account_id, 'insights');
  page_size integer := (select settings.insights_page_size from fb_ads.settings as settings);
  sync_days integer;
  range_days integer;
begin
  select limits.sync_days, limits.range_days into sync_days, range_days
  from fb_ads.insight_limits(plan_ranges.account_id) as limits;
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, page_size, params, not_before
  )
  select
    plan_ranges.account_id, 'insights', plan_ranges.purpose, plan,
    case plan_ranges.purpose when 'refresh' then 90 when 'window' then 100 when 'recheck' then 105 else 200 end,
    chunk.part_since, chunk.part_until, page_size,
    case
      when chunk.part_until - chunk.part_since + 1 <= sync_days then '{"read": "sync"}'::jsonb
      else '{"read": "report"}'
    end,
    not_before
  from fb_ads.insight_chunks(
    plan_ranges.since, plan_ranges.until, range_days,
    case when plan_ranges.purpose in ('window', 'refresh') then least(2, range_days) end
  ) as chunk
  order by chunk.part;
  return plan;
end;
$$;

comment on function fb_ads.plan_ranges(uuid, text, date, date, uuid) is
  'Plans to read a range of an account, newest days first; returns the plan''s id.';

create function fb_ads.drop_idle_refresh(account_id uuid)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with dropped as (
    select job.id
    from fb_ads.sync_jobs as job
    where job.account_id = drop_idle_refresh.account_id
      and job.kind = 'insights'
      and job.purpose = 'refresh'
      and job.state = 'pending'
      and job.report_run_id is null
      and job.page_count = 0
    for update skip locked
  )
  delete from fb_ads.sync_jobs as job using dropped where job.id = dropped.id;
$$;

comment on function fb_ads.drop_idle_refresh(uuid) is
  'Deletes a refresh of the account that has not begun, before a plan that holds its days is made.';

create function fb_ads.reset_range(job fb_ads.sync_jobs, since date, until date, object_ids text[], params jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
  update fb_ads.sync_jobs as j
  set
    since = reset_range.since, until = reset_range.until, object_ids = reset_range.object_ids,
    params = reset_range.params, state = 'pending', lease_id = null, lease_until = null, not_before = now(),
    report_run_id = null, cursor = null, page_count = 0, attempts = 0
  where j.id = job.id;
$$;

comment on function fb_ads.reset_range(fb_ads.sync_jobs, date, date, text[], jsonb) is
  'Releases a held job as one of another range, to be read from its beginning.';
