-- Whether capi-event would find something to do: the tick asks every minute.
-- Why by partial indexes alone: an idle minute must cost nothing, whatever the size of the history.

create function fb_ads.has_delivery_work()
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    exists (select from fb_ads.conversion_events as event where event.state = 'waiting' and event.not_before <= now())
    or exists (
      select from fb_ads.event_deliveries as delivery where delivery.state = 'sending' and delivery.lease_until <= now()
    )
    or exists (
      select
      from (
        -- Finds the few pixels by skipping through the index.
        with recursive waiting as (
          (
            select delivery.pixel_id from fb_ads.event_deliveries as delivery
            where delivery.state = 'pending' order by delivery.pixel_id limit 1
          )
          union all
          select (
            select delivery.pixel_id from fb_ads.event_deliveries as delivery
            where delivery.state = 'pending' and delivery.pixel_id > waiting.pixel_id order by delivery.pixel_id limit 1
          )
          from waiting
          where waiting.pixel_id is not null
        )
        select waiting.pixel_id from waiting where waiting.pixel_id is not null
      ) as waiting
      left join fb_ads.pixels as pixel on pixel.pixel_id = waiting.pixel_id
      where (pixel.throttled_until is null or pixel.throttled_until <= now())
        and exists (
          select from fb_ads.event_deliveries as delivery
          where delivery.state = 'pending'
            and delivery.pixel_id = waiting.pixel_id
            and delivery.next_attempt_at <= now()
        )
    )
    -- Blocked deliveries: one probe a tick, whether Vault has a new token or the permission is back. Those of an open
    -- pixel are still to be unblocked.
    or exists (
      select
      from fb_ads.pixels as pixel
      where (pixel.throttled_until is null or pixel.throttled_until <= now())
        and exists (
          select
          from fb_ads.event_deliveries as delivery
          where delivery.state = 'blocked' and delivery.pixel_id = pixel.pixel_id
        )
    );
$$;

comment on function fb_ads.has_delivery_work() is
  'Whether a purchase waits for its snapshot, or a delivery may be sent now (or '
  'a blocked one be tried). Called by fb_ads.tick.';
