-- Consent to advertising events, and how much each visitor sends.
-- Why digests: a subject is looked up by what it is, never listed by who it is.

create table fb_ads.consents (
  id bigint generated always as identity primary key,
  subject_kind text not null,
  subject text not null,
  state text not null,
  since timestamptz not null,
  source text not null,
  created_at timestamptz not null default now(),
  constraint consents_key unique (subject_kind, subject, since, state),
  constraint subject_kind_is_known check (subject_kind in ('user', 'browser')),
  constraint subject_is_a_digest check (subject ~ '^[0-9a-f]{64}$'),
  constraint state_is_known check (state in ('granted', 'denied'))
);

comment on table fb_ads.consents is 'Who agreed to advertising events, or withdrew it, and when. Only added to; the newest row of a subject counts, and a denial wins a tie.';
comment on column fb_ads.consents.id is 'Our key.';
comment on column fb_ads.consents.subject_kind is 'user: a verified user; browser: a browser with an fbp.';
comment on column fb_ads.consents.subject is 'SHA-256 of the user id (trimmed, lower case: as Meta''s external_id) or of the fbp as it is.';
comment on column fb_ads.consents.state is 'granted or denied.';
comment on column fb_ads.consents.since is 'From when it holds.';
comment on column fb_ads.consents.source is 'Where it was said: request, event.';
comment on column fb_ads.consents.created_at is 'When the row was written.';

create function fb_ads.digest_of(value text)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.lower(pg_catalog.btrim(value)), 'UTF8')), 'hex');
$$;

revoke execute on function fb_ads.digest_of(text) from public, anon, authenticated;
grant execute on function fb_ads.digest_of(text) to service_role;
comment on function fb_ads.digest_of(text) is
  'SHA-256 in lower-case hex of a trimmed, lower-cased text: what user_digest and Meta''s external_id hold for a user id.';

create function fb_ads.newest_consent(user_digest text, browser_digest text)
returns fb_ads.consents
language sql
stable
security invoker
set search_path = ''
as $$
  select consent
  from fb_ads.consents as consent
  where (consent.subject_kind = 'user' and consent.subject = newest_consent.user_digest)
    or (consent.subject_kind = 'browser' and consent.subject = newest_consent.browser_digest)
  order by consent.since desc, consent.state = 'denied' desc
  limit 1;
$$;

revoke execute on function fb_ads.newest_consent(text, text) from public, anon, authenticated;
grant execute on function fb_ads.newest_consent(text, text) to service_role;
comment on function fb_ads.newest_consent(text, text) is
  'The consent that counts for a user (digest of the id) and a browser (digest of fbp), either of which may be null: the newest, a denial in a tie; a row of nulls when neither said anything.';

create unlogged table fb_ads.event_counts (
  counter text not null,
  window_start timestamptz not null,
  events bigint not null,
  primary key (counter, window_start)
);

comment on table fb_ads.event_counts is 'How many browser events came in a minute and a day, for the limits in settings. Unlogged: a crash forgets at most a day of counting.';
comment on column fb_ads.event_counts.counter is
  'minute:<visitor>, day:<visitor> or all:<shard>. A visitor is an HMAC of the client address (of an IPv6 address its /64) under a salt that lives a day.';
comment on column fb_ads.event_counts.window_start is 'Start of the minute or of the UTC day.';
comment on column fb_ads.event_counts.events is 'Events taken in it.';

create table fb_ads.visitor_salts (
  salted_on date primary key,
  salt bytea not null
);

comment on table fb_ads.visitor_salts is 'The salt of each day''s visitor counters. Yesterday''s is deleted, and with it every way back to an address.';
comment on column fb_ads.visitor_salts.salted_on is 'The UTC day.';
comment on column fb_ads.visitor_salts.salt is '32 random bytes.';

alter table fb_ads.consents enable row level security;
alter table fb_ads.event_counts enable row level security;
alter table fb_ads.visitor_salts enable row level security;
grant select, insert, update, delete on fb_ads.consents, fb_ads.event_counts, fb_ads.visitor_salts to service_role;
