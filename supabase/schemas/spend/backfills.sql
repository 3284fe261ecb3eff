-- Backfills: ranges before the window that were asked for, and how far each is.

create table fb_ads.insight_backfills (
  plan_id uuid primary key,
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  since date not null,
  until date not null,
  reason text not null,
  requested_at timestamptz not null default now(),
  constraint backfill_range_is_ordered check (since <= until),
  constraint reason_is_known check (reason in ('new_account', 'request', 'gap'))
);

comment on table fb_ads.insight_backfills is
  'Ranges before the window that were asked for. Their progress is in the view backfill_progress.';
comment on column fb_ads.insight_backfills.plan_id is 'The plan_id of its jobs.';
comment on column fb_ads.insight_backfills.account_id is 'The ad account.';
comment on column fb_ads.insight_backfills.since is
  'First day, in the account''s time zone, no earlier than Meta''s 37 months.';
comment on column fb_ads.insight_backfills.until is 'Last day, inclusive.';
comment on column fb_ads.insight_backfills.reason is
  'new_account: the account was newly enabled; request: since and until of a call; gap: no run for longer than a day.';
comment on column fb_ads.insight_backfills.requested_at is 'When it was planned.';

create index insight_backfills_account_id_idx on fb_ads.insight_backfills (account_id, requested_at);

alter table fb_ads.insight_backfills enable row level security;

create function fb_ads.plan_backfill(
  account_id uuid,
  since date,
  until date,
  reason text,
  arrived_at timestamptz,
  plan uuid default gen_random_uuid()
)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  zone text := (
    select account.timezone_name from public.ad_accounts as account where account.id = plan_backfill.account_id
  );
  -- The time zone of an account that was never read is unknown. fb_replan_insights cuts the range to its days once it
  -- is known.
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
        or exists (
          select from fb_ads.sync_jobs as job where job.plan_id = known.plan_id and job.state in ('pending', 'running')
        )
      )
  ) then
    return;
  end if;
  perform fb_ads.plan_ranges(plan_backfill.account_id, 'backfill', first_day, last_day, plan);
  insert into fb_ads.insight_backfills (plan_id, account_id, since, until, reason)
  values (plan, plan_backfill.account_id, first_day, last_day, plan_backfill.reason);
end;
$$;

comment on function fb_ads.plan_backfill(uuid, date, date, text, timestamptz, uuid) is
  'Plans to read a range of days, clamped to Meta''s 37 months and to today, unless the same range is under way or '
  'was asked for since arrived_at.';

create view fb_ads.backfill_progress with (security_invoker = true) as
select
  account.fb_account_id,
  account.name as account_name,
  backfill.since,
  backfill.until,
  backfill.reason,
  backfill.until - backfill.since + 1 as days,
  backfill.until - backfill.since + 1 - coalesce(open.days, 0) as days_done,
  jobs.done as jobs_done,
  jobs.left as jobs_left,
  jobs.failed as jobs_failed,
  jobs.rows,
  backfill.requested_at,
  case when jobs.left = 0 then jobs.finished_at end as finished_at,
  backfill.plan_id
from fb_ads.insight_backfills as backfill
join public.ad_accounts as account on account.id = backfill.account_id
cross join lateral (
  select
    count(*) filter (where job.state = 'done') as done,
    count(*) filter (where job.state in ('pending', 'running')) as left,
    count(*) filter (where job.state = 'failed') as failed,
    sum(job.row_count) as rows,
    max(job.finished_at) as finished_at
  from fb_ads.sync_jobs as job
  where job.plan_id = backfill.plan_id and job.kind = 'insights'
) as jobs
cross join lateral (
  select count(distinct day)::integer as days
  from fb_ads.sync_jobs as job
  cross join lateral generate_series(job.since::timestamp, job.until, interval '1 day') as day
  where job.plan_id = backfill.plan_id and job.kind = 'insights' and job.state <> 'done'
) as open;

comment on view fb_ads.backfill_progress is
  'How far each backfill is: days and jobs, done and left. Days of failed jobs are not done.';
comment on column fb_ads.backfill_progress.fb_account_id is 'Meta''s id of the ad account.';
comment on column fb_ads.backfill_progress.account_name is 'Name of the ad account.';
comment on column fb_ads.backfill_progress.since is 'First day of the backfill.';
comment on column fb_ads.backfill_progress.until is 'Last day, inclusive.';
comment on column fb_ads.backfill_progress.reason is 'Why it was planned, as in insight_backfills.';
comment on column fb_ads.backfill_progress.days is 'Days of the range.';
comment on column fb_ads.backfill_progress.days_done is 'Days that were read completely.';
comment on column fb_ads.backfill_progress.jobs_done is 'Ranges that were read.';
comment on column fb_ads.backfill_progress.jobs_left is 'Ranges that wait or run.';
comment on column fb_ads.backfill_progress.jobs_failed is 'Ranges that were given up.';
comment on column fb_ads.backfill_progress.rows is 'Rows received from Meta.';
comment on column fb_ads.backfill_progress.requested_at is 'When it was planned.';
comment on column fb_ads.backfill_progress.finished_at is 'When its last range ended; null while one is open.';
comment on column fb_ads.backfill_progress.plan_id is 'Key of the backfill.';
