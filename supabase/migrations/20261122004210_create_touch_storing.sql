-- What events say of clicks and browsers, kept in the transaction that stores the events.
-- Why at once: a sale is judged again as soon as a touch or a browser's owner becomes known.
-- Why plpgsql where SQL would do: it keeps its plans, and these run with every event.

create function fb_ads.store_browser_people(touches jsonb)
returns text[]
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  met text[];
begin
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
    -- New, or seen there earlier than was known: it decides whether a browser was shared at a sale.
    returning known.browser_digest, known.person_kind, known.person_digest, known.first_seen_at
  )
  select array_agg(distinct digest.value)
  into met
  from written
  join sightings on sightings.browser_digest = written.browser_digest and sightings.kind = written.person_kind
    and sightings.person_digest = written.person_digest
  cross join lateral (
    select written.browser_digest
    union all
    select written.person_digest
    union all
    -- Whoever else was seen there: it is a shared browser now.
    (select other.person_digest from fb_ads.browser_people as other where other.browser_digest = written.browser_digest limit 50)
  ) as digest (value)
  where written.first_seen_at = sightings.first_at;
  return met;
end;
$$;

revoke execute on function fb_ads.store_browser_people(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_browser_people(jsonb) to service_role;
comment on function fb_ads.store_browser_people(jsonb) is
  'Keeps whose browser it was, as touches say; returns the digests of pairs that were not known before, or are known from an earlier time, and of whoever else was seen there; null when there are none.';

create function fb_ads.keys_of_sales(touch jsonb)
returns text[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return fb_ads.keys_of_touch(touch) || array(
    select known.person_digest
    from fb_ads.browser_people as known
    where known.browser_digest in (touch ->> 'browser_digest', touch ->> 'fbc_digest')
    limit 50
  );
end;
$$;

revoke execute on function fb_ads.keys_of_sales(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.keys_of_sales(jsonb) to service_role;
comment on function fb_ads.keys_of_sales(jsonb) is 'All digests by which a sale may find this touch: its own, and those of whoever was seen in its browser.';

create function fb_ads.store_clicks(rows jsonb)
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  touch jsonb;
  landings jsonb[];
  fresh jsonb[] := '{}';
  news jsonb[];
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

  landings := array(
    select dated.touch
    from jsonb_array_elements(rows) as given
    cross join lateral fb_ads.date_touch(given.value) as dated (touch)
    where given.value ->> 'kind' = 'landing' and not fb_ads.is_payment_host(given.value ->> 'referrer_host')
    order by dated.touch ->> 'clicked_at', dated.touch ->> 'fbclid'
  );
  perform fb_ads.lock_visitors(landings);
  foreach touch in array landings loop
    if fb_ads.store_click(touch) then
      fresh := fresh || touch;
    end if;
  end loop;
  met := coalesce(fb_ads.store_browser_people(rows), '{}');

  -- Worked out once: what is marked is what was locked.
  news := array(
    select jsonb_build_object('keys', fb_ads.keys_of_sales(kept.touch), 'clicked_at', kept.touch -> 'clicked_at') from unnest(fresh) as kept (touch)
  );
  perform fb_ads.lock_results('{}', met || array(select distinct jsonb_array_elements_text(known.news -> 'keys') from unnest(news) as known (news)));
  foreach touch in array news loop
    perform fb_ads.revise_sales(array(select jsonb_array_elements_text(touch -> 'keys')), (touch ->> 'clicked_at')::timestamptz);
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
