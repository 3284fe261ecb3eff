-- What the cron jobs call: an hourly refresh, and a tick every minute that calls only what has work.
-- Why a tick in SQL: an idle minute costs one query and no request, and the next tick takes up what a killed run or a
-- spent budget left.
-- Operator: the hourly refresh is switched off by: update fb_ads.settings set insights_hourly_refresh = false where id;

create function fb_ads.refresh_insights()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if (select settings.insights_hourly_refresh from fb_ads.settings as settings)
    and exists (select from public.ad_accounts as account where account.enabled) then
    perform fb_ads.invoke_edge_function('fb-sync-insights', '{"refresh": true}');
  end if;
end;
$$;

comment on function fb_ads.refresh_insights() is
  'Every hour: has today and yesterday read for every enabled account, '
  'unless settings.insights_hourly_refresh is off.';

create function fb_ads.tick()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  slug text;
begin
  begin
    perform fb_ads.read_answers();
    foreach slug in array array['fb-sync-metadata', 'fb-sync-insights'] loop
      if fb_ads.has_sync_work(slug) then
        perform fb_ads.call_function(slug, '{"resume": true}');
      end if;
    end loop;
    if fb_ads.has_delivery_work() then
      perform fb_ads.call_function('capi-event', '{"dispatch": true}');
    end if;
    if fb_ads.has_attribution_work() then
      perform fb_ads.call_function('attribute-purchase');
    end if;
  exception when others then
    -- What is wrong must still be announced below: a missing secret is one of the problems that a person has to hear
    -- of.
    raise warning 'fb_ads: the tick could not call a function: %', sqlerrm;
  end;
  begin
    perform fb_ads.announce_alerts();
  exception when others then
    raise warning 'fb_ads: alerts were not announced (%)', sqlstate;
  end;
end;
$$;

comment on function fb_ads.tick() is
  'Every minute: reads what came of the calls before, calls each Edge Function that has work (the syncs with '
  '{"resume": true}, so that nothing new is planned), then announces alerts.';
