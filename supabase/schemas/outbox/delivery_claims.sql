-- Claiming deliveries: per pixel, under a lease, only what may be sent now.
-- Why the decision is made here and not in the sender: the transaction that hands the event out checks age, consent and
-- the 48 hours, so that nothing too old and nothing withdrawn is ever in a request.

create function fb_ads.rescue_deliveries()
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.event_deliveries as delivery
  set state = 'pending', lease_id = null, lease_until = null, next_attempt_at = now(),
    first_unknown_at = coalesce(delivery.first_unknown_at, delivery.attempted_at), reason = 'outcome_unknown'
  from (
    select lost.event_row_id, lost.pixel_id
    from fb_ads.event_deliveries as lost
    where lost.state = 'sending' and lost.lease_until <= now()
    for update skip locked
  ) as lost
  where delivery.event_row_id = lost.event_row_id and delivery.pixel_id = lost.pixel_id;
$$;

comment on function fb_ads.rescue_deliveries() is
  'Takes deliveries back from senders whose lease ran out. Whether Meta has them is unknown from then on.';

create function fb_ads.decide_delivery(delivery fb_ads.event_deliveries, event fb_ads.conversion_events)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when event.content is null then 'expired'
    when event.event_time
      < now() + interval '2 minutes' - case event.action_source
        when 'physical_store' then interval '62 days'
        else interval '7 days'
      end
      then 'expired'
    when delivery.first_unknown_at <= now() - interval '48 hours' then 'expired'
    when newest.state = 'denied' and newest.since >= coalesce(event.consent_at, '-infinity') then 'suppressed'
    when event.consent = 'denied' then 'suppressed'
    else 'sending'
  end
  from fb_ads.newest_consent(event.user_digest, event.browser_digest) as newest;
$$;

comment on function fb_ads.decide_delivery(fb_ads.event_deliveries, fb_ads.conversion_events) is
  'What becomes of a claimed delivery: sending; expired (Meta''s 7 days, 62 in a shop, less 2 minutes for the '
  'transfer; or 48 hours after an attempt of unknown outcome); suppressed (consent withdrawn since).';

create function fb_ads.claim_candidates(pixels jsonb, most integer)
returns table (event_row_id bigint, pixel_id text, is_probe boolean)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  given record;
begin
  for given in
    select pixel.pixel_id as id, pixel.state
    from fb_ads.pixels as pixel
    where pixel.pixel_id in (
        select wanted.pixel_id from jsonb_populate_recordset(null::fb_ads.pixel_token, pixels) as wanted
      )
      and (pixel.throttled_until is null or pixel.throttled_until <= now())
      and (
        pixel.state = 'open'
        -- One event a tick probes whether a permission is back. Without a token there is nothing to probe.
        or (pixel.blocked_token <> '' and (pixel.probed_at is null or pixel.probed_at <= now() - interval '50 seconds'))
      )
    order by pixel.pixel_id
  loop
    if given.state = 'open' then
      return query
        select delivery.event_row_id, delivery.pixel_id, false
        from fb_ads.event_deliveries as delivery
        where delivery.state = 'pending' and delivery.pixel_id = given.id and delivery.next_attempt_at <= now()
        order by delivery.next_attempt_at
        limit most
        for update skip locked;
    else
      update fb_ads.pixels as pixel
      set probed_at = now()
      where pixel.pixel_id = given.id and (pixel.probed_at is null or pixel.probed_at <= now() - interval '50 seconds');
      continue when not found;
      return query
        select delivery.event_row_id, delivery.pixel_id, true
        from fb_ads.event_deliveries as delivery
        where delivery.state = 'blocked' and delivery.pixel_id = given.id
        -- The newest event, for the oldest may be too old to be sent, and would probe nothing.
        order by delivery.event_row_id desc
        limit 1
        for update skip locked;
    end if;
  end loop;
end;
$$;

comment on function fb_ads.claim_candidates(jsonb, integer) is
  'Locks what is due of each pixel that is open and not throttled, and one '
  'event of each blocked pixel whose probe is due.';

create function public.fb_claim_deliveries(request jsonb)
returns json language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  lease uuid := gen_random_uuid();
  deliveries json;
  settled bigint[];
  unconsented bigint[];
  is_cut boolean;
