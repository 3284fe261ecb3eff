-- The sale as attribution sees it: when, how much, how much of it was taken back, and every digest by which a
-- touchpoint may belong to it.
-- Why through find_purchases: it is the one way to the host's tables, by their own key index.

create function fb_ads.digests_in(value jsonb)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case jsonb_typeof(value)
    when 'string' then array[lower(left(value #>> '{}', 64))]
    when 'array' then array(select distinct lower(left(digest, 64)) from jsonb_array_elements_text(value) as digest)
    else '{}'
  end;
$$;

comment on function fb_ads.digests_in(jsonb) is
  'Digests in a field of user_data, which is one text or a list of them; without '
  'the suffix that Meta''s parameter builder appends.';

create function fb_ads.reversed_value(status text, value numeric, refunded_amount numeric)
returns numeric language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select least(
    greatest(coalesce(value, 0), 0),
    case
      when lower(status) = any (settings.charged_back_statuses) then greatest(value, 0)
      when coalesce(refunded_amount, 0) > 0 then refunded_amount
      when lower(status) = any (settings.refunded_statuses) then greatest(value, 0)
      else 0
    end
  )
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.reversed_value(text, numeric, numeric) is
  'How much of a sale is taken back: all of it when it was charged back; the refunded amount; all of it when its '
  'status says refunded and no amount is known. Never more than it was worth.';

create function fb_ads.is_sale(sale jsonb)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce((sale ->> 'is_completed')::boolean, false)
    or lower(sale ->> 'status') = any (settings.refunded_statuses || settings.charged_back_statuses)
  from fb_ads.settings as settings;
$$;

comment on function fb_ads.is_sale(jsonb) is
  'Whether a row of fb_ads.purchases that was once paid counts as a sale: it is paid, refunded or charged back.';

create type fb_ads.sale as (
  transaction_ref text,
  user_ref text,
  user_id uuid,
  transaction_id uuid,
  source text,
  completed_at timestamptz,
  checkout_at timestamptz,
  conversion_value numeric,
  currency text,
  reversed_value numeric,
  is_denied boolean,
  is_unconsented boolean,
  user_digest text,
  browser_digest text,
  fbc_digest text,
  email_digests text[],
  phone_digests text[]
);

comment on type fb_ads.sale is
  'A paid sale with the digests that identify its buyer, browser and click. One attribution works on a list of them.';

create function fb_ads.read_sales(refs text[], digests jsonb)
returns setof fb_ads.sale language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  select distinct on (listed.sale ->> 'transaction_ref')
    listed.sale ->> 'transaction_ref',
    listed.sale ->> 'user_ref',
    (listed.sale ->> 'user_id')::uuid,
    (listed.sale ->> 'transaction_id')::uuid,
    listed.sale ->> 'source',
    paid.at,
    -- The checkout of this very order may begin after the host made the transaction; never after it was paid.
    least(paid.at, coalesce(
      greatest(
        (listed.sale ->> 'checkout_at')::timestamptz,
        case when checkout.order_id = any (paid.order_ids) then checkout.event_time end
      ),
      checkout.event_time, paid.at
    )),
    (listed.sale ->> 'value')::numeric,
    upper(btrim(listed.sale ->> 'currency')),
    coalesce(
      fb_ads.reversed_value(
        listed.sale ->> 'status', (listed.sale ->> 'value')::numeric, (listed.sale ->> 'refunded_amount')::numeric
      ),
      0
    ),
    coalesce(event.state = 'erased', false)
      or coalesce(event.consent, agreed.consent) is not distinct from 'denied',
    coalesce(event.state = 'suppressed' and checkout.state = 'suppressed', false),
    buyer.digest,
    coalesce(event.browser_digest, checkout.browser_digest),
    begun.fbc_digest,
    fb_ads.digests_in(event.user_data -> 'em') || fb_ads.digests_in(given.email_digests)
      || case
        when coalesce(listed.sale ->> 'email', '') like '%@%' then array[fb_ads.digest_of(listed.sale ->> 'email')]
        else '{}'
      end,
    fb_ads.digests_in(event.user_data -> 'ph') || fb_ads.digests_in(given.phone_digests)
  from fb_ads.find_purchases(refs) as listed (sale)
  left join fb_ads.conversion_events as event
    on event.event_name = 'Purchase' and event.event_id = listed.sale ->> 'transaction_ref'
  left join jsonb_to_recordset(digests) as given (transaction_ref text, email_digests jsonb, phone_digests jsonb)
    on given.transaction_ref = listed.sale ->> 'transaction_ref'
  cross join lateral (
    select
      coalesce(
        (listed.sale ->> 'completed_at')::timestamptz, event.event_time, (listed.sale ->> 'checkout_at')::timestamptz
      ),
      fb_ads.order_ids_of_sale(listed.sale),
      fb_ads.digest_of(nullif(btrim(listed.sale ->> 'user_ref'), ''))
  ) as paid (at, order_ids, by_digest)
  cross join lateral fb_ads.choose_checkout(
    event.id, paid.by_digest, fb_ads.person_digests_of_sale(listed.sale), paid.order_ids,
    (listed.sale ->> 'checkout_at')::timestamptz, paid.at
  ) as choice
  left join fb_ads.conversion_events as checkout on checkout.id = choice.checkout_id
  cross join lateral (select coalesce(paid.by_digest, event.user_digest, checkout.user_digest)) as buyer (digest)
  cross join lateral fb_ads.consent_of_sale(buyer.digest, choice) as agreed
  left join fb_ads.checkout_clicks as begun on begun.event_id = checkout.event_id
  where paid.at is not null
    -- A sale that was refunded before its first match counts too: its noted completion proves it.
    and (
      coalesce((listed.sale ->> 'is_completed')::boolean, false)
      or (event.id is not null and fb_ads.is_sale(listed.sale))
    )
  order by listed.sale ->> 'transaction_ref';
$$;

comment on function fb_ads.read_sales(text[], jsonb) is
  'Paid sales by reference, with the digests that identify buyer, browser and click. digests: [{transaction_ref, '
  'email_digests, phone_digests}], worked out by the function where no sent event holds them.';
