-- Touches: landings that an ad may have caused, and whose browser it was.
-- Why digests: a touch is looked up by what it shares with a sale, never listed by whose it is. The click id alone is in clear,
-- because the sale that is credited names it.

create table fb_ads.ad_clicks (
  id bigint generated always as identity primary key,
  clicked_at timestamptz not null,
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
  constraint click_says_something check (
    coalesce(fb_ad_id, fb_adset_id, fb_campaign_id, utm_content_id, utm_term_id, utm_campaign_id, fbclid) is not null
  ),
  constraint click_can_be_matched check (
    coalesce(fbc_digest, browser_digest, user_digest, email_digests[1], phone_digests[1]) is not null
  ),
  constraint consent_is_granted_or_not_needed check (consent = 'granted')
);

create index ad_clicks_fbc_digest_idx on fb_ads.ad_clicks (fbc_digest, clicked_at) where fbc_digest is not null;
create index ad_clicks_browser_digest_idx on fb_ads.ad_clicks (browser_digest, clicked_at) where browser_digest is not null;
create index ad_clicks_user_digest_idx on fb_ads.ad_clicks (user_digest, clicked_at) where user_digest is not null;
create index ad_clicks_email_digests_idx on fb_ads.ad_clicks using gin (email_digests) with (fastupdate = off) where email_digests is not null;
create index ad_clicks_phone_digests_idx on fb_ads.ad_clicks using gin (phone_digests) with (fastupdate = off) where phone_digests is not null;
create index ad_clicks_clicked_at_idx on fb_ads.ad_clicks (clicked_at);

comment on table fb_ads.ad_clicks is 'Touches: landings from an ad, as events told of them. One landing reloaded is one row. Kept for settings.click_retention.';
comment on column fb_ads.ad_clicks.id is 'Our key, in the order of arrival.';
comment on column fb_ads.ad_clicks.clicked_at is 'When the click landed: of a click id, when it was first seen; else when the event happened.';
comment on column fb_ads.ad_clicks.fb_ad_id is 'Ad id that the address named (ad_id), as it came; fb_ads.resolve_click says what the catalogue makes of it.';
comment on column fb_ads.ad_clicks.fb_adset_id is 'Ad set id that the address named (adset_id).';
comment on column fb_ads.ad_clicks.fb_campaign_id is 'Campaign id that the address named (campaign_id).';
comment on column fb_ads.ad_clicks.utm_content_id is 'Number in utm_content: an ad''s id by convention, of whichever level the catalogue says.';
comment on column fb_ads.ad_clicks.utm_term_id is 'Number in utm_term: an ad set''s id by convention.';
comment on column fb_ads.ad_clicks.utm_campaign_id is 'Number in utm_campaign: a campaign''s id by convention.';
comment on column fb_ads.ad_clicks.fbclid is 'Meta''s click id, from the address or, where only the cookie was new, out of fbc. It names no ad.';
comment on column fb_ads.ad_clicks.fbc_digest is 'SHA-256 of the click id in the browser''s fbc: what fbc is compared by, because the time in it may differ between browser and server.';
comment on column fb_ads.ad_clicks.browser_digest is 'SHA-256 of fbp.';
comment on column fb_ads.ad_clicks.user_digest is 'SHA-256 of the user id, if the visitor was logged in.';
comment on column fb_ads.ad_clicks.email_digests is 'SHA-256 of normalised e-mail addresses in the event (Meta''s em).';
comment on column fb_ads.ad_clicks.phone_digests is 'SHA-256 of normalised phone numbers in the event (Meta''s ph).';
comment on column fb_ads.ad_clicks.page_url is 'The page: origin, path and the parameters that name a campaign.';
comment on column fb_ads.ad_clicks.consent is 'granted; null where consent is not asked for. Without consent nothing is stored.';
comment on column fb_ads.ad_clicks.event_name is 'event_name of the event that told of it first.';
comment on column fb_ads.ad_clicks.event_id is 'event_id of that event.';
comment on column fb_ads.ad_clicks.created_at is 'When the row was written.';

create table fb_ads.browser_people (
  browser_digest text not null,
  person_kind text not null,
  person_digest text not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  created_at timestamptz not null default now(),
  primary key (browser_digest, person_kind, person_digest),
  constraint person_kind_is_known check (person_kind in ('user', 'email', 'phone'))
);

create index browser_people_person_digest_idx on fb_ads.browser_people (person_digest, browser_digest);
create index browser_people_last_seen_at_idx on fb_ads.browser_people (last_seen_at);

comment on table fb_ads.browser_people is 'Who a browser is known to belong to: links an anonymous landing to whoever logs in or leaves an address there, and tells a shared browser.';
comment on column fb_ads.browser_people.browser_digest is 'SHA-256 of fbp, or of the click id in fbc.';
comment on column fb_ads.browser_people.person_kind is 'user: a verified user id; email, phone: what an event said of the visitor.';
comment on column fb_ads.browser_people.person_digest is 'SHA-256 of the user id, the normalised e-mail address or the phone number.';
comment on column fb_ads.browser_people.first_seen_at is 'When the person was first seen in that browser.';
comment on column fb_ads.browser_people.last_seen_at is 'When the person was last seen there, to the day.';
comment on column fb_ads.browser_people.created_at is 'When the row was written.';

create table fb_ads.checkout_clicks (
  event_id text primary key,
  fbc_digest text not null,
  created_at timestamptz not null default now()
);

create index checkout_clicks_fbc_digest_idx on fb_ads.checkout_clicks (fbc_digest);
create index checkout_clicks_created_at_idx on fb_ads.checkout_clicks (created_at);

comment on table fb_ads.checkout_clicks is 'With which fbc a checkout was begun; the event itself loses it as soon as its sale is at Meta.';
comment on column fb_ads.checkout_clicks.event_id is 'event_id of the InitiateCheckout event.';
comment on column fb_ads.checkout_clicks.fbc_digest is 'SHA-256 of the click id in its fbc.';
comment on column fb_ads.checkout_clicks.created_at is 'When the row was written.';

alter table fb_ads.ad_clicks enable row level security;
alter table fb_ads.browser_people enable row level security;
alter table fb_ads.checkout_clicks enable row level security;
grant select, insert, update, delete on fb_ads.ad_clicks, fb_ads.browser_people, fb_ads.checkout_clicks to service_role;

create function fb_ads.with_first_sight(browser_data jsonb, browser_digest text)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select case
    when known.seen_at_ms < split_part(browser_data ->> 'fbc', '.', 3)::bigint then
      jsonb_set(browser_data, '{fbc}', to_jsonb(format('fb.1.%s.%s', known.seen_at_ms, split_part(browser_data ->> 'fbc', '.', 4))))
    else browser_data
  end
  from (
    select floor(extract(epoch from min(click.clicked_at)) * 1000)::bigint as seen_at_ms
    from fb_ads.ad_clicks as click
    where click.fbc_digest = encode(sha256(convert_to(split_part(with_first_sight.browser_data ->> 'fbc', '.', 4), 'UTF8')), 'hex')
      -- As for landings: a link that is passed on is seen for the first time once more.
      and coalesce(click.browser_digest = with_first_sight.browser_digest, true)
  ) as known;
$$;

revoke execute on function fb_ads.with_first_sight(jsonb, text) from public, anon, authenticated;
grant execute on function fb_ads.with_first_sight(jsonb, text) to service_role;
comment on function fb_ads.with_first_sight(jsonb, text) is
  'browser_data whose fbc was built here from a click id: with the millisecond when this browser was first seen with that click, if an earlier event told of it. Never a later one.';
