-- Taking events in: one call stores a batch.

create function public.fb_store_events(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  statuses jsonb;
  denied_digests text[];
begin
  perform fb_ads.note_consents(request);

  with decided as (
    select
      given.*,
      decision.consent as effective_consent,
      decision.since as effective_since,
      coalesce(
        decision.consent = 'granted'
          or (decision.consent is null and not (request ->> 'require_consent')::boolean),
        false
      )
        as is_agreed
    from fb_ads.given_events(request) as given
    cross join lateral fb_ads.newest_consent(given.user_digest, given.browser_digest) as known
    cross join lateral (
      select
        case
          when given.consent = 'denied' or known.state is null then given.consent
          when given.consent is null then known.state
          when known.state = 'denied' and known.since >= given.consent_at then 'denied'
          else 'granted'
        end,
        coalesce(greatest(given.consent_at, known.since), given.consent_at)
    ) as decision (consent, since)
  ),
  -- The key decides: twenty copies at once make one row. Inserted in one order, so that two batches never deadlock.
  stored as (
    insert into fb_ads.conversion_events as event (
      event_name, event_id, event_time, action_source, content, user_data, browser_data, origin, state, order_id,
      user_digest, browser_digest, person_digests, consent, consent_at, test_event_code, final_at
    )
    select
      decided.event_name, decided.event_id, decided.event_time, decided.action_source,
      case when decided.is_agreed then decided.content end,
      case when decided.is_agreed then decided.user_data end,
      case
        when not decided.is_agreed then null
        when decided.fbc_is_built then fb_ads.with_first_click_time(decided.browser_data, decided.browser_digest)
        else nullif(decided.browser_data, '{}')
      end,
      request ->> 'origin',
      case when decided.is_agreed then 'stored' else 'suppressed' end,
      decided.order_id,
      case when decided.is_agreed then decided.user_digest end,
      case when decided.is_agreed then decided.browser_digest end,
      case when decided.is_agreed then nullif(decided.person_digests, '{}') end,
      decided.effective_consent, decided.effective_since, decided.test_event_code,
      case when not decided.is_agreed then now() end
    from decided
    where decided.may_be_sent
      -- Without consent only what a sale looks for is kept: a Purchase's key, and a checkout's order.
      and (decided.is_agreed or decided.event_name = 'Purchase' or decided.order_id is not null)
    order by decided.event_id, decided.event_name, decided.place
    on conflict (event_id, event_name) do nothing
    returning event.id, event.event_name, event.event_id, event.state
  ),
  delivered as (
    insert into fb_ads.event_deliveries (event_row_id, pixel_id, state)
    select stored.id, pixel.id, case stored.state when 'stored' then 'pending' else 'suppressed' end
    from stored
    cross join jsonb_array_elements_text(request -> 'pixel_ids') as pixel (id)
  )
  select jsonb_agg(
    case
      when not decided.may_be_sent then 'refused'
      when stored.id is not null and decided.copy = 1 then stored.state
      when stored.id is null and not decided.is_agreed and not exists (
        select from fb_ads.conversion_events as known
        where known.event_name = decided.event_name and known.event_id = decided.event_id
      ) then 'suppressed'
      else 'duplicate'
    end
    order by decided.place
  )
  into statuses
  from (
    select every.*, row_number() over (partition by every.event_name, every.event_id order by every.place) as copy
    from decided as every
  ) as decided
  left join stored
    on stored.event_name = decided.event_name and stored.event_id = decided.event_id and decided.may_be_sent;

  -- In this very transaction: a stored event has its touchpoint stored too.
  perform fb_ads.store_event_touchpoints(request, statuses);

  select array_agg(subject.digest) into denied_digests
  from fb_ads.given_events(request) as given
  cross join lateral (values (given.user_digest), (given.browser_digest)) as subject (digest)
  where given.consent = 'denied' and given.may_be_sent and subject.digest is not null;
  if denied_digests is not null then
    perform fb_ads.suppress_subjects(denied_digests);
  end if;
  return jsonb_build_object('statuses', coalesce(statuses, '[]'::jsonb));
end;
$$;

comment on function public.fb_store_events(jsonb) is
  'Called by capi-event: stores {origin, pixel_ids, require_consent, remembers_denials?, events} and returns '
  '{statuses} in their order: stored, suppressed (no consent; kept only where it is a Purchase or names an order), '
  'duplicate (known already) or refused (not a browser''s event). Where remembers_denials is false, no denial is kept '
  'of a browser that nothing is known of.';
