-- What a start of the insights sync plans for an account: window and default backfill, a refresh, or the range that was
-- asked for.
-- Why it goes on with an open plan: a caller that asks until nothing is left must come to an end, and a window that is
-- half read must not begin anew.

create function fb_ads.plan_refresh(account_id uuid, arrived_at timestamptz, read_until date default null)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  today date := (
    select fb_ads.local_day(account.timezone_name)
    from public.ad_accounts as account
    where account.id = plan_refresh.account_id
  );
begin
  if exists (
    select
    from fb_ads.sync_jobs as job
    where job.account_id = plan_refresh.account_id
      and job.kind = 'insights'
      and job.purpose in ('window', 'refresh')
      and ((job.state in ('pending', 'running') and job.until >= today) or job.created_at >= arrived_at)
  ) then
    return;
  end if;
  perform fb_ads.drop_idle_refresh(plan_refresh.account_id);
  perform fb_ads.plan_ranges(plan_refresh.account_id, 'refresh', least(today - 1, read_until), today);
end;
$$;

comment on function fb_ads.plan_refresh(uuid, timestamptz, date) is
  'Plans today and yesterday of an account, and the days since read_until, unless today is about to be read.';

create function fb_ads.plan_window(account_id uuid, arrived_at timestamptz)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  settings fb_ads.settings := (select s from fb_ads.settings as s);
  today date := (
    select fb_ads.local_day(account.timezone_name)
    from public.ad_accounts as account
    where account.id = plan_window.account_id
  );
  first_day date := today - settings.insights_window_days + 1;
  read_until date := (
    select known.window_until from fb_ads.account_reads as known where known.account_id = plan_window.account_id
  );
  planned_until date := (
    select max(part.until)
    from fb_ads.sync_jobs as job
    join fb_ads.sync_jobs as part on part.plan_id = job.plan_id
    where job.account_id = plan_window.account_id
      and job.kind in ('insights', 'reconciliation')
      and job.purpose = 'window'
      and (job.state in ('pending', 'running') or job.created_at >= arrived_at)
  );
begin
  if planned_until is null then
    perform fb_ads.drop_idle_refresh(plan_window.account_id);
    perform fb_ads.plan_ranges(plan_window.account_id, 'window', first_day, today);
  elsif planned_until < today then
    -- The run goes on with an open window, but that window ends on the day on which it was planned.
    perform fb_ads.plan_refresh(plan_window.account_id, arrived_at, planned_until);
  end if;

  -- Every full run tries the failed jobs of a backfill again.
  with revived as (
    update fb_ads.sync_jobs as job
    set
      state = 'pending', finished_at = null, attempts = 0,
      not_before = fb_ads.throttled_until(job.account_id, job.kind),
      -- From the beginning, for a report or a cursor does not live until the next night.
      report_run_id = null, cursor = null, page_count = 0, params = job.params - 'report'
    from fb_ads.insight_backfills as backfill
    where backfill.account_id = plan_window.account_id
      and job.plan_id = backfill.plan_id
      and job.kind = 'insights'
      and job.state = 'failed'
      and job.finished_at < arrived_at
    returning job.id
  )
  delete from fb_ads.sync_seen_pages as page using revived where page.job_id = revived.id;

  if settings.insights_backfill_days > settings.insights_window_days
    and not exists (
      select
      from fb_ads.insight_backfills as known
      where known.account_id = plan_window.account_id and known.reason = 'new_account'
    ) then
    perform fb_ads.plan_backfill(
      plan_window.account_id, today - settings.insights_backfill_days + 1, first_day - 1, 'new_account', arrived_at
    );
  elsif read_until < today - 1 then
    -- Days that had not settled when they were last read have left the window meanwhile.
    perform fb_ads.plan_backfill(
      plan_window.account_id, read_until - settings.insights_window_days + 1, first_day - 1, 'gap', arrived_at
    );
  end if;
end;
$$;

comment on function fb_ads.plan_window(uuid, timestamptz) is
  'Plans the last 28 local days of an account, once its backfill of 90 days, and after a pause the days that left the '
  'window unsettled. It goes on with an open window.';

