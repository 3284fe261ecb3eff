-- Consent to advertising events.
-- Why digests: a subject is looked up by its digest, and never listed by name.

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

comment on table fb_ads.consents is
  'Who agreed to advertising events, or withdrew it, and when. Only added to; the '
  'newest row of a subject counts, and a denial wins a tie.';
comment on column fb_ads.consents.id is 'Our key.';
comment on column fb_ads.consents.subject_kind is 'user: a verified user; browser: a browser with an fbp.';
comment on column fb_ads.consents.subject is
  'SHA-256 of the user id (trimmed, lower case: as Meta''s external_id) or of the fbp as it is.';
comment on column fb_ads.consents.state is 'granted or denied.';
comment on column fb_ads.consents.since is 'From when it holds.';
comment on column fb_ads.consents.source is 'Where it was said: request, event.';
comment on column fb_ads.consents.created_at is 'When the row was written.';

create index consents_created_at_idx on fb_ads.consents (created_at) where subject_kind = 'browser';

alter table fb_ads.consents enable row level security;

create function fb_ads.digest_of(value text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select pg_catalog.encode(
    pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.lower(pg_catalog.btrim(value)), 'UTF8')), 'hex'
  );
$$;

comment on function fb_ads.digest_of(text) is
  'SHA-256 in lower-case hex of a trimmed, lower-cased text: what '
  'user_digest and Meta''s external_id hold for a user id.';

create function fb_ads.newest_consent(user_digest text, browser_digest text)
returns fb_ads.consents language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select consent
  from fb_ads.consents as consent
  where (consent.subject_kind = 'user' and consent.subject = newest_consent.user_digest)
    or (consent.subject_kind = 'browser' and consent.subject = newest_consent.browser_digest)
  order by consent.since desc, consent.state = 'denied' desc
  limit 1;
$$;

comment on function fb_ads.newest_consent(text, text) is
  'The consent that counts for a user (digest of the id) and a browser (digest of fbp), either of which may be null: '
  'the newest, a denial in a tie; a row of nulls when neither said anything.';

create function fb_ads.is_known_browser(browser_digest text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
      select
      from fb_ads.consents as consent
      where consent.subject_kind = 'browser' and consent.subject = is_known_browser.browser_digest
    )
    or exists (
      select from fb_ads.conversion_events as event where event.browser_digest = is_known_browser.browser_digest
    );
$$;

comment on function fb_ads.is_known_browser(text) is
  'Whether a browser has said something of consent or has an event here: then its denial is stored at any time.';

create function fb_ads.delete_old_consents(most integer default 5000)
returns bigint language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  deleted bigint;
begin
  delete from fb_ads.consents as consent
  where consent.id in (
    select old.id
    from fb_ads.consents as old
    cross join fb_ads.settings as settings
    where old.subject_kind = 'browser' and old.created_at < now() - settings.browser_consent_retention
    limit most
  );
  get diagnostics deleted = row_count;
  return deleted;
end;
$$;

comment on function fb_ads.delete_old_consents(integer) is
  'For the nightly job: deletes what browsers said of consent after settings.browser_consent_retention, at most so '
  'many rows; returns how many.';
