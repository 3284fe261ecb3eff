-- What a start of the insights sync plans for an account: window and default backfill, a refresh, or the range that was asked for.

create function fb_ads.plan_window(account_id uuid, arrived_at timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  settings fb_ads.settings := (select s from fb_ads.settings as s);
  today date := (select fb_ads.local_day(account.timezone_name) from public.ad_accounts as account where account.id = plan_window.account_id);
  first_day date := today - settings.insights_window_days + 1;
  read_until date := (select habit.window_until from fb_ads.insight_reads as habit where habit.account_id = plan_window.account_id);
begin
  if not exists (
    select
    from fb_ads.sync_jobs as job
    where job.account_id = plan_window.account_id
      and job.kind in ('insights', 'reconciliation')
      and job.purpose = 'window'
      and (job.state in ('pending', 'running') or job.created_at >= arrived_at)
  ) then
    -- The window holds the days of a refresh that has not begun.
    delete from fb_ads.sync_jobs as job
    where job.account_id = plan_window.account_id and job.kind = 'insights' and job.purpose = 'refresh' and job.state = 'pending';
    perform fb_ads.plan_ranges(plan_window.account_id, 'window', first_day, today);
  end if;

  -- What was given up of a backfill is tried again with every full run.
  update fb_ads.sync_jobs as job
  set state = 'pending', finished_at = null, attempts = 0, not_before = fb_ads.parked_until(job.account_id, job.kind)
  from fb_ads.insight_backfills as backfill
  where backfill.account_id = plan_window.account_id
    and job.plan_id = backfill.plan_id
    and job.kind = 'insights'
    and job.state = 'failed'
    and job.finished_at < arrived_at;

  if settings.insights_backfill_days > settings.insights_window_days
    and not exists (
      select from fb_ads.insight_backfills as known where known.account_id = plan_window.account_id and known.reason = 'new_account'
    ) then
    perform fb_ads.plan_backfill(plan_window.account_id, today - settings.insights_backfill_days + 1, first_day - 1, 'new_account', arrived_at);
  elsif read_until < today - 1 then
    -- Days that had not settled when they were last read have left the window meanwhile.
    perform fb_ads.plan_backfill(plan_window.account_id, read_until - settings.insights_window_days + 1, first_day - 1, 'gap', arrived_at);
  end if;
end;
$$;

revoke execute on function fb_ads.plan_window(uuid, timestamptz) from public, anon, authenticated;
grant execute on function fb_ads.plan_window(uuid, timestamptz) to service_role;
comment on function fb_ads.plan_window(uuid, timestamptz) is
  'Plans the last 28 local days of an account, once its backfill of 90 days, and after a pause the days that left the window unsettled. An open window is gone on with.';

create function fb_ads.plan_refresh(account_id uuid, arrived_at timestamptz)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  today date := (select fb_ads.local_day(account.timezone_name) from public.ad_accounts as account where account.id = plan_refresh.account_id);
begin
  if exists (
    select
    from fb_ads.sync_jobs as job
    where job.account_id = plan_refresh.account_id
      and job.kind = 'insights'
      and job.purpose in ('window', 'refresh')
      and ((job.state in ('pending', 'running') and job.until >= today - 1) or job.created_at >= arrived_at)
  ) then
    return;
  end if;
  perform fb_ads.plan_ranges(plan_refresh.account_id, 'refresh', today - 1, today);
end;
$$;

revoke execute on function fb_ads.plan_refresh(uuid, timestamptz) from public, anon, authenticated;
grant execute on function fb_ads.plan_refresh(uuid, timestamptz) to service_role;
comment on function fb_ads.plan_refresh(uuid, timestamptz) is 'Plans today and yesterday of an account, unless they are about to be read.';

create function fb_ads.plan_insights(request jsonb, account_ids uuid[])
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  arrived_at timestamptz := coalesce((request ->> 'arrived_at')::timestamptz, now());
  since date := (request ->> 'since')::date;
  until date := (request ->> 'until')::date;
  window_days integer := (select settings.insights_window_days from fb_ads.settings as settings);
  account public.ad_accounts;
begin
  -- Every account is wanted and none is known: the discovery is the other sync's.
  if request -> 'configured' ->> 'mode' = 'all' and not exists (select from public.ad_accounts) then
    perform fb_ads.plan_metadata(request, null);
  end if;
  for account in
    select a.*
    from public.ad_accounts as a
    where a.enabled and (account_ids is null or a.id = any (account_ids))
    order by a.id
  loop
    if since is not null or until is not null then
      perform fb_ads.plan_backfill(
        account.id,
        coalesce(since, until - window_days + 1),
        coalesce(until, fb_ads.local_day(account.timezone_name)),
        'request', arrived_at
      );
    elsif coalesce((request ->> 'refresh')::boolean, false) then
      perform fb_ads.plan_refresh(account.id, arrived_at);
    else
      perform fb_ads.plan_window(account.id, arrived_at);
    end if;
  end loop;
end;
$$;

revoke execute on function fb_ads.plan_insights(jsonb, uuid[]) from public, anon, authenticated;
grant execute on function fb_ads.plan_insights(jsonb, uuid[]) to service_role;
comment on function fb_ads.plan_insights(jsonb, uuid[]) is
  'Makes sure that the jobs of an insights sync exist for those accounts (null: all) that are enabled: {since?, until?} plans a backfill, {refresh: true} today and yesterday, otherwise the window. Called twice for one request it plans once.';

create function public.fb_replan_insights(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
begin
  perform fb_ads.upsert_accounts(jsonb_build_array(request -> 'account'));
  delete from fb_ads.insight_backfills as backfill where backfill.account_id = job.account_id and backfill.reason = 'new_account';
  delete from fb_ads.sync_jobs as planned
  where planned.account_id = job.account_id
    and planned.kind = 'insights'
    and (planned.id = job.id or (planned.state = 'pending' and not exists (
      select from fb_ads.insight_backfills as backfill where backfill.plan_id = planned.plan_id
    )));
  -- The night before the first night of the metadata sync: its lists are wanted too.
  perform fb_ads.plan_lists(array[job.account_id], now());
  if job.purpose = 'backfill' and not exists (
    select from fb_ads.insight_backfills as backfill where backfill.plan_id = job.plan_id and backfill.reason <> 'new_account'
  ) or job.purpose <> 'backfill' then
    perform fb_ads.plan_window(job.account_id, now());
  else
    insert into fb_ads.sync_jobs (account_id, kind, purpose, plan_id, priority, since, until, page_size, params)
    values (job.account_id, job.kind, job.purpose, job.plan_id, job.priority, job.since, job.until, job.page_size, job.params);
  end if;
  return '{}';
end;
$$;

revoke execute on function public.fb_replan_insights(jsonb) from public, anon, authenticated;
grant execute on function public.fb_replan_insights(jsonb) to service_role;
comment on function public.fb_replan_insights(jsonb) is
  'For an account that was enabled before it was ever read: {job_id, lease_id, account}. Stores the account, and plans its days anew by its own calendar. Raises lease_lost (409).';
