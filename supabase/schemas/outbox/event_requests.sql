-- The events of a request as rows.

create function fb_ads.given_events(request jsonb)
returns table (
  place bigint, event_name text, event_id text, event_time timestamptz, action_source text, content jsonb,
  user_data jsonb, browser_data jsonb, order_id text, user_digest text, browser_digest text, person_digests text[],
  consent text, consent_at timestamptz, test_event_code text, fbc_is_built boolean, may_be_sent boolean
) language sql stable security invoker
set search_path = pg_catalog, pg_temp as $$
  select
    given.ordinality, given.event_name, given.event_id, to_timestamp(given.event_time), given.action_source,
    given.content, given.user_data, given.browser_data, given.order_id, given.user_digest, given.browser_digest,
    given.person_digests, given.consent,
    -- An event's time is a whole second, so its consent dates from the end of it; never from the future.
    case
      when given.consent is not null
        then least(
          now(),
          coalesce(to_timestamp(given.consent_since), to_timestamp(given.event_time) + interval '0.999999 seconds')
        )
    end,
    given.test_event_code, coalesce(given.fbc_is_built, false),
    request ->> 'origin' is distinct from 'browser' or given.event_name = any (settings.browser_events)
  from rows from (
    jsonb_to_recordset(request -> 'events') as (
      event_name text, event_id text, event_time double precision, action_source text, content jsonb, user_data jsonb,
      browser_data jsonb, order_id text, user_digest text, browser_digest text, person_digests text[], consent text,
      consent_since double precision, test_event_code text, fbc_is_built boolean
    )
  ) with ordinality as given
  cross join fb_ads.settings as settings;
$$;

comment on function fb_ads.given_events(jsonb) is
  'The events of a request to fb_store_events as rows, with their place in it and whether this caller may send them. '
  'Nothing is kept of an event that it may not send.';
