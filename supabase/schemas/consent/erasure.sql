-- Removing a person on request.
-- Why a stripped key stays: without it the sweep, or a repeated request, would make the same event anew.
-- Why a shared browser keeps what is not this person's: the touchpoints of another user stay.
-- Why a denial stays: whoever objects and asks to be forgotten is not to be found in the next event again.
-- Operator: select public.fb_erase_person('<user id>'), or the SHA-256 of the e-mail address or phone number as Meta
-- takes it.

create function fb_ads.digests_of_phone(phone text, digests text[])
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array(
    select fb_ads.digest_of(given.digits)
    union
    -- A host that keeps 0812… may mean either country: the digest that is asked for tells.
    select national.digest
    from unnest(array['62', '63']) as market (calling_code)
    cross join lateral (select fb_ads.digest_of(market.calling_code || substr(given.digits, 2))) as national (digest)
    where given.digits ~ '^0[1-9]' and national.digest = any (digests)
  )
  from (select nullif(regexp_replace(phone, '[^0-9]', '', 'g'), '')) as given (digits)
  where given.digits is not null;
$$;

comment on function fb_ads.digests_of_phone(text, text[]) is
  'Under which digests a phone number that the host keeps is known: of its digits, and of a national number of '
  'Indonesia or the Philippines the international form where it is among those asked for. Null for no number.';

