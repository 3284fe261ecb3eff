-- Keeping what events say of clicks, in the transaction that stores the events.
-- Why a lock by landing: the page view and the lead of one landing come in two requests at the same moment, and are one touch.

create function fb_ads.is_payment_host(host text)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select exists (
    select
    from fb_ads.settings as settings
    cross join unnest(settings.payment_hosts) as known (host)
    where lower(is_payment_host.host) = known.host or lower(is_payment_host.host) like '%.' || known.host
  );
$$;

revoke execute on function fb_ads.is_payment_host(text) from public, anon, authenticated;
grant execute on function fb_ads.is_payment_host(text) to service_role;
comment on function fb_ads.is_payment_host(text) is 'Whether settings.payment_hosts names this host or a domain above it. The built-in list is applied before.';

create function fb_ads.ids_of_touch(touch jsonb)
returns text[]
language sql
immutable
security invoker
set search_path = ''
as $$
  select array[
    touch ->> 'fb_ad_id', touch ->> 'fb_adset_id', touch ->> 'fb_campaign_id',
    touch ->> 'utm_content_id', touch ->> 'utm_term_id', touch ->> 'utm_campaign_id'
  ];
$$;

revoke execute on function fb_ads.ids_of_touch(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.ids_of_touch(jsonb) to service_role;
comment on function fb_ads.ids_of_touch(jsonb) is 'The ids that a touch carries, each in its place.';

create function fb_ads.find_same_landing(touch jsonb)
returns bigint
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  found_id bigint;
begin
  if touch ->> 'fbclid' is not null then
    -- A link that is passed on carries its click id to other browsers: that is another landing.
    select click.id
    into found_id
    from fb_ads.ad_clicks as click
    where click.fbc_digest = touch ->> 'fbc_digest' and click.fbclid = touch ->> 'fbclid'
      and coalesce(click.browser_digest = touch ->> 'browser_digest', true)
    order by click.clicked_at, click.id
    limit 1;
    return found_id;
  end if;
  -- The visitor's latest touch that names something: only that one can have been reloaded.
  select case when nearest.ids is not distinct from fb_ads.ids_of_touch(touch) then nearest.id end
  into found_id
  from (
    select click.id, fb_ads.ids_of_touch(to_jsonb(click)) as ids
    from fb_ads.ad_clicks as click
    cross join fb_ads.settings as settings
    where (
        click.browser_digest = touch ->> 'browser_digest'
        or click.user_digest = touch ->> 'user_digest'
        or click.fbc_digest = touch ->> 'fbc_digest'
        or click.email_digests @> array[touch #>> '{email_digests,0}']
        or click.phone_digests @> array[touch #>> '{phone_digests,0}']
      )
      and coalesce(click.browser_digest = touch ->> 'browser_digest', true)
      and coalesce(click.user_digest = touch ->> 'user_digest', true)
      and click.clicked_at between (touch ->> 'clicked_at')::timestamptz - settings.landing_reload_window
        and (touch ->> 'clicked_at')::timestamptz + settings.landing_reload_window
      and coalesce(
        click.fb_ad_id, click.fb_adset_id, click.fb_campaign_id, click.utm_content_id, click.utm_term_id, click.utm_campaign_id
      ) is not null
    order by click.clicked_at desc, click.id desc
    limit 1
  ) as nearest;
  return found_id;
end;
$$;

revoke execute on function fb_ads.find_same_landing(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.find_same_landing(jsonb) to service_role;
comment on function fb_ads.find_same_landing(jsonb) is
  'The touch of which this landing is a reload: the same click id in the same browser; without a click id, the visitor''s latest touch if it has the same ids and is within settings.landing_reload_window. Null for a new one.';

create function fb_ads.store_click(touch jsonb)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  same_id bigint;
  changed boolean;
begin
  perform pg_advisory_xact_lock(hashtextextended(
    'fb_ads.ad_clicks ' || coalesce(
      touch ->> 'fbclid', touch ->> 'browser_digest', touch ->> 'user_digest', touch ->> 'fbc_digest', touch #>> '{email_digests,0}', ''
    ), 0
  ));
  same_id := fb_ads.find_same_landing(touch);
  if same_id is null then
    insert into fb_ads.ad_clicks (
      clicked_at, fb_ad_id, fb_adset_id, fb_campaign_id, utm_content_id, utm_term_id, utm_campaign_id, fbclid, fbc_digest,
      browser_digest, user_digest, email_digests, phone_digests, page_url, consent, event_name, event_id
    )
    select
      least(given.clicked_at, now()), given.fb_ad_id, given.fb_adset_id, given.fb_campaign_id, given.utm_content_id, given.utm_term_id,
      given.utm_campaign_id, given.fbclid, given.fbc_digest, given.browser_digest, given.user_digest, nullif(given.email_digests, '{}'),
      nullif(given.phone_digests, '{}'), given.page_url, given.consent, given.event_name, given.event_id
    from jsonb_populate_record(null::fb_ads.ad_clicks, touch) as given;
    return true;
  end if;

  -- The cookie may be seen before the landing that explains it; what is known stays.
  update fb_ads.ad_clicks as click
  set clicked_at = least(click.clicked_at, given.clicked_at),
    fb_ad_id = given.fb_ad_id, fb_adset_id = given.fb_adset_id, fb_campaign_id = given.fb_campaign_id,
    utm_content_id = given.utm_content_id, utm_term_id = given.utm_term_id, utm_campaign_id = given.utm_campaign_id,
    page_url = coalesce(given.page_url, click.page_url)
  from jsonb_populate_record(null::fb_ads.ad_clicks, touch) as given
  where click.id = same_id
    and coalesce(
      click.fb_ad_id, click.fb_adset_id, click.fb_campaign_id, click.utm_content_id, click.utm_term_id, click.utm_campaign_id
    ) is null
    and coalesce(
      given.fb_ad_id, given.fb_adset_id, given.fb_campaign_id, given.utm_content_id, given.utm_term_id, given.utm_campaign_id
    ) is not null;
  changed := found;
  update fb_ads.ad_clicks as click
  set browser_digest = coalesce(click.browser_digest, touch ->> 'browser_digest'),
    clicked_at = least(click.clicked_at, (touch ->> 'clicked_at')::timestamptz)
  where click.id = same_id
    and (
      (click.browser_digest is null and touch ->> 'browser_digest' is not null)
      or (touch ->> 'fbclid' is not null and (touch ->> 'clicked_at')::timestamptz < click.clicked_at)
    );
  return changed or found;
end;
$$;

revoke execute on function fb_ads.store_click(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_click(jsonb) to service_role;
comment on function fb_ads.store_click(jsonb) is
  'Keeps one landing as buildTouch makes it; a reload adds the ids, browser or earlier time that were not known. True when something new was kept.';

create function fb_ads.store_browser_people(touches jsonb)
returns text[]
language sql
volatile
security invoker
set search_path = ''
as $$
  with given as (
    select touch ->> 'browser_digest' as fbp_digest, touch ->> 'fbc_digest' as fbc_digest, touch ->> 'user_digest' as user_digest,
      touch -> 'email_digests' as email_digests, touch -> 'phone_digests' as phone_digests, (touch ->> 'seen_at')::timestamptz as seen_at
    from jsonb_array_elements(touches) as touch
  ),
  sightings as (
    select browser.digest as browser_digest, person.kind, person.digest as person_digest, min(given.seen_at) as first_at, max(given.seen_at) as last_at
    from given
    cross join lateral (values (given.fbp_digest), (given.fbc_digest)) as browser (digest)
    cross join lateral (
      select 'user' as kind, given.user_digest as digest
      union all
      select 'email', jsonb_array_elements_text(coalesce(given.email_digests, '[]'))
      union all
      select 'phone', jsonb_array_elements_text(coalesce(given.phone_digests, '[]'))
    ) as person
    where browser.digest is not null and person.digest is not null
    group by browser.digest, person.kind, person.digest
  ),
  written as (
    insert into fb_ads.browser_people as known (browser_digest, person_kind, person_digest, first_seen_at, last_seen_at)
    select sightings.browser_digest, sightings.kind, sightings.person_digest, sightings.first_at, sightings.last_at
    from sightings
    order by sightings.browser_digest, sightings.kind, sightings.person_digest
    on conflict (browser_digest, person_kind, person_digest) do update
    set first_seen_at = least(known.first_seen_at, excluded.first_seen_at), last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)
    -- Seen every minute, written once a day.
    where excluded.first_seen_at < known.first_seen_at or excluded.last_seen_at > known.last_seen_at + interval '1 day'
    returning known.browser_digest, known.person_digest, known.xmax = 0 as is_new
  )
  select array_agg(distinct digest.value)
  from written
  cross join lateral (values (written.browser_digest), (written.person_digest)) as digest (value)
  where written.is_new;
$$;

revoke execute on function fb_ads.store_browser_people(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_browser_people(jsonb) to service_role;
comment on function fb_ads.store_browser_people(jsonb) is
  'Keeps whose browser it was, as touches say; returns the digests of pairs that were not known before, null when there are none.';

create function fb_ads.store_clicks(rows jsonb)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  touch jsonb;
  fresh jsonb[] := '{}';
  met text[];
begin
  if coalesce(jsonb_array_length(rows), 0) = 0 then
    return 0;
  end if;
  insert into fb_ads.checkout_clicks (event_id, fbc_digest)
  select distinct on (given.event_id) given.event_id, given.fbc_digest
  from jsonb_to_recordset(rows) as given (event_name text, event_id text, fbc_digest text)
  where given.event_name = 'InitiateCheckout' and given.event_id is not null and given.fbc_digest is not null
  order by given.event_id
  on conflict (event_id) do nothing;

  -- In one order, so that no two batches wait for each other.
  for touch in
    select given.value
    from jsonb_array_elements(rows) as given
    where given.value ->> 'kind' = 'landing' and not fb_ads.is_payment_host(given.value ->> 'referrer_host')
    order by coalesce(given.value ->> 'fbclid', given.value ->> 'browser_digest', given.value ->> 'user_digest'), given.value ->> 'clicked_at'
  loop
    if fb_ads.store_click(touch) then
      fresh := fresh || touch;
    end if;
  end loop;
  met := coalesce(fb_ads.store_browser_people(rows), '{}');

  perform fb_ads.lock_results(
    '{}', met || array(select distinct key from unnest(fresh) as kept (touch), unnest(fb_ads.keys_of_touch(kept.touch)) as key)
  );
  foreach touch in array fresh loop
    perform fb_ads.revise_sales(fb_ads.keys_of_touch(touch), (touch ->> 'clicked_at')::timestamptz);
  end loop;
  if cardinality(met) > 0 then
    perform fb_ads.revise_sales(met, null);
  end if;
  return cardinality(fresh);
end;
$$;

revoke execute on function fb_ads.store_clicks(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_clicks(jsonb) to service_role;
comment on function fb_ads.store_clicks(jsonb) is
  'Called by fb_store_events with touches as buildTouch makes them, of events that may be kept: stores new landings, whose browser it was and with which click a checkout began; marks the sales that this may change. Returns how many touches are new or know more.';

create function fb_ads.keys_of_touch(touch jsonb)
returns text[]
language sql
immutable
security invoker
set search_path = ''
as $$
  select array_remove(
    array[touch ->> 'fbc_digest', touch ->> 'browser_digest', touch ->> 'user_digest']
      || array(select jsonb_array_elements_text(coalesce(touch -> 'email_digests', '[]')))
      || array(select jsonb_array_elements_text(coalesce(touch -> 'phone_digests', '[]'))),
    null
  );
$$;

revoke execute on function fb_ads.keys_of_touch(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.keys_of_touch(jsonb) to service_role;
comment on function fb_ads.keys_of_touch(jsonb) is 'All digests by which a touch can be matched.';

create function fb_ads.store_touches(request jsonb, statuses jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform fb_ads.store_clicks((
    select jsonb_agg((given.event -> 'touch') || jsonb_build_object('consent', event.consent))
    from jsonb_array_elements(request -> 'events') with ordinality as given (event, place)
    join fb_ads.conversion_events as event
      on event.event_name = given.event ->> 'event_name' and event.event_id = given.event ->> 'event_id'
    where statuses ->> (given.place - 1)::integer = 'stored' and jsonb_typeof(given.event -> 'touch') = 'object'
  ));
end;
$$;

revoke execute on function fb_ads.store_touches(jsonb, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_touches(jsonb, jsonb) to service_role;
comment on function fb_ads.store_touches(jsonb, jsonb) is
  'Called by fb_store_events with its request and the statuses of the events: keeps the touches of those that were stored, so consent counts for both alike.';
