-- When insights are read: every night after the metadata, and every hour today and yesterday.
-- Operator: times are UTC. The hourly refresh is switched off by: update fb_ads.settings set insights_hourly_refresh = false;

create function fb_ads.refresh_insights()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if (select settings.insights_hourly_refresh from fb_ads.settings as settings)
    and exists (select from public.ad_accounts as account where account.enabled) then
    perform fb_ads.invoke_edge_function('fb-sync-insights', '{"refresh": true}');
  end if;
end;
$$;

revoke execute on function fb_ads.refresh_insights() from public, anon, authenticated;
comment on function fb_ads.refresh_insights() is
  'Every hour: has today and yesterday read for every enabled account, unless settings.insights_hourly_refresh is off.';

select cron.schedule('fb-sync-insights', '45 18 * * *', $$select fb_ads.invoke_edge_function('fb-sync-insights');$$);
select cron.schedule('fb-sync-insights-hourly', '7 * * * *', $$select fb_ads.refresh_insights();$$);
