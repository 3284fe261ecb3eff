-- Removing a person on request.
-- Why a bare key stays: without it the sweep, or a repeated request, would make the same event again.
-- Why a shared browser keeps what is not this person's: the touchpoints of another user stay.
-- Operator: select public.fb_erase_person('<user id>'), or the SHA-256 of the e-mail address or phone number as Meta
-- takes it.

-- Definer: the host need not grant its tables to service_role. Gives out references alone.
create function fb_ads.find_purchases_of(person text, digests text[])
returns table (transaction_ref text, user_ref text, completed_at timestamptz, is_completed boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if to_regclass('fb_ads.purchases') is null then
    return;
  end if;
  if person ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    return query
      select
        sale.transaction_ref, sale.user_ref, sale.completed_at,
        coalesce(sale.is_completed, fb_ads.means_paid(sale.status))
      from fb_ads.purchases as sale where sale.user_id = person::uuid;
  end if;
  return query
    select
      sale.transaction_ref, sale.user_ref, sale.completed_at,
      coalesce(sale.is_completed, fb_ads.means_paid(sale.status))
    from fb_ads.purchases as sale
    where (
        coalesce(sale.completed_at, sale.checkout_at, now()) >= now() - interval '8 days'
        or sale.transaction_ref in (
          select event.transaction_ref from fb_ads.conversion_events as event where event.state = 'waiting'
        )
      )
      and (
        fb_ads.digest_of(sale.user_ref) = any (digests)
        or fb_ads.digest_of(sale.email) = any (digests)
        or fb_ads.digest_of(regexp_replace(sale.phone, '[^0-9]', '', 'g')) = any (digests)
      );
end;
$$;

comment on function fb_ads.find_purchases_of(text, text[]) is
  'References of a person''s transactions: of the last 8 days (triggers and sweep could still make an event of them), '
  'and all of them where the person is given by a uuid.';

create function fb_ads.digests_of_person(person text)
returns text[] language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  digests text[];
  users text[];
begin
  digests := case
    when person ~ '^[0-9a-f]{64}$' then array[person]
    when person ~ '^\+?[0-9][0-9 ().-]{6,}$'
      then array[fb_ads.digest_of(person), fb_ads.digest_of(regexp_replace(person, '[^0-9]', '', 'g'))]
    else array[fb_ads.digest_of(person)]
  end;
  select array_agg(distinct event.user_digest)
  into users
  from fb_ads.conversion_events as event
  where event.user_digest is not null and (event.person_digests && digests or event.user_digest = any (digests));
  -- A guest's browser is the guest's own, unless somebody else was seen in it.
  if users is null then
    digests := digests || array(
      select distinct mine.browser_digest
      from fb_ads.conversion_events as mine
      where mine.person_digests && digests and mine.browser_digest is not null
        and not exists (
          select from fb_ads.conversion_events as other
          where other.browser_digest = mine.browser_digest
            and (other.user_digest is not null or not other.person_digests && digests)
        )
    );
  end if;
  -- Two users with one phone number are two persons. Then only what carries the number itself goes.
  if cardinality(users) = 1 then
    select array_agg(distinct known.digest)
    into digests
    from (
      select unnest(digests || users) as digest
      union
      select unnest(array_append(event.person_digests, event.browser_digest))
      from fb_ads.conversion_events as event
      where event.user_digest = users[1]
    ) as known
    where known.digest is not null;
  end if;
  return digests;
end;
$$;

comment on function fb_ads.digests_of_person(text) is
  'All digests under which a person given by user id, e-mail address, phone number or digest is known: those of the '
  'user''s own events beside the one given, and a guest''s browsers.';

create function fb_ads.erase_events(event_row_ids bigint[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- Deliveries before events and in one order, as everywhere, so that nothing deadlocks.
  perform from fb_ads.event_deliveries as delivery
  where delivery.event_row_id = any (event_row_ids)
  order by delivery.event_row_id, delivery.pixel_id
  for no key update;
  update fb_ads.event_deliveries as delivery
  set state = 'suppressed', reason = 'erased', lease_id = null, lease_until = null
  where delivery.event_row_id = any (event_row_ids) and delivery.state not in ('sent', 'suppressed', 'expired');
  update fb_ads.conversion_events as event
  set
    state = 'erased', content = null, user_data = null, browser_data = null, order_id = null, checkout_event_id = null,
    user_digest = null, browser_digest = null, person_digests = null, consent = null, consent_at = null,
    lease_id = null, final_at = coalesce(event.final_at, now())
  where event.id = any (event_row_ids);
end;
$$;

comment on function fb_ads.erase_events(bigint[]) is 'Strips events to their keys and takes back what waits of them.';

create function fb_ads.erase_touchpoints(digests text[])
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  clicks text[];
  erased bigint;
begin
  select array_agg(distinct known.browser_digest)
  into clicks
  from fb_ads.browser_people as known
  where known.person_digest = any (digests)
    -- In a browser that another user shares, the other's touchpoints stay.
    and not exists (
      select from fb_ads.browser_people as other
      where other.browser_digest = known.browser_digest
        and other.person_kind = 'user'
        and other.person_digest <> all (digests)
    );
  clicks := coalesce(clicks, '{}') || digests;

  -- In the order in which stored events take their locks: visitors, then people of browsers, then results.
  perform fb_ads.lock_visitors(array[jsonb_build_object('email_digests', to_jsonb(clicks))]);
  perform from fb_ads.browser_people as known
  where known.person_digest = any (digests) or known.browser_digest = any (clicks)
  order by known.browser_digest, known.person_kind, known.person_digest
  for update;
  perform fb_ads.lock_results('{}', clicks);

  delete from fb_ads.touchpoints as click
  where click.user_digest = any (digests) or click.email_digests && digests or click.phone_digests && digests
    or (click.user_digest is null and (click.browser_digest = any (clicks) or click.fbc_digest = any (clicks)));
  get diagnostics erased = row_count;
  delete from fb_ads.checkout_clicks as checkout where checkout.fbc_digest = any (clicks);
  delete from fb_ads.browser_people as known
  where known.person_digest = any (digests) or known.browser_digest = any (clicks);
  update fb_ads.attribution_results as result
  set match_keys = null, due_at = null
  where result.match_keys && clicks;
  return erased;
end;
$$;

comment on function fb_ads.erase_touchpoints(text[]) is
  'Called by fb_erase_person: deletes the touchpoints of a person given by digests, and of the browsers that nobody '
  'else used; returns how many.';

create function public.fb_erase_person(person text)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  given text := lower(btrim(fb_erase_person.person));
  digests text[];
  event_row_ids bigint[];
  erased_consents bigint;
begin
  if coalesce(given, '') = '' then
    raise exception 'name a person: a user id, or the SHA-256 of an e-mail address or phone number'
      using errcode = '22023';
  end if;
  -- Keeps a run of attribution from writing what it read before the erasure.
  perform pg_advisory_xact_lock(hashtext('fb_ads.attribution_results'));
  digests := fb_ads.digests_of_person(given);

  -- Sales that are not noted yet get their key now, so that the sweep finds it taken.
  insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref, state, final_at)
  select distinct on (sale.transaction_ref)
    'Purchase', sale.transaction_ref, coalesce(sale.completed_at, now()), sale.transaction_ref, 'erased', now()
  from fb_ads.find_purchases_of(given, digests) as sale
  where sale.is_completed
  on conflict (event_id, event_name) do nothing;

  select array_agg(event.id)
  into event_row_ids
  from fb_ads.conversion_events as event
  where event.person_digests && digests
    or event.user_digest = any (digests)
    or (event.browser_digest = any (digests) and event.user_digest is null)
    or (event.event_name, event.event_id) in (
      select 'Purchase', sale.transaction_ref from fb_ads.find_purchases_of(given, digests) as sale
    );
  -- Touchpoints before events, as where events come in.
  perform fb_ads.erase_touchpoints(digests);
  perform fb_ads.erase_events(event_row_ids);

  delete from fb_ads.consents as consent where consent.subject = any (digests);
  get diagnostics erased_consents = row_count;

  update public.ad_attributions as attribution
  set user_id = null, user_ref = null, fb_click_id = null, updated_at = now()
  where attribution.user_id::text = given or attribution.user_ref = fb_erase_person.person
    or attribution.transaction_ref in (
      select event.transaction_ref from fb_ads.conversion_events as event where event.id = any (event_row_ids)
    );

  return jsonb_build_object('events', coalesce(cardinality(event_row_ids), 0), 'consents', erased_consents);
end;
$$;

comment on function public.fb_erase_person(text) is
  'For the operator: removes a person everywhere, given by user id, or by the SHA-256 of e-mail address or phone '
  'number. Events keep their bare key, so that they are never made again; consents go. Returns {events, consents}. '
  'What Meta has already must be asked of Meta. Erase before the host deletes its own rows.';
