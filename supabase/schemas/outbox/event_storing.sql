-- Taking events in: one call stores a batch.

create function public.fb_store_events(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  from_browser boolean := request ->> 'origin' = 'browser';
  event_count bigint := jsonb_array_length(request -> 'events');
  visitor text;
  limited text;
  statuses jsonb;
  denied_digests text[];
begin
  if from_browser then
    visitor := fb_ads.visitor_of(request ->> 'visitor');
    limited := fb_ads.exceeded_event_limit(visitor, event_count);
    if limited is not null then
      return jsonb_build_object('limited', limited);
    end if;
  end if;
  perform fb_ads.note_consents(request);

  with judged as (
    select
      given.*,
      verdict.consent as effective_consent,
      verdict.since as effective_since,
      coalesce(
        verdict.consent = 'granted' or (verdict.consent is null and not (request ->> 'require_consent')::boolean), false
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
    ) as verdict (consent, since)
  ),
  -- The key decides: of twenty copies at once one row comes to be. In one order, so that no two batches wait for each
  -- other.
  stored as (
    insert into fb_ads.conversion_events as event (
      event_name, event_id, event_time, action_source, content, user_data, browser_data, origin, state, order_id,
      user_digest, browser_digest, person_digests, consent, consent_at, test_event_code, final_at
    )
    select
      judged.event_name, judged.event_id, judged.event_time, judged.action_source,
      case when judged.is_agreed then judged.content end,
      case when judged.is_agreed then judged.user_data end,
      case
        when not judged.is_agreed then null
        when judged.fbc_is_built then fb_ads.with_first_sight(judged.browser_data, judged.browser_digest)
        else nullif(judged.browser_data, '{}')
      end,
      request ->> 'origin',
      case when judged.is_agreed then 'stored' else 'suppressed' end,
      judged.order_id,
      case when judged.is_agreed then judged.user_digest end,
      case when judged.is_agreed then judged.browser_digest end,
      case when judged.is_agreed then nullif(judged.person_digests, '{}') end,
      judged.effective_consent, judged.effective_since, judged.test_event_code,
      case when not judged.is_agreed then now() end
    from judged
    where judged.may_be_sent
    order by judged.event_id, judged.event_name, judged.place
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
      when not judged.may_be_sent then 'refused'
      when stored.id is null or judged.copy > 1 then 'duplicate'
      else stored.state
    end
    order by judged.place
  )
  into statuses
  from (
    select every.*, row_number() over (partition by every.event_name, every.event_id order by every.place) as copy
    from judged as every
  ) as judged
  left join stored
    on stored.event_name = judged.event_name and stored.event_id = judged.event_id and judged.may_be_sent;

  -- In this very transaction: an event that is stored has told of its click.
  perform fb_ads.store_touches(request, statuses);

  select array_agg(subject.digest) into denied_digests
  from fb_ads.given_events(request) as given
  cross join lateral (values (given.user_digest), (given.browser_digest)) as subject (digest)
  where given.consent = 'denied' and given.may_be_sent and subject.digest is not null;
  if denied_digests is not null then
    perform fb_ads.suppress_subjects(denied_digests);
  end if;
  if from_browser then
    perform fb_ads.count_events(visitor, event_count);
  end if;
  return jsonb_build_object('statuses', coalesce(statuses, '[]'::jsonb));
end;
$$;

comment on function public.fb_store_events(jsonb) is
  'Called by capi-event: stores {origin, visitor, pixel_ids, require_consent, events} and returns {statuses} in their '
  'order: stored, suppressed (no consent), duplicate (known already) or refused (not a browser''s event); or '
  '{limited: minute|day} and nothing stored.';
