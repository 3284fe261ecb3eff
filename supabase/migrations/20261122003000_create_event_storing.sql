-- Taking events in: the limits for browsers, and one call that stores a batch.
-- Why the limits are read before and counted after: a counter is a row that every request of a visitor writes, and it stays locked
-- from then to the commit. A few events too many in a burst are no harm.

create function fb_ads.visitor_of(client_address text)
returns text
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  today date := (now() at time zone 'utc')::date;
  todays_salt bytea;
begin
  select known.salt into todays_salt from fb_ads.visitor_salts as known where known.salted_on = today;
  if todays_salt is null then
    insert into fb_ads.visitor_salts (salted_on, salt) values (today, extensions.gen_random_bytes(32)) on conflict do nothing;
    select known.salt into todays_salt from fb_ads.visitor_salts as known where known.salted_on = today;
    delete from fb_ads.visitor_salts where salted_on < today;
  end if;
  return encode(extensions.hmac(convert_to(coalesce(client_address, ''), 'UTF8'), todays_salt, 'sha256'), 'hex');
end;
$$;

revoke execute on function fb_ads.visitor_of(text) from public, anon, authenticated;
grant execute on function fb_ads.visitor_of(text) to service_role;
comment on function fb_ads.visitor_of(text) is
  'Name of a visitor for a day: an HMAC-SHA-256 of the client address (the function passes the /64 of an IPv6 address) under the day''s salt.';

create function fb_ads.exceeded_event_limit(visitor text, events bigint)
returns text
language sql
stable
security invoker
set search_path = ''
as $$
  select case
    when coalesce((
      select counted.events from fb_ads.event_counts as counted
      where counted.counter = 'minute:' || visitor and counted.window_start = date_trunc('minute', now())
    ), 0) + exceeded_event_limit.events > settings.visitor_events_per_minute then 'minute'
    when coalesce((
      select counted.events from fb_ads.event_counts as counted
      where counted.counter = 'day:' || visitor and counted.window_start = date_trunc('day', now(), 'utc')
    ), 0) + exceeded_event_limit.events > settings.visitor_events_per_day then 'day'
    when coalesce((
      select sum(counted.events) from fb_ads.event_counts as counted
      where counted.counter in ('all:0', 'all:1', 'all:2', 'all:3') and counted.window_start = date_trunc('minute', now())
    ), 0) + exceeded_event_limit.events > settings.browser_events_per_minute then 'minute'
  end
  from fb_ads.settings as settings;
$$;

revoke execute on function fb_ads.exceeded_event_limit(text, bigint) from public, anon, authenticated;
grant execute on function fb_ads.exceeded_event_limit(text, bigint) to service_role;
comment on function fb_ads.exceeded_event_limit(text, bigint) is
  'The window (minute or day) whose limit so many more events of a visitor would exceed; null when they may come.';

create function fb_ads.count_events(visitor text, events bigint)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into fb_ads.event_counts as counted (counter, window_start, events)
  values
    -- Four rows for the sum of all, so that visitors seldom wait for one another.
    ('all:' || floor(random() * 4)::text, date_trunc('minute', now()), count_events.events),
    ('day:' || visitor, date_trunc('day', now(), 'utc'), count_events.events),
    ('minute:' || visitor, date_trunc('minute', now()), count_events.events)
  on conflict (counter, window_start) do update set events = counted.events + excluded.events;
$$;

revoke execute on function fb_ads.count_events(text, bigint) from public, anon, authenticated;
grant execute on function fb_ads.count_events(text, bigint) to service_role;
comment on function fb_ads.count_events(text, bigint) is 'Counts events of a visitor, in the order of the counters'' names so that no two calls wait for each other.';

create function fb_ads.given_events(request jsonb)
returns table (
  place bigint, event_name text, event_id text, event_time timestamptz, action_source text, content jsonb, user_data jsonb,
  browser_data jsonb, order_id text, user_digest text, browser_digest text, person_digests text[], consent text, consent_at timestamptz,
  test_event_code text, fbc_is_built boolean, may_be_sent boolean
)
language sql
stable
security invoker
set search_path = ''
as $$
  select
    given.place, given.event_name, given.event_id, to_timestamp(given.event_time), given.action_source, given.content, given.user_data,
    given.browser_data, given.order_id, given.user_digest, given.browser_digest, given.person_digests, given.consent,
    -- An event's second lasts to its end; no consent is of the future.
    case
      when given.consent is not null
        then least(now(), coalesce(to_timestamp(given.consent_since), to_timestamp(given.event_time) + interval '0.999999 seconds'))
    end,
    given.test_event_code, coalesce(given.fbc_is_built, false),
    request ->> 'origin' is distinct from 'browser' or given.event_name = any (settings.browser_events)
  from rows from (
    jsonb_to_recordset(request -> 'events') as (
      event_name text, event_id text, event_time double precision, action_source text, content jsonb, user_data jsonb, browser_data jsonb,
      order_id text, user_digest text, browser_digest text, person_digests text[], consent text, consent_since double precision,
      test_event_code text, fbc_is_built boolean
    )
  ) with ordinality as given (
    event_name, event_id, event_time, action_source, content, user_data, browser_data, order_id, user_digest, browser_digest,
    person_digests, consent, consent_since, test_event_code, fbc_is_built, place
  )
  cross join fb_ads.settings as settings;
$$;

revoke execute on function fb_ads.given_events(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.given_events(jsonb) to service_role;
comment on function fb_ads.given_events(jsonb) is
  'The events of a request to fb_store_events as rows, with their place in it and whether this caller may send them: of one that it may not nothing is kept.';

create function public.fb_store_events(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
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
      coalesce(verdict.consent = 'granted' or (verdict.consent is null and not (request ->> 'require_consent')::boolean), false)
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
  -- The key decides: of twenty copies at once one row comes to be. In one order, so that no two batches wait for each other.
  stored as (
    insert into fb_ads.conversion_events as event (
      event_name, event_id, event_time, action_source, content, user_data, browser_data, origin, state, order_id, user_digest,
      browser_digest, person_digests, consent, consent_at, test_event_code, final_at
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
    select every.*, row_number() over (partition by every.event_name, every.event_id order by every.place) as copy from judged as every
  ) as judged
  left join stored on stored.event_name = judged.event_name and stored.event_id = judged.event_id and judged.may_be_sent;

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

revoke execute on function public.fb_store_events(jsonb) from public, anon, authenticated;
grant execute on function public.fb_store_events(jsonb) to service_role;
comment on function public.fb_store_events(jsonb) is
  'Called by capi-event: stores {origin, visitor, pixel_ids, require_consent, events} and returns {statuses} in their order: stored, suppressed (no consent), duplicate (known already) or refused (not a browser''s event); or {limited: minute|day} and nothing stored.';
