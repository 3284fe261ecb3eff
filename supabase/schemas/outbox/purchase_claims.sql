-- From the bare key of a purchase to what is sent: the function claims the keys, reads the sale and its checkout, and
-- stores a snapshot of the content.
-- Why two calls: TypeScript normalises and hashes, and the snapshot must not change between two attempts.

create function fb_ads.claim_waiting_purchases(lease_id uuid, pixel_ids text[], most integer)
returns text[] language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  refs text[];
begin
  with due as (
    select event.id
    from fb_ads.conversion_events as event
    where event.state = 'waiting' and event.not_before <= now()
    order by event.not_before
    limit most
    for update skip locked
  ),
  claimed as (
    update fb_ads.conversion_events as event
    set state = case
        when event.event_time < now() - interval '7 days' + interval '2 minutes' then 'expired'
        else 'waiting'
      end,
      final_at = case when event.event_time < now() - interval '7 days' + interval '2 minutes' then now() end,
      attempts = event.attempts + 1,
      lease_id = claim_waiting_purchases.lease_id,
      not_before = now() + interval '90 seconds'
    from due
    where event.id = due.id
    returning event.id, event.state, event.transaction_ref
  ),
  expired as (
    insert into fb_ads.event_deliveries (event_row_id, pixel_id, state, reason)
    select claimed.id, pixel.id, 'expired', 'event_too_old'
    from claimed
    cross join unnest(pixel_ids) as pixel (id)
    where claimed.state = 'expired'
  )
  select array_agg(claimed.transaction_ref) into refs from claimed where claimed.state = 'waiting';
  return coalesce(refs, '{}');
end;
$$;

comment on function fb_ads.claim_waiting_purchases(uuid, text[], integer) is
  'Leases keys of purchases that need a snapshot and returns their '
  'references; those older than Meta takes become expired.';

