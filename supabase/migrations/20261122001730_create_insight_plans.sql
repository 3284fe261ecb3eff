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
      and job.kind = 'insights'
      and job.purpose = 'window'
      and (job.state in ('pending', 'running') or job.created_at >= arrived_at)
  ) then
    -- The window holds the days of a refresh that has not begun.
    delete from fb_ads.sync_jobs as job
    where job.account_id = plan_window.account_id and job.kind = 'insights' and job.purpose = 'refresh' and job.state = 'pending';
    perform fb_ads.plan_ranges(plan_window.account_id, 'window', first_day, today);
  end if;

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
