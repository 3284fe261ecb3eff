-- Whose browser it was.
-- Why plpgsql where SQL would do: it keeps its plans, and this runs with every event.

create table fb_ads.browser_people (
  browser_digest text not null,
  person_kind text not null,
  person_digest text not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  is_verified boolean not null,
  received_at timestamptz not null,
  created_at timestamptz not null default now(),
  primary key (browser_digest, person_kind, person_digest, is_verified),
  constraint person_kind_is_known check (person_kind in ('user', 'email', 'phone'))
);

comment on table fb_ads.browser_people is
  'Who a browser is known to belong to: links an anonymous touchpoint to the person who logs in or leaves an address '
  'there, and shows that a browser is shared.';
comment on column fb_ads.browser_people.browser_digest is
  'SHA-256 of fbp; of the click id in fbc where the event had no fbp.';
comment on column fb_ads.browser_people.person_kind is
  'user: a verified user id; email, phone: what an event said of the visitor.';
comment on column fb_ads.browser_people.person_digest is
  'SHA-256 of the user id, the normalised e-mail address or the phone number.';
comment on column fb_ads.browser_people.first_seen_at is 'When the person was first seen in that browser.';
comment on column fb_ads.browser_people.last_seen_at is 'When the person was last seen there, to the day.';
comment on column fb_ads.browser_people.is_verified is
  'Whether a server or a verified user said so. What an anonymous browser says is a claim.';
comment on column fb_ads.browser_people.received_at is 'When this was first received.';
comment on column fb_ads.browser_people.created_at is 'When the row was written.';

create index browser_people_person_digest_idx on fb_ads.browser_people (person_digest, browser_digest);
create index browser_people_last_seen_at_idx on fb_ads.browser_people (last_seen_at);

alter table fb_ads.browser_people enable row level security;

create function fb_ads.is_shared_browser(browser_digest text, user_digest text, seen_until timestamptz)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select count(*) > case when is_shared_browser.user_digest is null then 1 else 0 end
  from (
    select
    from fb_ads.browser_people as known
    where known.browser_digest = is_shared_browser.browser_digest and known.person_kind = 'user'
      and known.person_digest is distinct from is_shared_browser.user_digest
      and known.first_seen_at <= seen_until
    limit 2
  ) as others;
$$;

comment on function fb_ads.is_shared_browser(text, text, timestamptz) is
  'Whether, up to a moment, a browser had another user than this one, or (for a guest) more than one. False for a '
  'browser that nobody logged in at.';

create function fb_ads.store_browser_people(touchpoints jsonb)
returns text[] language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  met text[];
begin
  with given as (
    select
      touchpoint ->> 'browser_digest' as fbp_digest, touchpoint ->> 'fbc_digest' as fbc_digest,
      touchpoint ->> 'user_digest' as user_digest, touchpoint -> 'email_digests' as email_digests,
      touchpoint -> 'phone_digests' as phone_digests, (touchpoint ->> 'seen_at')::timestamptz as seen_at,
      touchpoint ->> 'reported_by' <> 'browser' as is_verified,
      least(now(), (touchpoint ->> 'received_at')::timestamptz) as received_at
    from jsonb_array_elements(touchpoints) as touchpoint
  ),
  seen_people as (
    select
      browser.digest as browser_digest, person.kind, person.digest as person_digest, given.is_verified,
      min(given.seen_at) as first_at, max(given.seen_at) as last_at, min(given.received_at) as received_at
    from given
    cross join lateral (select coalesce(given.fbp_digest, given.fbc_digest)) as browser (digest)
    cross join lateral (
      select 'user' as kind, given.user_digest as digest
      union all
      select 'email', jsonb_array_elements_text(coalesce(given.email_digests, '[]'))
      union all
      select 'phone', jsonb_array_elements_text(coalesce(given.phone_digests, '[]'))
    ) as person
    where browser.digest is not null and person.digest is not null
    group by browser.digest, person.kind, person.digest, given.is_verified
  ),
  written as (
    insert into fb_ads.browser_people as known (
      browser_digest, person_kind, person_digest, is_verified, first_seen_at, last_seen_at, received_at
    )
    select
      seen_people.browser_digest, seen_people.kind, seen_people.person_digest, seen_people.is_verified,
      seen_people.first_at, seen_people.last_at, seen_people.received_at
    from seen_people
    order by seen_people.browser_digest, seen_people.kind, seen_people.person_digest, seen_people.is_verified
    on conflict (browser_digest, person_kind, person_digest, is_verified) do update
    set first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
      last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at),
      received_at = least(known.received_at, excluded.received_at)
    -- Seen every minute, written once a day.
    where excluded.first_seen_at < known.first_seen_at or excluded.last_seen_at > known.last_seen_at + interval '1 day'
    -- New, or seen there earlier than was known: it decides whether a browser was shared at a sale.
    returning known.browser_digest, known.person_kind, known.person_digest, known.is_verified, known.first_seen_at
  )
  select array_agg(distinct digest.value)
  into met
  from written
  join seen_people on seen_people.browser_digest = written.browser_digest and seen_people.kind = written.person_kind
    and seen_people.person_digest = written.person_digest and seen_people.is_verified = written.is_verified
  cross join lateral (
    select written.browser_digest
    union all
    select written.person_digest
    union all
    -- Everybody else who was seen there, for the browser is shared now.
    (
      select other.person_digest
      from fb_ads.browser_people as other
      where other.browser_digest = written.browser_digest and other.is_verified
      limit 50
    )
  ) as digest (value)
  -- A claim re-opens no sale.
  where written.first_seen_at = seen_people.first_at and written.is_verified;
  return met;
end;
$$;

comment on function fb_ads.store_browser_people(jsonb) is
  'Keeps whose browser it was, as touchpoints say; returns the digests of verified pairs that were not known '
  'before, or are known from an earlier time, and of everybody else who was seen there; null when there are none.';
