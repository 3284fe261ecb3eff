-- How long events are kept. The nightly job calls fb_ads.delete_old_events until nothing is left to do.
-- Why in batches: a day of page views is a million rows, and one transaction over them would block everything else.

create function fb_ads.expire_deliveries()
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  settled bigint[];
begin
  with expired as (
    update fb_ads.event_deliveries as delivery
    set state = 'expired', reason = 'event_too_old'
    from fb_ads.conversion_events as event
    where event.id = delivery.event_row_id and delivery.state in ('pending', 'blocked')
      and event.event_time < now() - case event.action_source
        when 'physical_store' then interval '62 days'
        else interval '7 days'
      end
    returning delivery.event_row_id
  )
  select array_agg(expired.event_row_id) into settled from expired;
  if settled is not null then
    perform fb_ads.finish_events(settled);
  end if;

  -- A dead letter that is too old to be sent again is final too.
  update fb_ads.conversion_events as event
  set final_at = now(), browser_data = null
  from fb_ads.event_deliveries as delivery
  where delivery.event_row_id = event.id and delivery.state = 'dead' and event.final_at is null
    and event.event_time < now() - case event.action_source
      when 'physical_store' then interval '62 days'
      else interval '7 days'
    end;
  return coalesce(cardinality(settled), 0);
end;
$$;

comment on function fb_ads.expire_deliveries() is
  'Ends waiting deliveries that are too old for Meta (7 days, 62 in a shop), also '
  'where nothing is sent at the moment. Returns how many.';

create function fb_ads.delete_old_events(most integer default 5000)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  touched bigint := 0;
  step bigint;
  old_ids bigint[];
begin
  touched := fb_ads.expire_deliveries();

  old_ids := array(
    select old.id
    from fb_ads.conversion_events as old
    cross join fb_ads.settings as settings
    where old.final_at is not null and old.event_name <> 'Purchase'
      and old.final_at < now() - least(settings.page_view_retention, settings.sent_event_retention)
      and (old.event_name = 'PageView' or old.final_at < now() - settings.sent_event_retention)
    limit most
  );
  -- Deliveries are locked before events, as everywhere: the cascade would lock them last.
  perform from fb_ads.event_deliveries as delivery
  where delivery.event_row_id = any (old_ids)
  order by delivery.event_row_id, delivery.pixel_id
  for update;
  with deleted as (
    delete from fb_ads.conversion_events as event
    where event.id = any (old_ids)
    returning (event.event_time at time zone 'UTC')::date as date, event.event_name, event.state
  ),
  counted as (
    insert into fb_ads.deleted_events as known (date, event_name, events, suppressed)
    select deleted.date, deleted.event_name, count(*), count(*) filter (where deleted.state = 'suppressed')
    from deleted
    group by deleted.date, deleted.event_name
    on conflict (date, event_name) do update
    set events = known.events + excluded.events, suppressed = known.suppressed + excluded.suppressed
  )
  select count(*) into step from deleted;
  touched := touched + step;

  -- A Purchase keeps its key, and so can never be made again.
  update fb_ads.conversion_events as event
  set content = null, user_data = null, browser_data = null, order_id = null, checkout_event_id = null,
    user_digest = null, browser_digest = null, person_digests = null
  where event.id in (
    select old.id
    from fb_ads.conversion_events as old
    cross join fb_ads.settings as settings
    where old.final_at is not null and old.content is not null and old.event_name = 'Purchase'
      and old.final_at < now() - settings.sent_event_retention
    limit most
  );
  get diagnostics step = row_count;
  touched := touched + step;

  -- At most 8 days in clear: this runs once a day.
  update fb_ads.conversion_events as event
  set browser_data = null
  where event.id in (
    select old.id
    from fb_ads.conversion_events as old
    where old.browser_data is not null and old.received_at < now() - interval '7 days'
    limit most
  );
  get diagnostics step = row_count;
  touched := touched + step;
  return touched;
end;
$$;

comment on function fb_ads.delete_old_events(integer) is
  'Deletes and strips what settings say is old: events, a Purchase''s content, clear browser data after 7 '
  'days. At most so many rows of each kind; returns how many, 0 when there is nothing left.';
