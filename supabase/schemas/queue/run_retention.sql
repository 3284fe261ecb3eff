-- How long jobs and runs are kept.

create function fb_ads.delete_old_runs(most integer default 5000)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
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
    left join cron.job as job on job.jobid = old.jobid
    cross join fb_ads.settings as settings
    where old.start_time < now() - settings.cron_detail_retention
      and case
        when job.jobid is not null then job.jobname like 'fb-%'
        -- A job that was unscheduled, or scheduled anew under another id, is known by its command.
        else old.command ~ '\mfb_ads\.'
      end
    order by old.runid
    limit most
  );
  get diagnostics batch = row_count;
  return touched + batch;
end;
$$;

comment on function fb_ads.delete_old_runs(integer) is
  'Deletes at most so many old jobs, runs and cron details each; returns '
  'how many went. Part of fb_ads.delete_old_rows.';
