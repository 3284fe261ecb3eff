-- Deliveries: one row an event and pixel.
-- Why apart from the events: each pixel has its own token, its own throttling and its own answer.

create table fb_ads.event_deliveries (
  event_row_id bigint not null references fb_ads.conversion_events (id) on delete cascade,
  pixel_id text not null,
  state text not null default 'pending',
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  attempted_at timestamptz,
  first_unknown_at timestamptz,
  lease_id uuid,
  lease_until timestamptz,
  sent_at timestamptz,
  code integer,
  subcode integer,
  fbtrace_id text,
  reason text,
  created_at timestamptz not null default now(),
  primary key (event_row_id, pixel_id),
  constraint pixel_id_is_digits check (pixel_id ~ '^[0-9]{1,20}$'),
  constraint state_is_known check (state in ('pending', 'sending', 'sent', 'suppressed', 'expired', 'blocked', 'dead')),
  constraint sending_has_a_lease check (
    (state = 'sending') = (lease_id is not null)
    and (lease_id is null) = (lease_until is null)
  ),
  constraint sent_has_sent_at check ((state = 'sent') = (sent_at is not null)),
  constraint dead_has_a_reason check (state <> 'dead' or reason is not null)
);

comment on table fb_ads.event_deliveries is
  'The outbox: where each event stands with each pixel. Rows go with their event.';
comment on column fb_ads.event_deliveries.event_row_id is 'The event (fb_ads.conversion_events.id).';
comment on column fb_ads.event_deliveries.pixel_id is
  'Meta''s id of the pixel (now also called dataset) that it goes to.';
comment on column fb_ads.event_deliveries.state is
  'pending; sending (under a lease); sent; suppressed: no consent; expired: too old for Meta, or too old to be '
  'repeated without counting twice; blocked: the pixel''s token or permission is dead, waits for a new one; dead: '
  'Meta refuses this event.';
comment on column fb_ads.event_deliveries.attempts is 'How often it was taken up to be sent.';
comment on column fb_ads.event_deliveries.next_attempt_at is 'Not to be sent before.';
comment on column fb_ads.event_deliveries.attempted_at is 'When it was last taken up to be sent.';
comment on column fb_ads.event_deliveries.first_unknown_at is
  'First attempt of which nobody knows whether Meta took the event (time-out, 5xx, a killed sender). Never sent again '
  'later than 48 hours after: until then Meta recognises a copy.';
comment on column fb_ads.event_deliveries.lease_id is 'Who is sending it; an outcome with another lease is refused.';
comment on column fb_ads.event_deliveries.lease_until is
  'Until when the lease holds; after it the attempt counts as one of unknown outcome.';
comment on column fb_ads.event_deliveries.sent_at is 'When Meta confirmed it.';
comment on column fb_ads.event_deliveries.code is 'Meta''s error code of the last refusal.';
comment on column fb_ads.event_deliveries.subcode is 'Meta''s error_subcode of the last refusal.';
comment on column fb_ads.event_deliveries.fbtrace_id is
  'Meta''s trace id of the last answer: what its support asks for.';
comment on column fb_ads.event_deliveries.reason is
  'Our word for the last refusal, such as token_dead, event_too_old, not_enough_user_data, outcome_unknown.';
comment on column fb_ads.event_deliveries.created_at is 'When the event was stored for this pixel.';

create index event_deliveries_pending_idx on fb_ads.event_deliveries (pixel_id, next_attempt_at)
  where state = 'pending';
create index event_deliveries_sending_idx on fb_ads.event_deliveries (lease_until) where state = 'sending';
create index event_deliveries_stuck_idx on fb_ads.event_deliveries (state, pixel_id, event_row_id)
  where state in ('blocked', 'dead');

alter table fb_ads.event_deliveries enable row level security;

create function fb_ads.finish_events(event_row_ids bigint[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  involved_ids bigint[] := event_row_ids || array(
    select purchase.checkout_event_id from fb_ads.conversion_events as purchase
    where purchase.id = any (event_row_ids) and purchase.checkout_event_id is not null
  );
begin
  -- Two pixels' outcomes may be written at the same moment: the second then sees the first. Checkouts too, in one
  -- order.
  perform from fb_ads.conversion_events as event
  where event.id = any (involved_ids)
  order by event.id
  for no key update;
<<<<<<< HEAD
  with finished as (
    update fb_ads.conversion_events as event
    set final_at = now(),
      browser_data = case when event.event_name = 'InitiateCheckout' then event.browser_data end
    where event.id = any (event_row_ids) and event.final_at is null
      and not exists (
        select from fb_ads.event_deliveries as delivery
        where delivery.event_row_id = event.id and delivery.state not in ('sent', 'suppressed', 'expired')
      )
    returning event.event_name, event.checkout_event_id
  )
  select array_agg(finished.checkout_event_id) into checkout_ids from finished where finished.event_name = 'Purchase';
  -- A separate statement, for the one above may have finished the checkout.
  update fb_ads.conversion_events as checkout
=======
  update fb_ads.conversion_events as event
  set final_at = now()
  where event.id = any (event_row_ids) and event.final_at is null
    and not exists (
      select from fb_ads.event_deliveries as delivery
      where delivery.event_row_id = event.id and delivery.state not in ('sent', 'suppressed', 'expired')
    );
  -- A statement of its own, so that it sees what is final. Whoever still needs the browser data keeps it: the event's
  -- own deliveries, and the Purchase of a checkout.
  update fb_ads.conversion_events as event
>>>>>>> 28ff721
  set browser_data = null
  where event.id = any (involved_ids) and event.browser_data is not null and event.final_at is not null
    and (
      event.event_name <> 'InitiateCheckout'
      or exists (
        select from fb_ads.conversion_events as purchase
        where purchase.checkout_event_id = event.id and purchase.final_at is not null
      )
    );
end;
$$;

comment on function fb_ads.finish_events(bigint[]) is
<<<<<<< HEAD
  'Marks the events without an open delivery as final, and deletes what they '
  'hold in clear; a checkout keeps it for its Purchase.';
=======
  'Marks the events of which no delivery is open any more, and deletes what they hold in clear once nobody needs it: a '
  'checkout keeps it until its own deliveries and its Purchase are final.';
>>>>>>> 28ff721
