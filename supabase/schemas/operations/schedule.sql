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

create function fb_ads.continue_reversals()
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  answer jsonb;
begin
  answer := fb_ads.refresh_reversals(
    now() - interval '180 days',
    (select job.cursor from fb_ads.scheduled_jobs as job where job.jobname = 'fb-ads-reversals')
  );
  update fb_ads.scheduled_jobs as job
  set cursor = nullif(answer -> 'cursor', 'null')
  where job.jobname = 'fb-ads-reversals' and job.cursor is distinct from nullif(answer -> 'cursor', 'null');
  return (answer ->> 'changed')::bigint;
end;
$$;

comment on function fb_ads.continue_reversals() is
  'Every hour, and every minute until all of the last 180 days were looked at: takes over what the host changed of the '
  'next 10,000 sales. Returns how many changed.';

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
    if exists (select from fb_ads.scheduled_jobs as job where job.cursor is not null) then
      perform fb_ads.continue_reversals();
    end if;
  exception when others then
    raise warning 'fb_ads: what the host changed of sales was not taken over (%)', sqlstate;
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
  '{"resume": true}, so that nothing new is planned), goes on with what works in batches, then announces alerts.';
