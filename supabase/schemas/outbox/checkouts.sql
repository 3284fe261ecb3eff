-- The checkout event that a sale began with.
-- Why by what fits and not by who came first: anyone with the publishable key can send a checkout that names anybody's
-- order. Such a claim counts only while nobody disputes it.

<<<<<<< HEAD
create function fb_ads.find_checkout(user_digest text, order_ids text[], paid_at timestamptz)
returns fb_ads.conversion_events language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with candidates as (
    -- The checkout that carried the order id before the payment: the buyer's own, else the first.
    (
      select checkout.id, 1 as rank
=======
create function fb_ads.fitting_checkouts(
  purchase_id bigint, user_digest text, order_ids text[], made_at timestamptz, paid_at timestamptz
)
returns setof fb_ads.conversion_events language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with bounds as (
    select
      -- Order numbers begin anew: a checkout of last month's INV-7 says nothing about this one.
      greatest(paid_at - interval '30 days', made_at - interval '1 hour') as since,
      -- Some hosts keep whole seconds: such a second lasts to its end.
      paid_at + case
        when paid_at = date_trunc('second', paid_at) then interval '1 second'
        else interval '1 microsecond'
      end as received_before,
      settings.checkout_window
    from fb_ads.settings as settings
  ),
  candidates as (
    select named.*
    from bounds
    cross join lateral (
      select checkout.*
>>>>>>> 28ff721
      from fb_ads.conversion_events as checkout
      where checkout.event_name = 'InitiateCheckout' and checkout.order_id = any (order_ids)
        and checkout.event_time between bounds.since and paid_at
        and checkout.received_at < bounds.received_before
    ) as named
    union all
    select latest.*
    from bounds
    cross join lateral (
      select checkout.*
      from fb_ads.conversion_events as checkout
      where checkout.event_name = 'InitiateCheckout' and checkout.user_digest = fitting_checkouts.user_digest
        and checkout.event_time between greatest(bounds.since, paid_at - bounds.checkout_window) and paid_at
        and checkout.received_at < bounds.received_before
      order by checkout.event_time desc, checkout.id desc
      limit 1
    ) as latest
    where latest.order_id is null
  )
  select candidates.*
  from candidates
  where (
      candidates.user_digest is null
      or fitting_checkouts.user_digest is null
      or candidates.user_digest = fitting_checkouts.user_digest
    )
    and not exists (
      select
      from fb_ads.conversion_events as other
      where other.checkout_event_id = candidates.id and other.id is distinct from fitting_checkouts.purchase_id
    );
$$;

comment on function fb_ads.fitting_checkouts(bigint, text, text[], timestamptz, timestamptz) is
  'Checkout events that may be a sale''s: those that name it (one of order_ids), and the latest of its verified user '
  'within settings.checkout_window if that names no order. None older than made_at less an hour or than 30 days before '
  'payment, none of another verified user, none that another Purchase uses.';

create type fb_ads.checkout_choice as (
  checkout_id bigint,
  is_trusted boolean,
  consent text,
  consent_at timestamptz
);

comment on type fb_ads.checkout_choice is
  'The checkout of a sale, null where there is none or browsers dispute it; whether a server or the sale''s own '
  'verified user reported it; and what checkouts say of consent: the chosen one''s, or the latest of the disputing '
  'ones''.';

create function fb_ads.choose_checkout(
  purchase_id bigint, user_digest text, person_digests text[], order_ids text[], made_at timestamptz,
  paid_at timestamptz
)
returns fb_ads.checkout_choice language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with fitting as materialized (
    select
      checkout.id, checkout.event_time, checkout.consent,
      coalesce(checkout.consent_at, checkout.received_at) as consent_at,
      checkout.order_id is not null as is_named,
      coalesce(checkout.user_digest = choose_checkout.user_digest, false) as is_own_user,
      checkout.origin = 'server'
        or coalesce(checkout.user_digest = choose_checkout.user_digest, false) as is_trusted,
      -- Two events without a browser id may come from two browsers.
      coalesce(checkout.browser_digest, 'event ' || checkout.id::text) as browser,
      coalesce(checkout.person_digests && choose_checkout.person_digests, false) or exists (
        select
        from fb_ads.conversion_events as seen
        where seen.browser_digest = checkout.browser_digest and seen.user_digest = choose_checkout.user_digest
      ) as is_shared_with_sale
    from fb_ads.fitting_checkouts(
      choose_checkout.purchase_id, choose_checkout.user_digest, order_ids, made_at, paid_at
    ) as checkout
  ),
  claims as (
    select fitting.* from fitting where not fitting.is_trusted
  ),
  agreed as (
    -- One browser alone, or among several the one that shares something with the sale.
    select claims.*
    from claims
    cross join (
      select
        count(distinct every.browser) as browsers,
        count(distinct every.browser) filter (where every.is_shared_with_sale) as sharing
      from claims as every
    ) as counted
    where counted.browsers = 1 or (counted.sharing = 1 and claims.is_shared_with_sale)
  ),
  chosen as (
    select candidate.*
    from (
      select fitting.* from fitting where fitting.is_trusted
      union all
      select agreed.* from agreed
    ) as candidate
    order by
      candidate.is_trusted desc, candidate.is_own_user desc, candidate.is_named desc, candidate.event_time desc,
      candidate.id desc
    limit 1
  ),
  said as (
    select chosen.consent, chosen.consent_at from chosen
    union all
    select claims.consent, claims.consent_at from claims where not exists (select from chosen)
  ),
  latest as (
    select said.consent, said.consent_at
    from said
    where said.consent is not null
    order by said.consent_at desc, said.consent
    limit 1
  )
  select row(
    (select chosen.id from chosen),
    coalesce((select chosen.is_trusted from chosen), false),
    (select latest.consent from latest),
    (select latest.consent_at from latest)
  )::fb_ads.checkout_choice;
$$;

comment on function fb_ads.choose_checkout(bigint, text, text[], text[], timestamptz, timestamptz) is
  'The checkout event of a sale. What a server or the sale''s own verified user reported counts at once. An anonymous '
  'browser''s claim counts while no other browser names the same order; among several, the one that shares an e-mail '
  'address, a phone number or its browser with the sale or its user. person_digests: digests of the sale''s e-mail '
  'address and phone number.';

create function fb_ads.consent_of_sale(user_digest text, choice fb_ads.checkout_choice)
returns table (consent text, since timestamptz) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  with checkout as (
    select event.browser_digest from fb_ads.conversion_events as event where event.id = choice.checkout_id
  ),
  own as (
    select known.state, known.since
    from fb_ads.newest_consent(consent_of_sale.user_digest, null) as known
    where known.state is not null
  ),
  said as (
    select own.state as consent, own.since from own
    union all
    -- An anonymous checkout never overrules a user who has said something.
    select known.state, known.since
    from checkout
    cross join lateral fb_ads.newest_consent(null, checkout.browser_digest) as known
    where choice.is_trusted or not exists (select from own)
    union all
    select choice.consent, choice.consent_at
    where choice.is_trusted or not exists (select from own)
  )
  select said.consent, said.since
  from (
    select said.consent, said.since from said where said.consent is not null
    union all
    select null, null
  ) as said
  order by said.consent is null, said.since desc, said.consent
  limit 1;
$$;

comment on function fb_ads.consent_of_sale(text, fb_ads.checkout_choice) is
  'The consent that a Purchase carries: the newest of its user, of the browser of its checkout and of the checkout; '
  'where the checkout is an anonymous claim, the user''s alone if there is one. One row; nulls where nobody said '
  'anything.';
