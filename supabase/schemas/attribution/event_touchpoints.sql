-- What events say of clicks and browsers, kept in the transaction that stores the events.
-- Why at once: a sale is matched again as soon as a touchpoint or the owner of a browser becomes known.
-- Why plpgsql where SQL would do: it keeps its plans, and these run with every event.

create table fb_ads.checkout_clicks (
  event_id text primary key,
  fbc_digest text not null,
  created_at timestamptz not null default now()
);

comment on table fb_ads.checkout_clicks is
  'With which fbc a checkout was begun; the event itself loses it as soon as its sale is at Meta.';
comment on column fb_ads.checkout_clicks.event_id is 'event_id of the InitiateCheckout event.';
comment on column fb_ads.checkout_clicks.fbc_digest is 'SHA-256 of the click id in its fbc.';
comment on column fb_ads.checkout_clicks.created_at is 'When the row was written.';

create index checkout_clicks_fbc_digest_idx on fb_ads.checkout_clicks (fbc_digest);
create index checkout_clicks_created_at_idx on fb_ads.checkout_clicks (created_at);

alter table fb_ads.checkout_clicks enable row level security;

create function fb_ads.sale_keys_of_touchpoint(touchpoint fb_ads.touchpoints)
returns text[] language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  browser text := coalesce(touchpoint.browser_digest, touchpoint.fbc_digest);
begin
  return array_remove(
    array[browser]
      || case
        when touchpoint.reported_by <> 'browser'
          then array[touchpoint.user_digest, touchpoint.fbc_digest] || touchpoint.email_digests
            || touchpoint.phone_digests
        else '{}'
      end
      || array(
        select known.person_digest
        from fb_ads.browser_people as known
        where known.browser_digest = browser and known.is_verified
        limit 50
      ),
    null
  );
end;
$$;

comment on function fb_ads.sale_keys_of_touchpoint(fb_ads.touchpoints) is
  'The digests of sales that this touchpoint re-opens: its browser''s and those of the verified persons who were seen '
  'there; its own person''s where a server or a verified user reported it. Never a person whom an anonymous browser '
  'claims.';

create function fb_ads.store_touchpoints(rows jsonb)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  fresh fb_ads.touchpoints[];
  news jsonb[];
  piece jsonb;
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

  fresh := array(select kept from fb_ads.insert_touchpoints(rows) as kept);
  met := coalesce(fb_ads.store_browser_people(rows), '{}');

  -- Worked out once: what is marked is what was locked.
  news := array(
    select jsonb_build_object('keys', fb_ads.sale_keys_of_touchpoint(kept), 'clicked_at', kept.clicked_at)
    from unnest(fresh) as kept
  );
  perform fb_ads.lock_results(
    '{}',
    met || array(select distinct jsonb_array_elements_text(known.news -> 'keys') from unnest(news) as known (news))
  );
  foreach piece in array news loop
    perform fb_ads.revise_sales(
      array(select jsonb_array_elements_text(piece -> 'keys')), (piece ->> 'clicked_at')::timestamptz
    );
  end loop;
  if cardinality(met) > 0 then
    perform fb_ads.revise_sales(met, null);
  end if;
  return cardinality(fresh);
end;
$$;

comment on function fb_ads.store_touchpoints(jsonb) is
  'Called by fb_store_events with touchpoints as the function builds them, of events that may be kept: stores '
  'touchpoints, whose browser it was and with which click a checkout began; marks the sales that this may change. '
  'Returns how many touchpoints are new, or older than was known.';

create function fb_ads.store_event_touchpoints(request jsonb, statuses jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  perform fb_ads.store_touchpoints((
    select jsonb_agg((given.event -> 'touchpoint') || jsonb_build_object('consent', event.consent))
    from jsonb_array_elements(request -> 'events') with ordinality as given (event, place)
    join fb_ads.conversion_events as event
      on event.event_name = given.event ->> 'event_name' and event.event_id = given.event ->> 'event_id'
    where statuses ->> (given.place - 1)::integer = 'stored' and jsonb_typeof(given.event -> 'touchpoint') = 'object'
  ));
end;
$$;

comment on function fb_ads.store_event_touchpoints(jsonb, jsonb) is
  'Called by fb_store_events with its request and the statuses of the events: keeps the touchpoints of those that were '
  'stored, so consent counts for both alike.';
