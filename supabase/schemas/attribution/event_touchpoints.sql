-- What events say of clicks and browsers, kept in the transaction that stores the events.
-- Why at once: a sale is matched again as soon as a touchpoint or the owner of a browser becomes known.
-- Why plpgsql where SQL would do: it keeps its plans, and these run with every event.

create table fb_ads.checkout_clicks (
  event_id text primary key,
  fbc_digest text not null,
  created_at timestamptz not null default now()
);

comment on table fb_ads.checkout_clicks is
  'The fbc with which each checkout began. The event itself loses it as soon as Meta has its sale.';
comment on column fb_ads.checkout_clicks.event_id is 'event_id of the InitiateCheckout event.';
comment on column fb_ads.checkout_clicks.fbc_digest is 'SHA-256 of the click id in its fbc.';
comment on column fb_ads.checkout_clicks.created_at is 'When the row was written.';

create index checkout_clicks_fbc_digest_idx on fb_ads.checkout_clicks (fbc_digest);
create index checkout_clicks_created_at_idx on fb_ads.checkout_clicks (created_at);

alter table fb_ads.checkout_clicks enable row level security;

create function fb_ads.sale_keys_of_touchpoint(touchpoint jsonb)
returns text[] language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
begin
  return fb_ads.keys_of_touchpoint(touchpoint) || array(
    select known.person_digest
    from fb_ads.browser_people as known
    where known.browser_digest in (touchpoint ->> 'browser_digest', touchpoint ->> 'fbc_digest')
    limit 50
  );
end;
$$;

comment on function fb_ads.sale_keys_of_touchpoint(jsonb) is
  'All digests by which a sale may find this touchpoint: its own, and those of everybody who was seen in its browser.';

create function fb_ads.store_touchpoints(rows jsonb)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  touchpoint jsonb;
  touchpoints jsonb[];
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

  touchpoints := array(
    select dated.touchpoint
    from jsonb_array_elements(rows) as given
    cross join lateral fb_ads.date_touchpoint(given.value) as dated (touchpoint)
    where given.value ->> 'kind' = 'landing' and not fb_ads.is_payment_host(given.value ->> 'referrer_host')
    order by dated.touchpoint ->> 'clicked_at', dated.touchpoint ->> 'fbclid'
  );
  perform fb_ads.lock_visitors(touchpoints);
  foreach touchpoint in array touchpoints loop
    if fb_ads.store_touchpoint(touchpoint) then
      fresh := fresh || touchpoint;
    end if;
  end loop;
  met := coalesce(fb_ads.store_browser_people(rows), '{}');

  -- Worked out once, so that exactly the locked sales are marked.
  news := array(
    select jsonb_build_object(
      'keys', fb_ads.sale_keys_of_touchpoint(kept.touchpoint), 'clicked_at', kept.touchpoint -> 'clicked_at'
    )
    from unnest(fresh) as kept (touchpoint)
  );
  perform fb_ads.lock_results(
    '{}',
    met || array(select distinct jsonb_array_elements_text(known.news -> 'keys') from unnest(news) as known (news))
  );
  foreach touchpoint in array news loop
    perform fb_ads.revise_sales(
      array(select jsonb_array_elements_text(touchpoint -> 'keys')), (touchpoint ->> 'clicked_at')::timestamptz
    );
  end loop;
  if cardinality(met) > 0 then
    perform fb_ads.revise_sales(met, null);
  end if;
  return cardinality(fresh);
end;
$$;

comment on function fb_ads.store_touchpoints(jsonb) is
  'Called by fb_store_events with touchpoints as the function builds them, of events that may be kept: stores new '
  'touchpoints, whose browser it was and with which click a checkout began; marks the sales that this may change. '
  'Returns how many touchpoints are new or hold more than before.';

create function fb_ads.store_event_touchpoints(request jsonb, statuses jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform fb_ads.store_touchpoints((
    select jsonb_agg((given.event -> 'touch') || jsonb_build_object('consent', event.consent))
    from jsonb_array_elements(request -> 'events') with ordinality as given (event, place)
    join fb_ads.conversion_events as event
      on event.event_name = given.event ->> 'event_name' and event.event_id = given.event ->> 'event_id'
    where statuses ->> (given.place - 1)::integer = 'stored' and jsonb_typeof(given.event -> 'touch') = 'object'
  ));
end;
$$;

comment on function fb_ads.store_event_touchpoints(jsonb, jsonb) is
  'Called by fb_store_events with its request and the statuses of the events: keeps the touchpoints of the stored '
  'events, so one consent counts for both.';
