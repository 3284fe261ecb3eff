-- The outcomes of a batch of attempts, in one call.
-- Why the same statement asks for the lease: a sender that was slower than its lease must not overwrite what another
-- found.

create function fb_ads.retry_delay(attempts integer)
returns interval language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select least(3600, 15 * power(2, least(greatest(attempts, 1) - 1, 10))) * (0.5 + random()) * interval '1 second';
$$;

comment on function fb_ads.retry_delay(integer) is
  'How long to wait after so many attempts: 15 s, 30 s, 1 min, ... to 1 h, each times 0.5 to 1.5, so that events that '
  'failed together do not come back together.';

create function fb_ads.count_sent_events(event_row_ids bigint[], pixel_ids text[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sent_event_keys as known (date, pixel_id, event_name, key, events)
  select carried.date, carried.pixel_id, carried.event_name, fb_ads.match_key(carried.parameter), sum(carried.events)
  from (
    select
      (event.event_time at time zone 'UTC')::date as date, sent.pixel_id, event.event_name, given.parameter,
      count(*) as events
    from unnest(event_row_ids, pixel_ids) as sent (event_row_id, pixel_id)
    join fb_ads.conversion_events as event on event.id = sent.event_row_id
    cross join lateral (
      select 'event_id'
      union all
      select jsonb_object_keys(coalesce(event.user_data, '{}') || coalesce(event.browser_data, '{}'))
    ) as given (parameter)
    group by (event.event_time at time zone 'UTC')::date, sent.pixel_id, event.event_name, given.parameter
  ) as carried
  group by carried.date, carried.pixel_id, carried.event_name, fb_ads.match_key(carried.parameter)
  -- Locked in one order, so that two senders never deadlock over the counts.
  order by 1, 2, 3, 4
  on conflict (date, pixel_id, event_name, key) do update set events = known.events + excluded.events;
$$;

comment on function fb_ads.count_sent_events(bigint[], text[]) is
  'Counts what the events that a pixel has just confirmed carried; the two lists go in pairs, a pair a delivery. '
  'Called before what they hold in clear is deleted.';

create function public.fb_record_deliveries(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  lease uuid := (request ->> 'lease_id')::uuid;
  recorded bigint;
  settled bigint[];
  sent bigint[];
  sent_to text[];
begin
  with given as (
    select said.pixel_id, said.outcome, said.code, said.subcode, said.fbtrace_id, said.reason, said.may_be_sent,
      event_row.id as event_row_id
    from jsonb_to_recordset(request -> 'outcomes') as said (
      pixel_id text, outcome text, code integer, subcode integer, fbtrace_id text, reason text, may_be_sent boolean,
      event_row_ids bigint[]
    )
    cross join unnest(said.event_row_ids) as event_row (id)
  ),
  -- Locked in one order, so that it never deadlocks with a withdrawal of consent.
  held as materialized (
    select delivery.event_row_id, delivery.pixel_id
    from fb_ads.event_deliveries as delivery
    join given on given.event_row_id = delivery.event_row_id and given.pixel_id = delivery.pixel_id
    where delivery.state = 'sending' and delivery.lease_id = lease
    order by delivery.event_row_id, delivery.pixel_id
    for no key update of delivery
  ),
  written as (
    update fb_ads.event_deliveries as delivery
    set
      state = case
        when given.outcome in ('sent', 'dead', 'expired', 'blocked') then given.outcome
        else 'pending'
      end,
      sent_at = case given.outcome when 'sent' then now() end,
      attempts = delivery.attempts - case given.outcome when 'released' then 1 else 0 end,
      first_unknown_at = case
        when given.outcome = 'unknown' or given.may_be_sent
          then coalesce(delivery.first_unknown_at, delivery.attempted_at)
        else delivery.first_unknown_at
      end,
      next_attempt_at = case
        when given.outcome in ('unknown', 'later') then now() + fb_ads.retry_delay(delivery.attempts)
        else now()
      end,
      code = given.code, subcode = given.subcode,
      fbtrace_id = coalesce(given.fbtrace_id, delivery.fbtrace_id),
      reason = case given.outcome when 'released' then delivery.reason else given.reason end,
      lease_id = null, lease_until = null
    from given
    join held on held.event_row_id = given.event_row_id and held.pixel_id = given.pixel_id
    where delivery.event_row_id = held.event_row_id and delivery.pixel_id = held.pixel_id
      and delivery.state = 'sending' and delivery.lease_id = lease
    returning delivery.event_row_id, delivery.pixel_id, delivery.state
  )
  select
    count(*),
    array_agg(written.event_row_id) filter (where written.state in ('sent', 'expired')),
    array_agg(written.event_row_id) filter (where written.state = 'sent'),
    array_agg(written.pixel_id) filter (where written.state = 'sent')
  into recorded, settled, sent, sent_to
  from written;

  if sent is not null then
    perform fb_ads.count_sent_events(sent, sent_to);
  end if;

  perform fb_ads.record_pixels(coalesce(request -> 'pixels', '[]'));
  if settled is not null then
    perform fb_ads.finish_events(settled);
  end if;
  return jsonb_build_object('recorded', recorded);
end;
$$;

comment on function public.fb_record_deliveries(jsonb) is
  'Called by capi-event with {lease_id, outcomes: [{pixel_id, event_row_ids, outcome, code?, subcode?, fbtrace_id?, '
  'reason?, may_be_sent?}], pixels?}: sent, unknown (may be at Meta), later (refused for now), released (not tried), '
  'blocked, dead or expired; with may_be_sent Meta may have it whatever the outcome. Deliveries that another lease '
  'holds by now are left alone. Returns {recorded}.';
