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
  current_value numeric,
  reversed_value numeric,
  net_value numeric,
  reversal_reason text,
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
    coalesce((event.content #>> '{custom_data,value}')::numeric, worth.current_value),
    upper(btrim(listed.sale ->> 'currency')),
    worth.current_value,
    worth.reversed_value,
    worth.net_value,
    worth.reversal_reason,
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
  cross join lateral fb_ads.worth_of_sale(listed.sale) as worth
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
    -- A sale whose status has moved on before its first match is one too: its noted completion proves it.
    and (
      coalesce((listed.sale ->> 'is_completed')::boolean, false)
      or (event.id is not null and fb_ads.is_sale(listed.sale))
    )
  order by listed.sale ->> 'transaction_ref';
$$;

comment on function fb_ads.read_sales(text[], jsonb) is
  'Paid sales by reference, with the digests that identify buyer, browser and click. digests: [{transaction_ref, '
  'email_digests, phone_digests}], worked out by the function where no sent event holds them.';
