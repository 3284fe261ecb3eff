-- What a person looks at: how far backfills are, and where our sums are not Meta's.

create view fb_ads.backfill_progress
with (security_invoker = true)
as
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

comment on view fb_ads.backfill_progress is 'How far each backfill is: days and jobs, done and left. Days of failed jobs are not done.';
grant select on fb_ads.backfill_progress to service_role;

create view public.ad_spend_reconciliation
with (security_invoker = true)
as
select
  account.fb_account_id,
  account.name as account_name,
  checked.date,
  checked.our_spend,
  checked.meta_spend,
  checked.difference,
  checked.tolerance,
  checked.currency,
  checked.row_count,
  checked.state,
  checked.state = 'off' as is_warning,
  checked.checked_at,
  checked.account_id
from fb_ads.reconciliations as checked
join public.ad_accounts as account on account.id = checked.account_id;

comment on view public.ad_spend_reconciliation is
  'For each account and day: what ad_spend adds up to, what Meta says, and the difference. is_warning: it stayed past the tolerance after the day was read again. Give it a range of dates.';
grant select on public.ad_spend_reconciliation to service_role, fb_ads_reader;

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

comment on column public.ad_spend_reconciliation.fb_account_id is 'Meta''s id of the ad account.';
comment on column public.ad_spend_reconciliation.account_name is 'Name of the ad account.';
comment on column public.ad_spend_reconciliation.date is 'Calendar day in the account''s time zone.';
comment on column public.ad_spend_reconciliation.our_spend is 'Sum of ad_spend.spend, in currency.';
comment on column public.ad_spend_reconciliation.meta_spend is 'Meta''s own total of the account.';
comment on column public.ad_spend_reconciliation.difference is 'our_spend minus meta_spend.';
comment on column public.ad_spend_reconciliation.tolerance is 'Difference that rounding explains.';
comment on column public.ad_spend_reconciliation.currency is 'ISO 4217 code of the amounts.';
comment on column public.ad_spend_reconciliation.row_count is 'Rows of ad_spend of that day.';
comment on column public.ad_spend_reconciliation.state is 'equal, young, rereading or off, as in fb_ads.reconciliations.';
comment on column public.ad_spend_reconciliation.is_warning is 'Whether the day stayed off after it was read again.';
comment on column public.ad_spend_reconciliation.checked_at is 'When it was last compared.';
comment on column public.ad_spend_reconciliation.account_id is 'The ad account.';