create function fb_ads.plan_insights(request jsonb, account_ids uuid[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  arrived_at timestamptz := coalesce((request ->> 'arrived_at')::timestamptz, now());
  since date := (request ->> 'since')::date;
  until date := (request ->> 'until')::date;
  window_days integer := (select settings.insights_window_days from fb_ads.settings as settings);
  account public.ad_accounts;
begin
  -- All accounts are wanted and none is known: the discovery comes first, and then plans what this request asks for.
  if request -> 'configured' ->> 'mode' = 'all'
    and not exists (select from public.ad_accounts as a where a.configured) then
    perform fb_ads.plan_metadata(jsonb_build_object('arrived_at', arrived_at), null);
    update fb_ads.sync_jobs as job
    set params = job.params || jsonb_build_object('insights', request - 'configured')
    where job.kind = 'accounts' and job.state in ('pending', 'running');
  end if;
  for account in
    select a.*
    from public.ad_accounts as a
    where a.enabled
      and (account_ids is null or a.id = any (account_ids))
      -- An account that has no insights is asked again when it is named, or when that finding is forgotten.
      and (account_ids is not null or fb_ads.has_insights(a.id))
    order by a.id
  loop
    if since is not null or until is not null then
      perform fb_ads.plan_backfill(
        account.id,
        coalesce(since, until - window_days + 1),
        coalesce(until, 'infinity'),
        'request', arrived_at
      );
    elsif coalesce((request ->> 'refresh')::boolean, false) then
      -- An account that Meta refuses is tried once a night, not every hour.
      if not exists (
        select
        from fb_ads.quotas as quota
        where quota.scope = 'account'
          and quota.key = account.fb_account_id
          and quota.stopped_at is not null
          and quota.probe_after > now()
      ) then
        perform fb_ads.plan_refresh(account.id, arrived_at);
      end if;
    else
      perform fb_ads.plan_window(account.id, arrived_at);
    end if;
  end loop;
end;
$$;

comment on function fb_ads.plan_insights(jsonb, uuid[]) is
  'Makes sure that the jobs of an insights sync exist for those accounts (null: all) that are enabled: {since?, '
  'until?} plans a backfill, {refresh: true} today and yesterday, otherwise the window. Called twice for one request '
  'it plans once. Where FB_ADS_ACCOUNT_IDS is * and no account is known, the discovery is planned and remembers the '
  'request.';

create function public.fb_replan_insights(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  wants_window boolean;
  asked fb_ads.insight_backfills[];
  backfill fb_ads.insight_backfills;
begin
  perform fb_ads.upsert_accounts(jsonb_build_array(request -> 'account'));
  asked := array(
    select b
    from fb_ads.insight_backfills as b
    where b.account_id = job.account_id and b.reason = 'request'
    order by b.requested_at
  );
  -- Nothing was read of an account whose calendar was not known, so every plan of it can be made anew.
  with dropped as (
    delete from fb_ads.sync_jobs as planned
    where planned.account_id = job.account_id
      and planned.kind = 'insights'
      and (planned.id = job.id or planned.state = 'pending')
    returning planned.plan_id
  )
  select bool_or(dropped.plan_id not in (select known.plan_id from unnest(asked) as known)) into wants_window
  from dropped;
  delete from fb_ads.insight_backfills as known where known.account_id = job.account_id;
  -- The metadata sync has not run yet, so the lists are planned too.
  perform fb_ads.plan_lists(array[job.account_id], now());
  if wants_window then
    perform fb_ads.plan_window(job.account_id, now());
  end if;
  foreach backfill in array asked loop
    perform fb_ads.plan_backfill(job.account_id, backfill.since, backfill.until, 'request', now(), backfill.plan_id);
  end loop;
  return '{}';
end;
$$;

comment on function public.fb_replan_insights(jsonb) is
  'For an account that was enabled before it was ever read: {job_id, lease_id, account}. Stores the account, and '
  'plans its days anew by its own calendar. Raises lease_lost (409).';
