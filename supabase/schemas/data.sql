-- What the schema needs in it to work: the settings, the purchases view over this host's tables, the schedule and its
-- key. The first release's migration applies it once, behind the schema files; it is no part of schema_paths in
-- config.toml. A later release that needs another row adds it here and in its own migration.

insert into fb_ads.settings (purchases_view_md5) values (md5(pg_get_viewdef('fb_ads.purchases'::regclass)));

do $$
begin
  perform fb_ads.make_purchases_view();
exception when others then
  -- Columns of unexpected types must not stop the host's deployment: fb_validate() says that the view is empty.
  raise warning 'fb_ads.purchases could not be made over the host''s tables (%); define it with create or replace view',
    sqlstate;
end;
$$;

do $$
begin
  if fb_ads.read_vault_text('fb_ads_function_key') is null then
    perform fb_ads.renew_function_key();
  end if;
end;
$$;

-- Times are UTC. To move the night: select cron.schedule('fb-sync-metadata', '<minute> <hour> * * *',
-- (select command from cron.job where jobname = 'fb-sync-metadata'));
select cron.schedule('fb-sync-metadata', '15 18 * * *', $$select fb_ads.invoke_edge_function('fb-sync-metadata');$$);
select cron.schedule('fb-sync-insights', '45 18 * * *', $$select fb_ads.invoke_edge_function('fb-sync-insights');$$);
select cron.schedule('fb-sync-insights-hourly', '7 * * * *', $$select fb_ads.refresh_insights();$$);
select cron.schedule('fb-ads-tick', '* * * * *', $$select fb_ads.tick();$$);
select cron.schedule('fb-ads-sweep', '*/15 * * * *', $$select fb_ads.sweep_purchases();$$);
select cron.schedule('fb-ads-reversals', '17 * * * *', $$select fb_ads.continue_reversals();$$);
select cron.schedule('fb-ads-retention', '* 19 * * *', $$select fb_ads.delete_old_rows();$$);

insert into fb_ads.scheduled_jobs (jobname, schedule, command)
select job.jobname, job.schedule, job.command
from cron.job as job
where job.jobname ~ '^fb-' and job.command ~ 'fb_ads\.';
