-- What the insights sync must remember beside the queue: why a job is there, which jobs belong together, what worked for an account.
-- Why a plan has an id: totals are compared when all ranges of one plan are read, and the progress of a backfill is that of its plan.

alter table fb_ads.sync_jobs
  add column plan_id uuid,
  add column purpose text,
  add constraint purpose_is_known check (purpose in ('window', 'refresh', 'backfill', 'recheck')),
  add constraint insights_have_a_range check (
    kind not in ('insights', 'reconciliation') or (since is not null and until is not null and purpose is not null and plan_id is not null)
  );

comment on column fb_ads.sync_jobs.plan_id is 'Jobs of the insights sync that were planned together for one account.';
comment on column fb_ads.sync_jobs.purpose is
  'Why insights are read: window (the last 28 days), refresh (today and yesterday), backfill (an older range), recheck (a day whose sum was off).';

create index sync_jobs_plan_id_idx on fb_ads.sync_jobs (plan_id);
create index sync_jobs_open_reports_idx on fb_ads.sync_jobs (account_id) where report_run_id is not null and state in ('pending', 'running');

alter table fb_ads.settings
  add column insights_page_size integer not null default 500,
  add column insights_page_size_max integer not null default 1000,
  add column insights_window_days integer not null default 28,
  add column insights_backfill_days integer not null default 90,
  add column insights_sync_rows integer not null default 5000,
  add column insights_open_reports integer not null default 5,
  add column insights_hourly_refresh boolean not null default true,
  add constraint insights_page_size_is_positive check (insights_page_size between 1 and insights_page_size_max),
  add constraint insights_page_size_max_is_sane check (insights_page_size_max between 1 and 2000),
  add constraint insights_window_days_is_sane check (insights_window_days between 2 and 90),
  add constraint insights_backfill_days_is_within_retention check (insights_backfill_days between 0 and 1127),
  add constraint insights_sync_rows_is_not_negative check (insights_sync_rows >= 0),
  add constraint insights_open_reports_is_positive check (insights_open_reports between 1 and 50);

comment on column fb_ads.settings.insights_page_size is 'Rows a page with which insights begin. Halved when Meta asks to reduce the amount of data.';
comment on column fb_ads.settings.insights_page_size_max is 'The largest page that insights grow to while every page succeeds.';
comment on column fb_ads.settings.insights_window_days is 'How many of an account''s last local days every full run reads anew. Meta restates for 28 days.';
comment on column fb_ads.settings.insights_backfill_days is 'How many days back the first run of a newly enabled account reads, at most 37 months.';
comment on column fb_ads.settings.insights_sync_rows is 'Expected rows of a range above which an asynchronous report is made instead of reading at once. 0: always reports.';
comment on column fb_ads.settings.insights_open_reports is 'How many reports of one account may be under way at Meta at a time.';
comment on column fb_ads.settings.insights_hourly_refresh is 'Whether today and yesterday are read every hour, beside the nightly window.';

create table fb_ads.insight_reads (
  account_id uuid primary key references public.ad_accounts (id) on delete cascade,
  sync_max_days integer,
  sync_refused_at timestamptz,
  range_max_days integer,
  range_refused_at timestamptz,
  window_until date,
  updated_at timestamptz not null default now(),
  constraint sync_limit_has_a_time check ((sync_max_days is null) = (sync_refused_at is null)),
  constraint range_limit_has_a_time check ((range_max_days is null) = (range_refused_at is null)),
  constraint sync_max_days_is_not_negative check (sync_max_days >= 0),
  constraint range_max_days_is_positive check (range_max_days >= 1)
);

comment on table fb_ads.insight_reads is 'How an account''s insights are best read: what worked and what Meta refused. Refusals are forgotten after 30 days.';
comment on column fb_ads.insight_reads.account_id is 'The ad account.';
comment on column fb_ads.insight_reads.sync_max_days is 'Longest range in days that is still read at once; 0: every range is a report. Null: Meta has refused none.';
comment on column fb_ads.insight_reads.sync_refused_at is 'When Meta last refused to answer a range at once.';
comment on column fb_ads.insight_reads.range_max_days is 'Longest range in days that one job asks for. Null: nothing was ever too large.';
comment on column fb_ads.insight_reads.range_refused_at is 'When a range last had to be split.';
comment on column fb_ads.insight_reads.window_until is 'Last local day of the newest window that was read completely; a later gap is read anew.';
comment on column fb_ads.insight_reads.updated_at is 'When the row last changed.';

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

create index insight_backfills_account_id_idx on fb_ads.insight_backfills (account_id, requested_at);

comment on table fb_ads.insight_backfills is 'Ranges before the window that were asked for. Their progress is in the view backfill_progress.';
comment on column fb_ads.insight_backfills.plan_id is 'The plan_id of its jobs.';
comment on column fb_ads.insight_backfills.account_id is 'The ad account.';
comment on column fb_ads.insight_backfills.since is 'First day, in the account''s time zone, no earlier than Meta''s 37 months.';
comment on column fb_ads.insight_backfills.until is 'Last day, inclusive.';
comment on column fb_ads.insight_backfills.reason is 'new_account: the account was newly enabled; request: since and until of a call; gap: no run for longer than a day.';
comment on column fb_ads.insight_backfills.requested_at is 'When it was planned.';

-- A restated row then stays on its page and in its place in the indexes.
alter table public.ad_spend set (fillfactor = 85);

alter table fb_ads.insight_reads enable row level security;
alter table fb_ads.insight_backfills enable row level security;
grant select, insert, update, delete on fb_ads.insight_reads, fb_ads.insight_backfills to service_role;

create function fb_ads.may_start_report(job fb_ads.sync_jobs)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select count(*) < (select settings.insights_open_reports from fb_ads.settings as settings)
  from fb_ads.sync_jobs as report
  where report.account_id = job.account_id
    and report.report_run_id is not null
    and report.state in ('pending', 'running')
    and report.priority <= job.priority;
$$;

revoke execute on function fb_ads.may_start_report(fb_ads.sync_jobs) from public, anon, authenticated;
grant execute on function fb_ads.may_start_report(fb_ads.sync_jobs) to service_role;
comment on function fb_ads.may_start_report(fb_ads.sync_jobs) is 'Whether Meta may be given another report of the account: a few are under way at a time, and less urgent ones do not count.';