create function fb_ads.settle_purchases_without_snapshot(
  lease uuid,
  pixel_ids text[],
  require_consent boolean,
  found_sales jsonb
)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with sales as (
    select (found_sale ->> 'id')::bigint as id, found_sale ->> 'consent' as consent,
      (found_sale ->> 'consent_at')::timestamptz as consent_at, found_sale #>> '{sale,order_id}' as order_id,
      (found_sale #>> '{sale,completed_at}')::timestamptz as completed_at
    from jsonb_array_elements(found_sales) as found_sale
  ),
  suppressed as (
    update fb_ads.conversion_events as event
    set state = 'suppressed', checkout_event_id = null, consent = sales.consent, consent_at = sales.consent_at,
      order_id = sales.order_id, event_time = sales.completed_at, final_at = now(), lease_id = null
    from sales
    where event.id = sales.id and event.lease_id = lease
      and (sales.consent = 'denied' or (sales.consent is null and require_consent))
    returning event.id
  ),
  counted as (
    insert into fb_ads.event_deliveries (event_row_id, pixel_id, state, reason)
    select suppressed.id, pixel.id, 'suppressed', 'no_consent'
    from suppressed
    cross join unnest(pixel_ids) as pixel (id)
  )
  -- A sale that is not in the view, or not paid (any more), is read again, less and less often, until it is too old.
  update fb_ads.conversion_events as event
  set lease_id = null,
    not_before = now() + least(interval '1 hour', interval '30 seconds' * power(2, least(event.attempts, 8)))
  where event.lease_id = lease and event.state = 'waiting' and not exists (select from sales where sales.id = event.id);
$$;

comment on function fb_ads.settle_purchases_without_snapshot(uuid, text[], boolean, jsonb) is
  'Of the claimed purchases: suppresses those without consent (nothing of the person is kept) and puts off those that '
  'the host does not show as paid.';

create function fb_ads.claimed_sales(lease uuid, refs text[])
returns table (id bigint, sale jsonb, paid_at timestamptz, user_digest text, choice fb_ads.checkout_choice)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select event.id, found_sale.sale, known.paid_at, known.user_digest, choice
  from (
    select distinct on (listed.sale ->> 'transaction_ref') listed.sale
    from fb_ads.find_purchases(refs) as listed (sale)
    where (listed.sale ->> 'is_completed')::boolean
  ) as found_sale
  join fb_ads.conversion_events as event
    on event.event_name = 'Purchase'
      and event.event_id = found_sale.sale ->> 'transaction_ref'
      and event.lease_id = lease
  cross join lateral (
    select
      coalesce((found_sale.sale ->> 'completed_at')::timestamptz, event.event_time),
      fb_ads.digest_of(found_sale.sale ->> 'user_ref')
  ) as known (paid_at, user_digest)
  cross join lateral fb_ads.choose_checkout(
    event.id, known.user_digest, fb_ads.person_digests_of_sale(found_sale.sale),
    fb_ads.order_ids_of_sale(found_sale.sale), (found_sale.sale ->> 'checkout_at')::timestamptz, known.paid_at
  ) as choice;
$$;

comment on function fb_ads.claimed_sales(uuid, text[]) is
  'The paid sales behind leased purchases, each with its verified user and the checkout that fits it.';

create function fb_ads.assign_checkouts(lease uuid, refs text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with first_claim as (
    -- A checkout that several sales of this batch could use: the sale that it names, else the one paid first.
    select distinct on ((claimed.choice).checkout_id) claimed.id, (claimed.choice).checkout_id
    from fb_ads.claimed_sales(lease, refs) as claimed
    join fb_ads.conversion_events as checkout on checkout.id = (claimed.choice).checkout_id
    order by
      (claimed.choice).checkout_id,
      coalesce(checkout.order_id = any (fb_ads.order_ids_of_sale(claimed.sale)), false) desc,
      claimed.paid_at, claimed.id
  )
  update fb_ads.conversion_events as purchase
  set checkout_event_id = first_claim.checkout_id
  from first_claim
  where purchase.id = first_claim.id and purchase.checkout_event_id is distinct from first_claim.checkout_id;
$$;

comment on function fb_ads.assign_checkouts(uuid, text[]) is
  'Writes which checkout each leased purchase uses, so that no other may.';

create function public.fb_claim_purchases(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  lease uuid := gen_random_uuid();
  pixel_ids text[] := array(select jsonb_array_elements_text(request -> 'pixel_ids'));
  require_consent boolean := (request ->> 'require_consent')::boolean;
  refs text[];
  found_sales jsonb;
begin
  refs := fb_ads.claim_waiting_purchases(lease, pixel_ids, coalesce((request ->> 'limit')::integer, 200));
  if cardinality(refs) = 0 then
    return jsonb_build_object('lease_id', lease, 'purchases', '[]'::jsonb, 'claimed', 0);
  end if;

  -- One claim at a time, so that no two purchases choose the same checkout.
  perform pg_advisory_xact_lock(hashtext('fb_ads.checkouts'));
  perform fb_ads.assign_checkouts(lease, refs);

  -- As json: jsonb_agg takes seconds for a checkout with a list of some thousand items.
  select json_agg(json_build_object(
    'id', claimed.id,
    'sale', claimed.sale || jsonb_build_object('completed_at', claimed.paid_at),
    'checkout', case when checkout.content is not null then jsonb_build_object(
      'id', checkout.id, 'event_name', checkout.event_name, 'event_id', checkout.event_id,
      'event_time', floor(extract(epoch from checkout.event_time)), 'content', checkout.content,
      'user_data', coalesce(checkout.user_data, '{}') || coalesce(checkout.browser_data, '{}')
    ) end,
    'user_digest', coalesce(claimed.user_digest, checkout.user_digest),
    'browser_digest', checkout.browser_digest,
    'consent', decision.consent, 'consent_at', decision.since
  ))::jsonb
  into found_sales
  from fb_ads.claimed_sales(lease, refs) as claimed
  left join fb_ads.conversion_events as checkout on checkout.id = (claimed.choice).checkout_id
  cross join lateral fb_ads.consent_of_sale(
    coalesce(claimed.user_digest, checkout.user_digest), claimed.choice
  ) as decision;

  perform fb_ads.settle_purchases_without_snapshot(lease, pixel_ids, require_consent, coalesce(found_sales, '[]'));
  return jsonb_build_object(
    'lease_id', lease,
    'claimed', cardinality(refs),
    'purchases', coalesce((
      select json_agg(found_sale)::jsonb
      from jsonb_array_elements(found_sales) as found_sale
      where found_sale ->> 'consent' = 'granted' or (found_sale ->> 'consent' is null and not require_consent)
    ), '[]'::jsonb)
  );
end;
$$;

comment on function public.fb_claim_purchases(jsonb) is
  'Called by capi-event with {pixel_ids, require_consent, limit?}: leases purchases that need a snapshot (90 s) and '
  'returns {lease_id, claimed, purchases} with the sale in clear, its checkout and consent. Those without consent are '
  'suppressed here and not returned.';

create function public.fb_snapshot_purchases(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  snapshots bigint;
begin
  with given as (
    select *
    from jsonb_to_recordset(request -> 'purchases') as given (
      id bigint, event_time double precision, action_source text, content jsonb, user_data jsonb, browser_data jsonb,
      order_id text, user_digest text, browser_digest text, person_digests text[],
      consent text, consent_at timestamptz, refused text
    )
  ),
  written as (
    update fb_ads.conversion_events as event
    set state = case
        when given.refused is null then 'stored'
        when given.refused = 'event_too_old' then 'expired'
        else 'refused'
      end,
      event_time = coalesce(to_timestamp(given.event_time), event.event_time), action_source = given.action_source,
      content = given.content, user_data = nullif(given.user_data, '{}'),
      browser_data = nullif(given.browser_data, '{}'), order_id = given.order_id,
      user_digest = given.user_digest,
      browser_digest = given.browser_digest, person_digests = nullif(given.person_digests, '{}'),
      consent = given.consent, consent_at = given.consent_at, lease_id = null,
      final_at = case when given.refused = 'event_too_old' then now() end
    from given
    where event.id = given.id and event.state = 'waiting' and event.lease_id = (request ->> 'lease_id')::uuid
    returning event.id, event.state, given.refused
  ),
  delivered as (
    insert into fb_ads.event_deliveries (event_row_id, pixel_id, state, reason)
    select
      written.id, pixel.id,
      case written.state when 'stored' then 'pending' when 'expired' then 'expired' else 'dead' end,
      written.refused
    from written
    cross join jsonb_array_elements_text(request -> 'pixel_ids') as pixel (id)
  )
  select count(*) into snapshots from written;
  return jsonb_build_object('stored', snapshots);
end;
$$;

comment on function public.fb_snapshot_purchases(jsonb) is
  'Called by capi-event with {lease_id, pixel_ids, purchases}: writes the snapshots of claimed purchases, which never '
  'change again, and makes their deliveries; one with refused (a reason) becomes a dead letter, or expired where the '
  'reason is event_too_old. Rows that another lease holds by now are left alone. Returns {stored}.';
