-- The nightly clean-up: it deletes what is past its time, in batches, so that no single delete holds a table for long.
-- Why a batch a minute for an hour: each is a transaction of its own, and a night that is cut short keeps what it has
-- done.

create function fb_ads.delete_old_rows(most integer default 20000)
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select fb_ads.delete_old_events(most) + fb_ads.delete_old_touchpoints(most) + fb_ads.delete_old_consents(most)
    + fb_ads.delete_old_traffic() + fb_ads.delete_old_runs(most);
$$;

comment on function fb_ads.delete_old_rows(integer) is
  'One batch of the nightly clean-up (cron job fb-ads-retention, each minute of an hour): events, clicks, '
  'consents of browsers, counts of limits, runs and cron details past their time, as fb_ads.settings says. Returns '
  'how many rows it touched.';
