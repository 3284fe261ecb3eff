-- Storing touchpoints: one insert a batch, which asks for one end of an index with each question about the visitor.
-- Why so: anybody may fill a browser with touchpoints, and an event must cost the same however many there are. Where a
-- condition names a range, PostgreSQL guesses how many rows it finds, and reads them all where it guesses wrong.

create function fb_ads.was_visitor_seen(touchpoint fb_ads.touchpoints, clicked_at timestamptz, page_delay interval)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce((
      select min(known.received_at) from fb_ads.touchpoints as known
      where known.browser_digest = touchpoint.browser_digest
    ) <= was_visitor_seen.clicked_at + page_delay, false)
    or coalesce((
      select min(known.clicked_at) from fb_ads.touchpoints as known where known.fbc_digest = touchpoint.fbc_digest
    ) <= was_visitor_seen.clicked_at, false)
    or coalesce((
      select min(event.received_at) from fb_ads.conversion_events as event
      where event.browser_digest = touchpoint.browser_digest
    ) <= was_visitor_seen.clicked_at + page_delay, false);
$$;

comment on function fb_ads.was_visitor_seen(fb_ads.touchpoints, timestamptz, interval) is
  'Whether the browser of a touchpoint was heard of by the time when a page of then may be late, or its click id is '
  'known from then.';

create function fb_ads.date_touchpoint(touchpoint fb_ads.touchpoints, seen_at timestamptz)
returns timestamptz language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when touchpoint.reported_by = 'browser' and reported.clicked_at < touchpoint.received_at - settings.page_delay
      and not fb_ads.was_visitor_seen(touchpoint, reported.clicked_at, settings.page_delay)
      then touchpoint.received_at - settings.page_delay
    else least(reported.clicked_at, touchpoint.received_at)
  end
  from fb_ads.settings as settings
  cross join lateral (
    -- Some hosts send one fbc for ever: the cookie of a touchpoint that names its ad dates it back as far as the
    -- window.
    select case
      when touchpoint.clicked_at < seen_at - settings.attribution_window
        and num_nonnulls(variadic fb_ads.ids_of_touchpoint(touchpoint)) > 0
        then seen_at
      else touchpoint.clicked_at
    end
  ) as reported (clicked_at);
$$;

comment on function fb_ads.date_touchpoint(fb_ads.touchpoints, timestamptz) is
  'When a touchpoint was clicked, as far as its reporter may say; seen_at is when its event happened.';

create function fb_ads.key_touchpoint(touchpoint fb_ads.touchpoints)
returns bytea language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select substring(
    sha256(convert_to(
      jsonb_build_array(
        touchpoint.reported_by, touchpoint.browser_digest, touchpoint.user_digest, touchpoint.email_digests,
        touchpoint.phone_digests, touchpoint.fbc_digest, touchpoint.fbclid, fb_ads.ids_of_touchpoint(touchpoint),
        floor(extract(epoch from touchpoint.clicked_at) / 60)::bigint
      )::text,
      'UTF8'
    ))
    for 16
  );
$$;

comment on function fb_ads.key_touchpoint(fb_ads.touchpoints) is 'touchpoint_key of a touchpoint that is dated.';

create function fb_ads.has_room_for_touchpoint(touchpoint fb_ads.touchpoints, place bigint)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when touchpoint.reported_by <> 'browser' or touchpoint.browser_digest is null then true
    when place > settings.browser_touchpoints_per_hour then false
    -- The last that this one would still leave room for.
    else coalesce((
      select known.received_at
      from fb_ads.touchpoints as known
      where known.browser_digest = touchpoint.browser_digest and known.reported_by = 'browser'
      order by known.received_at desc
      offset settings.browser_touchpoints_per_hour - place
      limit 1
    ) <= touchpoint.received_at - interval '1 hour', true)
  end
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.has_room_for_touchpoint(fb_ads.touchpoints, bigint) is
  'Whether an anonymous browser may store one more touchpoint in this hour, this being its so manieth in the batch.';

create function fb_ads.insert_touchpoints(rows jsonb)
returns setof fb_ads.touchpoints language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  return query
  with given as (
    select received as touchpoint, (row.value ->> 'seen_at')::timestamptz as seen_at
    from jsonb_array_elements(rows) as row
    cross join lateral jsonb_populate_record(null::fb_ads.touchpoints, row.value || jsonb_build_object(
      'received_at', least(now(), (row.value ->> 'received_at')::timestamptz),
      'email_digests', nullif(row.value -> 'email_digests', '[]'),
      'phone_digests', nullif(row.value -> 'phone_digests', '[]')
    )) as received
    where row.value ->> 'kind' = 'touchpoint' and not fb_ads.is_payment_host(row.value ->> 'referrer_host')
  ),
  dated as (
    select moved as touchpoint
    from given
    cross join lateral jsonb_populate_record(given.touchpoint, jsonb_build_object(
      'clicked_at', fb_ads.date_touchpoint(given.touchpoint, given.seen_at)
    )) as moved
  ),
  keyed as (
    select distinct on (key.value) dated.touchpoint, key.value as touchpoint_key
    from dated
    cross join lateral fb_ads.key_touchpoint(dated.touchpoint) as key (value)
    order by key.value, (dated.touchpoint).clicked_at
  ),
  placed as (
    select keyed.*, row_number() over (
      partition by (keyed.touchpoint).browser_digest order by (keyed.touchpoint).clicked_at, keyed.touchpoint_key
    ) as place
    from keyed
  )
  insert into fb_ads.touchpoints as known (
    clicked_at, received_at, reported_by, touchpoint_key, fb_ad_id, fb_adset_id, fb_campaign_id, utm_content_id,
    utm_term_id, utm_campaign_id, fbclid, fbc_digest, browser_digest, user_digest, email_digests, phone_digests,
    page_url, consent, event_name, event_id
  )
  select
    fresh.clicked_at, fresh.received_at, fresh.reported_by, placed.touchpoint_key, fresh.fb_ad_id, fresh.fb_adset_id,
    fresh.fb_campaign_id, fresh.utm_content_id, fresh.utm_term_id, fresh.utm_campaign_id, fresh.fbclid,
    fresh.fbc_digest, fresh.browser_digest, fresh.user_digest, fresh.email_digests, fresh.phone_digests,
    fresh.page_url, fresh.consent, fresh.event_name, fresh.event_id
  from placed
  cross join lateral (select (placed.touchpoint).*) as fresh
  where fb_ads.has_room_for_touchpoint(placed.touchpoint, placed.place)
  order by placed.touchpoint_key
  on conflict (touchpoint_key) do update
  set clicked_at = least(known.clicked_at, excluded.clicked_at),
    received_at = least(known.received_at, excluded.received_at)
  where excluded.clicked_at < known.clicked_at or excluded.received_at < known.received_at
  returning known.*;
end;
$$;

comment on function fb_ads.insert_touchpoints(jsonb) is
  'Stores the touchpoints among what the function builds; returns those that are new, or older than was known.';
