-- The checkout event that a sale began with.

create function fb_ads.find_checkout(user_digest text, order_ids text[], paid_at timestamptz)
returns fb_ads.conversion_events language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with candidates as (
    -- The checkout that carried the order id before the payment: the buyer's own, else the first.
    (
      select checkout.id, 1 as rank
      from fb_ads.conversion_events as checkout
      where checkout.event_name = 'InitiateCheckout' and checkout.order_id = any (order_ids)
        and checkout.event_time <= paid_at
        -- Some hosts keep whole seconds: such a second lasts to its end.
        and checkout.received_at < paid_at + case
          when paid_at = date_trunc('second', paid_at) then interval '1 second'
          else interval '1 microsecond'
        end
        and (
          checkout.user_digest is null
          or find_checkout.user_digest is null
          or checkout.user_digest = find_checkout.user_digest
        )
      order by coalesce(checkout.user_digest = find_checkout.user_digest, false) desc, checkout.received_at, checkout.id
      limit 1
    )
    union all
    (
      select checkout.id, 2
      from fb_ads.conversion_events as checkout, fb_ads.settings as settings
      where checkout.event_name = 'InitiateCheckout' and checkout.user_digest = find_checkout.user_digest
        and checkout.event_time between paid_at - settings.checkout_window and paid_at
      order by checkout.event_time desc, checkout.id desc
      limit 1
    )
  )
  select checkout
  from candidates
  join fb_ads.conversion_events as checkout on checkout.id = candidates.id
  order by candidates.rank
  limit 1;
$$;

comment on function fb_ads.find_checkout(text, text[], timestamptz) is
  'The checkout event of a sale: the one that carried its order id before payment, never a different verified '
  'user''s; failing that the same user''s latest within settings.checkout_window before payment. A row of nulls where '
  'there is none.';
