-- Which days of which account are read: the window, the refresh, backfills. In the account's own calendar, newest first, no day twice.
-- Why an open plan is gone on with: who calls until nothing is left must come to an end, and half a window is not begun anew.

create function fb_ads.local_day(timezone_name text, at timestamptz default now())
returns date
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (at at time zone coalesce(timezone_name, 'UTC'))::date;
exception
  -- A zone that this server does not know yet.
  when invalid_parameter_value then
    return (at at time zone 'UTC')::date;
end;
$$;

revoke execute on function fb_ads.local_day(text, timestamptz) from public, anon, authenticated;
grant execute on function fb_ads.local_day(text, timestamptz) to service_role, fb_ads_reader;
comment on function fb_ads.local_day(text, timestamptz) is 'The calendar day at an instant in an IANA time zone; UTC''s where the zone is null or unknown to the server.';

create function fb_ads.earliest_insight_day(today date)
returns date
language sql
immutable
security invoker
set search_path = ''
as $$
  select (today - interval '37 months')::date + 1;
$$;

revoke execute on function fb_ads.earliest_insight_day(date) from public, anon, authenticated;
grant execute on function fb_ads.earliest_insight_day(date) to service_role;
comment on function fb_ads.earliest_insight_day(date) is 'First day that Meta still reports on when it is today there: 37 months back, and a day, for the limit itself is refused (3018).';

create function fb_ads.insight_chunks(since date, until date, days integer, first_days integer default null)
returns table (part integer, part_since date, part_until date)
language sql
immutable
security invoker
set search_path = ''
as $$
  select 0, greatest(since, until - first_days + 1), until
  where first_days is not null and since <= until
  union all
  select n + 1, greatest(since, newest - (n + 1) * days + 1), newest - n * days
  from (select until - coalesce(first_days, 0) as newest) as older
  cross join lateral generate_series(0, (newest - since) / days) as n
  where since <= newest;
$$;

revoke execute on function fb_ads.insight_chunks(date, date, integer, integer) from public, anon, authenticated;
grant execute on function fb_ads.insight_chunks(date, date, integer, integer) to service_role;
comment on function fb_ads.insight_chunks(date, date, integer, integer) is
  'Cuts since..until (inclusive) into ranges of at most days days, newest first (part 0), the newest of at most first_days. Every day is in exactly one.';

create function fb_ads.expected_daily_rows(account_id uuid)
returns numeric
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(
    (
      select max(recent.row_count::numeric / (recent.until - recent.since + 1))
      from (
        select job.row_count, job.since, job.until
        from fb_ads.sync_jobs as job
        where job.account_id = expected_daily_rows.account_id
          and job.kind = 'insights'
          and job.state = 'done'
          and job.object_ids is null
        order by job.created_at desc
        limit 10
      ) as recent
    ),
    (
      select count(*)
      from public.ad_ads as ad
      where ad.account_id = expected_daily_rows.account_id and ad.effective_status = 'ACTIVE'
    )
  );
$$;

revoke execute on function fb_ads.expected_daily_rows(uuid) from public, anon, authenticated;
grant execute on function fb_ads.expected_daily_rows(uuid) to service_role;
comment on function fb_ads.expected_daily_rows(uuid) is 'How many rows a day of an account has, by the last ranges that were read; before the first, its active ads.';

create function fb_ads.refused_above(account_id uuid)
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select habit.sync_max_days
  from fb_ads.insight_reads as habit
  where habit.account_id = refused_above.account_id and habit.sync_refused_at > now() - interval '30 days';
$$;

revoke execute on function fb_ads.refused_above(uuid) from public, anon, authenticated;
grant execute on function fb_ads.refused_above(uuid) to service_role;
comment on function fb_ads.refused_above(uuid) is 'Meta does not answer ranges of the account at once that are longer than so many days; null: it has refused none in 30 days.';

