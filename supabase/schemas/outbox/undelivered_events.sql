-- What a person looks at and does about events that do not go out.
-- Operator: select * from fb_ads.undelivered_events; then, once the cause is mended: select
-- public.fb_replay_deliveries();

create view fb_ads.undelivered_events with (security_invoker = true) as
select
  event.event_name,
  event.event_id,
  event.event_time,
  delivery.pixel_id,
  delivery.state,
  delivery.reason,
  delivery.code,
  delivery.subcode,
  delivery.fbtrace_id,
  delivery.attempts,
  delivery.next_attempt_at,
  event.transaction_ref,
  event.received_at
from fb_ads.event_deliveries as delivery
join fb_ads.conversion_events as event on event.id = delivery.event_row_id
where delivery.state in ('blocked', 'dead')
  or (delivery.state = 'pending' and delivery.attempts > 0);

comment on view fb_ads.undelivered_events is
  'Events that Meta has not taken, with the reason: dead (refused; send again with fb_replay_deliveries once mended), '
  'blocked (goes by itself once token or permission are back) and pending (tried, goes again at next_attempt_at).';
comment on column fb_ads.undelivered_events.event_name is 'Meta''s event_name.';
comment on column fb_ads.undelivered_events.event_id is 'Meta''s event_id; of a transaction its reference.';
comment on column fb_ads.undelivered_events.event_time is
  'When it happened. Meta takes nothing older than 7 days (62 in a shop).';
comment on column fb_ads.undelivered_events.pixel_id is 'Where it should go.';
comment on column fb_ads.undelivered_events.state is 'blocked, dead or pending.';
comment on column fb_ads.undelivered_events.reason is 'Our word for why.';
comment on column fb_ads.undelivered_events.code is 'Meta''s error code.';
comment on column fb_ads.undelivered_events.subcode is 'Meta''s error_subcode.';
comment on column fb_ads.undelivered_events.fbtrace_id is 'Meta''s trace id: what its support asks for.';
comment on column fb_ads.undelivered_events.attempts is 'How often it was tried.';
comment on column fb_ads.undelivered_events.next_attempt_at is 'When a pending one goes again.';
comment on column fb_ads.undelivered_events.transaction_ref is 'The transaction of a Purchase; null for other events.';
comment on column fb_ads.undelivered_events.received_at is 'When it came in.';

create function public.fb_replay_deliveries(request jsonb default '{}')
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  replayed bigint;
begin
  -- The lock makes Postgres check each row again: what was claimed, erased or withdrawn at this moment stays as it is.
  with chosen as materialized (
    select delivery.event_row_id, delivery.pixel_id, event.state = 'refused' as is_refused
    from fb_ads.event_deliveries as delivery
    join fb_ads.conversion_events as event on event.id = delivery.event_row_id
    where delivery.state in ('dead', 'blocked')
      and (request -> 'states' is null or request -> 'states' ? delivery.state)
      and (request ->> 'pixel_id' is null or delivery.pixel_id = request ->> 'pixel_id')
      and (request ->> 'reason' is null or delivery.reason = request ->> 'reason')
      and (request ->> 'event_name' is null or event.event_name = request ->> 'event_name')
      and (request -> 'event_ids' is null or request -> 'event_ids' ? event.event_id)
    order by delivery.event_row_id, delivery.pixel_id
    for no key update of delivery
  ),
  -- A purchase whose snapshot was refused is read from the host again.
  without_snapshot as (
    delete from fb_ads.event_deliveries as delivery
    where delivery.event_row_id in (select chosen.event_row_id from chosen where chosen.is_refused)
    returning delivery.event_row_id
  ),
  waiting as (
    update fb_ads.conversion_events as event
    set state = 'waiting', not_before = now(), attempts = 0, lease_id = null
    where event.id in (select without_snapshot.event_row_id from without_snapshot)
  ),
  pending as (
    update fb_ads.event_deliveries as delivery
    set state = 'pending', next_attempt_at = now(), attempts = 0
    from chosen
    where delivery.event_row_id = chosen.event_row_id and delivery.pixel_id = chosen.pixel_id and not chosen.is_refused
    returning delivery.pixel_id
  ),
  opened as (
    update fb_ads.pixels as pixel
    set state = 'open', blocked_at = null, blocked_token = null, probed_at = null, updated_at = now()
    where pixel.state = 'blocked' and pixel.pixel_id in (select pending.pixel_id from pending)
  )
  select (select count(*) from without_snapshot) + (select count(*) from pending) into replayed;
  return jsonb_build_object('replayed', replayed);
end;
$$;

comment on function public.fb_replay_deliveries(jsonb) is
  'For the operator: sends dead and blocked events again with the next tick. All of them, or those of {states?, '
  'pixel_id?, reason?, event_name?, event_ids?}. Returns {replayed}. Age, consent and the 48 hours after an attempt '
  'of unknown outcome still hold.';
