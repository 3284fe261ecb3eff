-- Touchpoints: visits that an ad may have caused.
-- Why digests: a touchpoint is looked up by what it shares with a sale, and never listed by person. The click id alone
-- is in clear, because the sale that is credited names it.
-- Why rows are only appended: many events describe one touchpoint, in any order, and whoever stores them need not look
-- for the others. A sale collapses the few rows that are its own (fb_ads.collapse_touchpoints).

create table fb_ads.touchpoints (
  id bigint generated always as identity primary key,
  clicked_at timestamptz not null,
  received_at timestamptz not null,
  reported_by text not null,
  touchpoint_key bytea not null unique,
  fb_ad_id text,
  fb_adset_id text,
  fb_campaign_id text,
  utm_content_id text,
  utm_term_id text,
  utm_campaign_id text,
  fbclid text,
  fbc_digest text,
  browser_digest text,
  user_digest text,
  email_digests text[],
  phone_digests text[],
  page_url text,
  consent text,
  event_name text,
  event_id text,
  created_at timestamptz not null default now(),
  constraint touchpoint_says_something check (
    coalesce(fb_ad_id, fb_adset_id, fb_campaign_id, utm_content_id, utm_term_id, utm_campaign_id, fbclid) is not null
  ),
  constraint touchpoint_can_be_matched check (
    coalesce(fbc_digest, browser_digest, user_digest, email_digests[1], phone_digests[1]) is not null
  ),
  constraint reported_by_is_known check (reported_by in ('server', 'user', 'browser')),
  constraint consent_is_granted_or_not_needed check (consent = 'granted')
);

comment on table fb_ads.touchpoints is
  'Touchpoints: visits from an ad, as events describe them; what an event repeats within a minute is one row. Kept '
  'for settings.touchpoint_retention.';
comment on column fb_ads.touchpoints.id is 'Our key, in the order of arrival.';
comment on column fb_ads.touchpoints.clicked_at is
  'When it was clicked: of a click id, when it was first seen; else when the event happened. What an anonymous '
  'browser says of the past counts from its receipt, less settings.page_delay, unless it was seen then.';
comment on column fb_ads.touchpoints.received_at is 'When it was first received.';
comment on column fb_ads.touchpoints.reported_by is
  'Who reported it: server (the secret key), user (a browser with a verified user), browser (an anonymous one: what it '
  'says of a person is a claim).';
comment on column fb_ads.touchpoints.touchpoint_key is
  'First 16 bytes of a SHA-256 over who reported it, the visitor, the click, the ids and the minute: what a repetition '
  'has in common.';
comment on column fb_ads.touchpoints.fb_ad_id is
  'Ad id that the address named (ad_id), as it came; fb_ads.resolve_touchpoint says what the catalogue makes of it.';
comment on column fb_ads.touchpoints.fb_adset_id is 'Ad set id that the address named (adset_id).';
comment on column fb_ads.touchpoints.fb_campaign_id is 'Campaign id that the address named (campaign_id).';
comment on column fb_ads.touchpoints.utm_content_id is
  'Number in utm_content: an ad''s id by convention, of whichever level the catalogue says.';
comment on column fb_ads.touchpoints.utm_term_id is 'Number in utm_term: an ad set''s id by convention.';
comment on column fb_ads.touchpoints.utm_campaign_id is 'Number in utm_campaign: a campaign''s id by convention.';
comment on column fb_ads.touchpoints.fbclid is
  'Meta''s click id, from the address or, where only the cookie was new, out of fbc. It names no ad.';
comment on column fb_ads.touchpoints.fbc_digest is
  'SHA-256 of the click id in the browser''s fbc: what fbc is compared by, because '
  'the time in it may differ between browser and server.';
comment on column fb_ads.touchpoints.browser_digest is 'SHA-256 of fbp.';
comment on column fb_ads.touchpoints.user_digest is 'SHA-256 of the user id, if the visitor was logged in.';
comment on column fb_ads.touchpoints.email_digests is
  'SHA-256 of normalised e-mail addresses in the event (Meta''s em).';