begin
  perform fb_ads.rescue_deliveries();
  perform fb_ads.resume_pixels(request -> 'pixels');
  -- A worker has little CPU and memory: it gets fewer events where they are very large, but always one.
  with due as materialized (
    select candidate.event_row_id, candidate.pixel_id, candidate.is_probe,
      coalesce(sum(
        case
          when pg_column_compression(event.content) is null then pg_column_size(event.content)
          else octet_length(event.content::text)
        end
          + coalesce(pg_column_size(event.user_data), 0)
      ) over (
        partition by candidate.pixel_id
        order by candidate.place
        rows between unbounded preceding and 1 preceding
      ), 0) < 4000000
        as is_taken
    from fb_ads.claim_candidates(request -> 'pixels', coalesce((request ->> 'limit')::integer, 1000)) with ordinality
      as candidate (event_row_id, pixel_id, is_probe, place)
    join fb_ads.conversion_events as event on event.id = candidate.event_row_id
  ),
  -- Materialized, so that each decision is made once.
  decided as materialized (
    select due.event_row_id, due.pixel_id, due.is_probe, fb_ads.decide_delivery(waiting, event) as decision
    from due
    join fb_ads.event_deliveries as waiting
      on waiting.event_row_id = due.event_row_id and waiting.pixel_id = due.pixel_id
    join fb_ads.conversion_events as event on event.id = due.event_row_id
    where due.is_taken
  ),
  claimed as (
    update fb_ads.event_deliveries as delivery
    set state = decided.decision,
      attempts = delivery.attempts + 1,
      attempted_at = now(),
      lease_id = case decided.decision when 'sending' then lease end,
      lease_until = case decided.decision when 'sending' then now() + interval '90 seconds' end,
      reason = case decided.decision
        when 'sending' then delivery.reason
        when 'suppressed' then 'no_consent'
        else case
          when delivery.first_unknown_at <= now() - interval '48 hours' then 'outcome_unknown'
          else 'event_too_old'
        end
      end
    from decided
    where delivery.event_row_id = decided.event_row_id and delivery.pixel_id = decided.pixel_id
    returning delivery.event_row_id, delivery.pixel_id, delivery.state, delivery.first_unknown_at, decided.is_probe
  )
  select
    -- As json: jsonb_agg takes seconds for a long list, and this function does not look into it.
    json_agg(json_build_object(
      'event_row_id', event.id, 'pixel_id', claimed.pixel_id, 'is_probe', claimed.is_probe,
      'is_repeat', claimed.first_unknown_at is not null,
      'event_name', event.event_name, 'event_id', event.event_id,
      'event_time', floor(extract(epoch from event.event_time)), 'content', event.content,
      'user_data', coalesce(event.user_data, '{}') || coalesce(event.browser_data, '{}'),
      'test_event_code', event.test_event_code
    ) order by event.id) filter (where claimed.state = 'sending'),
    array_agg(event.id) filter (where claimed.state <> 'sending'),
    array_agg(event.id) filter (where claimed.state = 'suppressed'),
    (select not coalesce(bool_and(due.is_taken), true) from due)
  into deliveries, settled, unconsented, is_cut
  from claimed
  join fb_ads.conversion_events as event on event.id = claimed.event_row_id;

  if unconsented is not null then
    perform fb_ads.suppress_events(unconsented);
  end if;
  if settled is not null then
    perform fb_ads.finish_events(settled);
  end if;
  return json_build_object(
    'lease_id', lease, 'deliveries', coalesce(deliveries, '[]'::json), 'settled', coalesce(cardinality(settled), 0),
    'is_cut', is_cut
  );
end;
$$;

comment on function public.fb_claim_deliveries(jsonb) is
  'Called by capi-event with {pixels: [{pixel_id, token_fingerprint}], limit?}: leases what is due for 90 s and '
  'returns {lease_id, deliveries, settled, is_cut}; is_cut: more is due than 4 MB. What is too old or has no consent '
  'any more is settled here, and counted instead of returned.';

create function public.fb_renew_deliveries(request jsonb)
returns jsonb language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with renewed as (
    update fb_ads.event_deliveries as delivery
    set lease_until = now() + interval '90 seconds'
    where delivery.state = 'sending'
      and delivery.lease_id = (request ->> 'lease_id')::uuid
      and delivery.lease_until > now()
    returning 1
  )
  select jsonb_build_object('held', count(*)) from renewed;
$$;

comment on function public.fb_renew_deliveries(jsonb) is
  'Called by capi-event between two requests to Meta with {lease_id}: the lease lasts 90 s more. Returns {held}; 0 '
  'means that it was lost and nothing more may be sent under it.';