-- Definer: the host need not grant its tables to service_role. Gives out references alone.
create function fb_ads.find_purchases_of(digests text[])
returns table (
  transaction_ref text, user_ref text, user_digest text, person_digests text[], completed_at timestamptz,
  is_completed boolean
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if to_regclass('fb_ads.purchases') is null then
    return;
  end if;
  return query
    select
      sale.transaction_ref, sale.user_ref, known.user_digest,
      array_remove(array[known.email_digest] || known.phone_digests, null), sale.completed_at,
      coalesce(sale.is_completed, fb_ads.means_paid(sale.status))
    from fb_ads.purchases as sale
    cross join lateral (
      select fb_ads.digest_of(sale.user_ref), fb_ads.digest_of(sale.email), fb_ads.digests_of_phone(sale.phone, digests)
    ) as known (user_digest, email_digest, phone_digests)
    where known.user_digest = any (digests)
      or known.email_digest = any (digests)
      or known.phone_digests && digests;
end;
$$;

comment on function fb_ads.find_purchases_of(text[]) is
  'A person''s transactions of any age, by digests of user id, e-mail address or phone number; reads all that the host '
  'has.';

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
  select array_agg(distinct known.user_digest)
  into users
  from (
    select event.user_digest
    from fb_ads.conversion_events as event
    where event.person_digests && digests or event.user_digest = any (digests)
    union all
    select click.user_digest
    from fb_ads.touchpoints as click
    where (click.email_digests && digests or click.phone_digests && digests) and click.reported_by <> 'browser'
    union all
    select sale.user_digest from fb_ads.find_purchases_of(digests) as sale
  ) as known
  where known.user_digest is not null;
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
  -- Two users behind one phone number are two persons: only what carries the number itself goes then.
  if cardinality(users) = 1 then
    select array_agg(distinct known.digest)
    into digests
    from (
      select unnest(digests || users) as digest
      union
      select unnest(array_append(event.person_digests, event.browser_digest))
      from fb_ads.conversion_events as event
      where event.user_digest = users[1]
      union
      select unnest(sale.person_digests) from fb_ads.find_purchases_of(users) as sale
    ) as known
    where known.digest is not null;
  end if;
  return digests;
end;
$$;

comment on function fb_ads.digests_of_person(text) is
  'All digests under which a person given by user id, e-mail address, phone number or digest is known: those of the '
  'user''s own events and sales beside the one given, and a guest''s browsers.';

create function fb_ads.erase_events(event_row_ids bigint[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- Deliveries before events and in one order, as everywhere: then nobody waits for one another in a circle.
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
    -- Somebody else's browser too: what is the other's stays.
    and not exists (
      select from fb_ads.browser_people as other
      where other.browser_digest = known.browser_digest
        and other.person_kind = 'user'
        and other.person_digest <> all (digests)
    );
  clicks := coalesce(clicks, '{}') || digests;

  -- As events that come in take them: touchpoints, then whose browser it was, then results.
  with gone as (
    select click.id
    from fb_ads.touchpoints as click
    where click.user_digest = any (digests) or click.email_digests && digests or click.phone_digests && digests
      or (click.user_digest is null and (click.browser_digest = any (clicks) or click.fbc_digest = any (clicks)))
    order by click.touchpoint_key
    for update
  )
  delete from fb_ads.touchpoints as click using gone where click.id = gone.id;
  get diagnostics erased = row_count;
  perform from fb_ads.browser_people as known
  where known.person_digest = any (digests) or known.browser_digest = any (clicks)
  order by known.browser_digest, known.person_kind, known.person_digest, known.is_verified
  for update;
  perform fb_ads.lock_results('{}', clicks);

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
  'Called by fb_erase_person: deletes the touchpoints of a person given by digests, and of the browsers that were '
  'nobody else''s; returns how many.';

create function public.fb_erase_person(person text)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  given text := lower(btrim(fb_erase_person.person));
  digests text[];
  sales text[];
  event_row_ids bigint[];
  erased_consents bigint;
begin
  if coalesce(given, '') = '' then
    raise exception 'name a person: a user id, or the SHA-256 of an e-mail address or phone number'
      using errcode = '22023';
  end if;
  digests := fb_ads.digests_of_person(given);
  with found as materialized (
    select sale.* from fb_ads.find_purchases_of(digests) as sale
  ),
  -- Sales that nobody noted yet: the key comes first, so that the sweep finds it taken.
  noted as (
    insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref, state, final_at)
    select distinct on (found.transaction_ref)
      'Purchase', found.transaction_ref, coalesce(found.completed_at, now()), found.transaction_ref, 'erased', now()
    from found
    where found.is_completed
    on conflict (event_id, event_name) do nothing
  )
  select coalesce(array_agg(found.transaction_ref), '{}') into sales from found;

  -- No run of attribution writes meanwhile what it read before.
  perform pg_advisory_xact_lock(hashtext('fb_ads.attribution_results'));
  select array_agg(event.id)
  into event_row_ids
  from fb_ads.conversion_events as event
  where event.person_digests && digests
    or event.user_digest = any (digests)
    or (event.browser_digest = any (digests) and event.user_digest is null)
    or (event.event_name = 'Purchase' and event.event_id = any (sales));
  -- Touchpoints before events, as where events come in.
  perform fb_ads.erase_touchpoints(digests);
  perform fb_ads.erase_events(event_row_ids);

  delete from fb_ads.consents as consent
  where consent.subject = any (digests)
    and (
      consent.state = 'granted'
      or exists (
        select
        from fb_ads.consents as newer
        where newer.subject_kind = consent.subject_kind and newer.subject = consent.subject
          and newer.since > consent.since
      )
    );
  get diagnostics erased_consents = row_count;

  update public.ad_attributions as attribution
  set user_id = null, user_ref = null, fb_click_id = null, updated_at = now()
  where attribution.transaction_ref = any (sales)
    -- Sales that the host has deleted.
    or fb_ads.digest_of(attribution.user_id::text) = any (digests)
    or fb_ads.digest_of(attribution.user_ref) = any (digests)
    or attribution.transaction_ref in (
      select event.transaction_ref from fb_ads.conversion_events as event where event.id = any (event_row_ids)
    );

  return jsonb_build_object('events', coalesce(cardinality(event_row_ids), 0), 'consents', erased_consents);
end;
$$;

comment on function public.fb_erase_person(text) is
  'For the operator: removes a person everywhere and at any age, given by user id, e-mail address, phone number, or '
  'the SHA-256 of the latter as Meta takes them. Reads all sales of the host, so it may take minutes. Events keep '
  'their bare key, so that nothing is made anew; of consent only an objection stays, by digest. Returns {events, '
  'consents}. What Meta has already must be asked of Meta. Erase before the host deletes its own rows.';