comment on column fb_ads.touchpoints.phone_digests is 'SHA-256 of normalised phone numbers in the event (Meta''s ph).';
comment on column fb_ads.touchpoints.page_url is 'The page: origin, path and the parameters that name a campaign.';
comment on column fb_ads.touchpoints.consent is
  'granted; null where consent is not asked for. Without consent nothing is stored.';
comment on column fb_ads.touchpoints.event_name is 'event_name of the first event that described it.';
comment on column fb_ads.touchpoints.event_id is 'event_id of that event.';
comment on column fb_ads.touchpoints.created_at is 'When the row was written.';

create index touchpoints_fbc_digest_idx on fb_ads.touchpoints (fbc_digest, clicked_at) where fbc_digest is not null;
create index touchpoints_browser_digest_idx on fb_ads.touchpoints (browser_digest, clicked_at)
  where browser_digest is not null;
create index touchpoints_browser_received_idx on fb_ads.touchpoints (browser_digest, received_at)
  where browser_digest is not null;
create index touchpoints_user_digest_idx on fb_ads.touchpoints (user_digest, clicked_at) where user_digest is not null;
create index touchpoints_email_digests_idx on fb_ads.touchpoints using gin (email_digests) with (fastupdate = off)
  where email_digests is not null;
create index touchpoints_phone_digests_idx on fb_ads.touchpoints using gin (phone_digests) with (fastupdate = off)
  where phone_digests is not null;
create index touchpoints_clicked_at_idx on fb_ads.touchpoints (clicked_at);

alter table fb_ads.touchpoints enable row level security;

create function fb_ads.is_payment_host(host text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
    select
    from fb_ads.settings as settings
    cross join unnest(settings.payment_hosts) as known (host)
    where lower(is_payment_host.host) = known.host or lower(is_payment_host.host) like '%.' || known.host
  );
$$;

comment on function fb_ads.is_payment_host(text) is
  'Whether settings.payment_hosts names this host or a domain above it. The built-in list is applied before.';

create function fb_ads.ids_of_touchpoint(touchpoint fb_ads.touchpoints)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select array[
    touchpoint.fb_ad_id, touchpoint.fb_adset_id, touchpoint.fb_campaign_id, touchpoint.utm_content_id,
    touchpoint.utm_term_id, touchpoint.utm_campaign_id
  ];
$$;

comment on function fb_ads.ids_of_touchpoint(fb_ads.touchpoints) is
  'The ids that a touchpoint carries, each in its place.';

create function fb_ads.with_first_click_time(browser_data jsonb, browser_digest text)
returns jsonb language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when known.seen_at_ms < split_part(browser_data ->> 'fbc', '.', 3)::bigint then
      jsonb_set(
        browser_data, '{fbc}',
        to_jsonb(format('fb.1.%s.%s', known.seen_at_ms, split_part(browser_data ->> 'fbc', '.', 4)))
      )
    else browser_data
  end
  from (
    select floor(extract(epoch from min(click.clicked_at)) * 1000)::bigint as seen_at_ms
    from (
      -- The first few: a link may be passed on to any number of browsers.
      select known.clicked_at, known.browser_digest
      from fb_ads.touchpoints as known
      where known.fbc_digest = encode(
        sha256(convert_to(split_part(with_first_click_time.browser_data ->> 'fbc', '.', 4), 'UTF8')), 'hex'
      )
      order by known.clicked_at
      limit 50
    ) as click
    -- As for touchpoints: a link that is passed on is new in the next browser.
    where coalesce(click.browser_digest = with_first_click_time.browser_digest, true)
  ) as known;
$$;

comment on function fb_ads.with_first_click_time(jsonb, text) is
  'browser_data whose fbc was built here from a click id: with the millisecond when this browser was first seen with '
  'that click, if an earlier event said so. Never with a later one.';
