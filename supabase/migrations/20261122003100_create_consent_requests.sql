-- Giving and withdrawing consent. Withdrawal takes back what still waits.
-- What is being sent at that moment cannot be called back; its outcome is recorded, and it is never sent again.

create function fb_ads.finish_events(event_row_ids bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  checkout_ids bigint[];
begin
  -- Two pixels' outcomes may be written at the same moment: whoever comes second then sees the first's. Checkouts too, in one order.
  perform from fb_ads.conversion_events as event
  where event.id = any (event_row_ids || array(
    select purchase.checkout_event_id from fb_ads.conversion_events as purchase
    where purchase.id = any (event_row_ids) and purchase.checkout_event_id is not null
  ))
  order by event.id
  for no key update;
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
  -- A statement of its own: the checkout may have been finished by the one above.
  update fb_ads.conversion_events as checkout
  set browser_data = null
  where checkout.id = any (checkout_ids) and checkout.browser_data is not null;
end;
$$;

revoke execute on function fb_ads.finish_events(bigint[]) from public, anon, authenticated;
grant execute on function fb_ads.finish_events(bigint[]) to service_role;
comment on function fb_ads.finish_events(bigint[]) is
  'Marks the events of which no delivery is open any more, and deletes what they hold in clear; a checkout keeps it for its Purchase.';

create function fb_ads.suppress_events(event_row_ids bigint[])
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  suppressed bigint;
begin
  -- In one order, and first: what a sender takes up or reports at this moment is then seen as it has become.
  perform from fb_ads.event_deliveries as delivery
  where delivery.event_row_id = any (event_row_ids)
  order by delivery.event_row_id, delivery.pixel_id
  for no key update;

  update fb_ads.event_deliveries as delivery
  set state = 'suppressed', lease_id = null, lease_until = null, reason = 'no_consent'
  where delivery.event_row_id = any (event_row_ids) and delivery.state in ('pending', 'blocked', 'dead');
  get diagnostics suppressed = row_count;

  with stripped as (
    update fb_ads.conversion_events as event
    set state = 'suppressed', consent = 'denied', consent_at = now(), content = null, user_data = null, browser_data = null,
      person_digests = null, user_digest = null, browser_digest = null, final_at = coalesce(event.final_at, now()), lease_id = null
    where event.id = any (event_row_ids)
      -- What one pixel has, or is just being given, stays as it is until its retention.
      and not exists (
        select from fb_ads.event_deliveries as delivery
        where delivery.event_row_id = event.id and delivery.state in ('sent', 'sending')
      )
    returning event.id
  )
  update fb_ads.conversion_events as event
  set consent = 'denied', consent_at = now(),
    -- A row under way keeps what it needs to be put together again.
    browser_data = case
      when exists (
        select from fb_ads.event_deliveries as delivery where delivery.event_row_id = event.id and delivery.state = 'sending'
      ) then event.browser_data
    end
  where event.id = any (event_row_ids) and not exists (select from stripped where stripped.id = event.id);
  -- What one pixel has and another will not get is over.
  perform fb_ads.finish_events(event_row_ids);
  return suppressed;
end;
$$;

revoke execute on function fb_ads.suppress_events(bigint[]) from public, anon, authenticated;
grant execute on function fb_ads.suppress_events(bigint[]) to service_role;
comment on function fb_ads.suppress_events(bigint[]) is
  'Takes what waits of these events out of the outbox for want of consent and deletes what they say of the person; returns how many deliveries that were.';

create function fb_ads.suppress_subjects(digests text[])
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  event_row_ids bigint[];
begin
  select array_agg(event.id)
  into event_row_ids
  from fb_ads.conversion_events as event
  cross join lateral fb_ads.newest_consent(event.user_digest, event.browser_digest) as newest
  where (event.user_digest = any (digests) or event.browser_digest = any (digests))
    and (event.final_at is null or event.browser_data is not null)
    and newest.state = 'denied';
  if event_row_ids is null then
    return 0;
  end if;
  return fb_ads.suppress_events(event_row_ids);
end;
$$;

revoke execute on function fb_ads.suppress_subjects(text[]) from public, anon, authenticated;
grant execute on function fb_ads.suppress_subjects(text[]) to service_role;
comment on function fb_ads.suppress_subjects(text[]) is 'Suppresses what waits of these users and browsers where their newest consent is a denial.';

create function public.fb_store_consent(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  said_at timestamptz := least(now(), coalesce(to_timestamp((request ->> 'since')::double precision), now()));
  visitor text;
  limited text;
  suppressed bigint := 0;
begin
  -- A row that a stranger can write counts like an event.
  if request ->> 'origin' = 'browser' then
    visitor := fb_ads.visitor_of(request ->> 'visitor');
    limited := fb_ads.exceeded_event_limit(visitor, 1);
    if limited is not null then
      return jsonb_build_object('limited', limited);
    end if;
  end if;
  insert into fb_ads.consents (subject_kind, subject, state, since, source)
  select said.subject_kind, said.subject, request ->> 'state', said_at, coalesce(request ->> 'source', 'request')
  -- In the order of fb_ads.note_consents, so that neither waits for the other.
  from (values ('browser', request ->> 'browser_digest'), ('user', request ->> 'user_digest')) as said (subject_kind, subject)
  where said.subject is not null
  on conflict on constraint consents_key do nothing;
  if request ->> 'state' = 'denied' then
    insert into fb_ads.consents (subject_kind, subject, state, since, source)
    select later.*
    from (values ('browser', request ->> 'browser_digest'), ('user', request ->> 'user_digest')) as said (subject_kind, subject)
    cross join lateral fb_ads.later_grant(said.subject_kind, said.subject, said_at) as later
    on conflict on constraint consents_key do nothing;
    suppressed := fb_ads.suppress_subjects(array_remove(array[request ->> 'user_digest', request ->> 'browser_digest'], null));
  end if;
  if visitor is not null then
    perform fb_ads.count_events(visitor, 1);
  end if;
  return jsonb_build_object('suppressed', suppressed);
end;
$$;

revoke execute on function public.fb_store_consent(jsonb) from public, anon, authenticated;
grant execute on function public.fb_store_consent(jsonb) to service_role;
comment on function public.fb_store_consent(jsonb) is
  'Called by capi-event: keeps {state: granted|denied, since?, source?, user_digest?, browser_digest?, origin?, visitor?}; a withdrawal suppresses what still waits of that user or browser. Returns {suppressed}: deliveries taken back; or {limited: minute|day} and nothing kept.';