create function fb_ads.insight_limits(account_id uuid)
returns table (sync_days integer, range_days integer)
language sql
stable
security invoker
set search_path = ''
as $$
  select
    least(
      fb_ads.refused_above(insight_limits.account_id),
      case
        when settings.insights_sync_rows = 0 then 0
        else floor(settings.insights_sync_rows / greatest(1, fb_ads.expected_daily_rows(insight_limits.account_id)))::integer
      end
    ),
    coalesce(case when habit.range_refused_at > now() - interval '30 days' then least(habit.range_max_days, 7) end, 7)
  from fb_ads.settings as settings
  left join fb_ads.insight_reads as habit on habit.account_id = insight_limits.account_id;
$$;

revoke execute on function fb_ads.insight_limits(uuid) from public, anon, authenticated;
grant execute on function fb_ads.insight_limits(uuid) to service_role;
comment on function fb_ads.insight_limits(uuid) is 'Up to how many days a range of the account is read at once, and how many days a range may have (at most 7).';

create function fb_ads.plan_ranges(account_id uuid, purpose text, since date, until date, plan uuid default gen_random_uuid())
returns uuid
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  parked timestamptz := fb_ads.parked_until(plan_ranges.account_id, 'insights');
  page_size integer := (select settings.insights_page_size from fb_ads.settings as settings);
  sync_days integer;
  range_days integer;
begin
  select limits.sync_days, limits.range_days into sync_days, range_days from fb_ads.insight_limits(plan_ranges.account_id) as limits;
  insert into fb_ads.sync_jobs (account_id, kind, purpose, plan_id, priority, since, until, page_size, params, not_before)
  select
    plan_ranges.account_id, 'insights', plan_ranges.purpose, plan,
    case plan_ranges.purpose when 'refresh' then 90 when 'window' then 100 when 'recheck' then 105 else 200 end,
    chunk.part_since, chunk.part_until, page_size,
    case when chunk.part_until - chunk.part_since + 1 <= sync_days then '{"read": "sync"}'::jsonb else '{"read": "report"}' end,
    parked
  from fb_ads.insight_chunks(
    plan_ranges.since, plan_ranges.until, range_days,
    case when plan_ranges.purpose in ('window', 'refresh') then least(2, range_days) end
  ) as chunk
  order by chunk.part;
  return plan;
end;
$$;

revoke execute on function fb_ads.plan_ranges(uuid, text, date, date, uuid) from public, anon, authenticated;
grant execute on function fb_ads.plan_ranges(uuid, text, date, date, uuid) to service_role;
comment on function fb_ads.plan_ranges(uuid, text, date, date, uuid) is 'Plans to read a range of an account, newest days first; returns the plan''s id.';

create function fb_ads.plan_backfill(account_id uuid, since date, until date, reason text, arrived_at timestamptz, plan uuid default gen_random_uuid())
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  zone text := (select account.timezone_name from public.ad_accounts as account where account.id = plan_backfill.account_id);
  -- The calendar of an account that was never read is not known: what is asked for is cut to its days once it is (fb_replan_insights).
  first_day date := greatest(since, fb_ads.earliest_insight_day(fb_ads.local_day(coalesce(zone, 'Etc/GMT+12'))));
  last_day date := least(until, fb_ads.local_day(coalesce(zone, 'Etc/GMT-14')));
begin
  if first_day > last_day or exists (
    select
    from fb_ads.insight_backfills as known
    where known.account_id = plan_backfill.account_id
      and known.since = first_day
      and known.until = last_day
      and (
        known.requested_at >= arrived_at
        or exists (select from fb_ads.sync_jobs as job where job.plan_id = known.plan_id and job.state in ('pending', 'running'))
      )
  ) then
    return;
  end if;
  perform fb_ads.plan_ranges(plan_backfill.account_id, 'backfill', first_day, last_day, plan);
  insert into fb_ads.insight_backfills (plan_id, account_id, since, until, reason)
  values (plan, plan_backfill.account_id, first_day, last_day, plan_backfill.reason);
end;
$$;

revoke execute on function fb_ads.plan_backfill(uuid, date, date, text, timestamptz, uuid) from public, anon, authenticated;
grant execute on function fb_ads.plan_backfill(uuid, date, date, text, timestamptz, uuid) to service_role;
comment on function fb_ads.plan_backfill(uuid, date, date, text, timestamptz, uuid) is
  'Plans to read a range of days, clamped to Meta''s 37 months and to today, unless the same range is under way or was asked for since arrived_at.';
