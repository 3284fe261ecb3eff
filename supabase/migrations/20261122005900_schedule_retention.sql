-- The nightly clean-up: what is kept only for a time goes, in batches, so that no single delete holds a table for long.
-- Why a batch a minute for an hour: each is a transaction of its own, and a night that is cut short has still deleted what it deleted.

alter table fb_ads.settings
  add column run_retention interval not null default interval '90 days',
  add column job_retention interval not null default interval '14 days',
  add column cron_detail_retention interval not null default interval '30 days',
  add constraint run_retention_is_positive check (
    run_retention > interval '0' and job_retention > interval '0' and cron_detail_retention > interval '0'
  );

comment on column fb_ads.settings.run_retention is 'How long fb_ads.sync_runs keeps what each invocation did.';
comment on column fb_ads.settings.job_retention is 'How long ended jobs stay in fb_ads.sync_jobs.';
comment on column fb_ads.settings.cron_detail_retention is 'How long cron.job_run_details of this suite''s own jobs are kept; pg_cron itself never prunes them.';

create function fb_ads.delete_old_runs(most integer default 5000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  touched bigint := 0;
  batch bigint;
begin
  delete from fb_ads.sync_jobs as job
  where job.id in (
    select old.id
    from fb_ads.sync_jobs as old
    cross join fb_ads.settings as settings
    where old.state in ('done', 'failed') and old.finished_at < now() - settings.job_retention
    limit most
  );
  get diagnostics touched = row_count;

  delete from fb_ads.sync_runs as run
  where run.id in (
    select old.id
    from fb_ads.sync_runs as old
    cross join fb_ads.settings as settings
    where old.started_at < now() - settings.run_retention and old.finished_at is not null
    limit most
  );
  get diagnostics batch = row_count;
  touched := touched + batch;

  delete from cron.job_run_details as detail
  where detail.runid in (
    select old.runid
    from cron.job_run_details as old
    join cron.job as job on job.jobid = old.jobid
    cross join fb_ads.settings as settings
    where job.jobname like 'fb-%' and old.start_time < now() - settings.cron_detail_retention
    limit most
  );
  get diagnostics batch = row_count;
  return touched + batch;
end;
$$;

revoke execute on function fb_ads.delete_old_runs(integer) from public, anon, authenticated;
comment on function fb_ads.delete_old_runs(integer) is
  'Deletes at most so many old jobs, runs and cron details each; returns how many went. Part of fb_ads.delete_old_rows.';

create function fb_ads.delete_old_rows(most integer default 20000)
returns bigint
language sql
volatile
security invoker
set search_path = ''
as $$
  select fb_ads.delete_old_events(most) + fb_ads.delete_old_clicks(most) + fb_ads.delete_old_runs(most);
$$;

revoke execute on function fb_ads.delete_old_rows(integer) from public, anon, authenticated;
comment on function fb_ads.delete_old_rows(integer) is
  'One batch of the nightly clean-up (cron job fb-ads-retention, each minute of an hour): events, clicks, runs and cron details past their time, as fb_ads.settings says. Returns how many rows it touched.';

select cron.schedule('fb-ads-retention', '* 19 * * *', $$select fb_ads.delete_old_rows();$$);
