-- The consent that events carry.
-- Why repeated denials are written and repeated consents are not: a consent that is received late must not undo a
-- denial.

create function fb_ads.later_grant(subject_kind text, subject text, denied_at timestamptz)
returns table (kind text, digest text, state text, since timestamptz, source text)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  -- A repeated consent is not written as a row, so it is read from the events.
  select later_grant.subject_kind, later_grant.subject, 'granted', max(event.consent_at), 'event'
  from fb_ads.conversion_events as event
  where event.consent = 'granted' and event.consent_at > later_grant.denied_at
    and ((later_grant.subject_kind = 'user' and event.user_digest = later_grant.subject)
      or (later_grant.subject_kind = 'browser' and event.browser_digest = later_grant.subject))
  having max(event.consent_at) is not null;
$$;

comment on function fb_ads.later_grant(text, text, timestamptz) is
  'The newest consent that stored events of a user or browser carry and that is newer than a denial.';

create function fb_ads.note_consents(request jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  denials fb_ads.consents[];
begin
  with changed as (
    insert into fb_ads.consents (subject_kind, subject, state, since, source)
    select distinct said.subject_kind, said.subject, given.consent, given.consent_at, 'event'
    from fb_ads.given_events(request) as given
    cross join lateral (
      values ('user', given.user_digest), ('browser', given.browser_digest)
    ) as said (subject_kind, subject)
    left join lateral (
      select known.state, known.since
      from fb_ads.consents as known
      where known.subject_kind = said.subject_kind and known.subject = said.subject
      order by known.since desc, known.state = 'denied' desc
      limit 1
    ) as newest on true
    where given.consent is not null and said.subject is not null and given.may_be_sent
      and (
        given.consent = 'granted' or said.subject_kind = 'user' or newest.state is not null
        or coalesce((request ->> 'remembers_denials')::boolean, true)
        or fb_ads.is_known_browser(said.subject)
      )
      -- A repeated denial is written, for it outweighs a consent from between the two that is received later.
      and (
        newest.state is null
        or ((newest.state <> given.consent or given.consent = 'denied') and newest.since <= given.consent_at)
      )
    order by said.subject_kind, said.subject, given.consent_at, given.consent
    on conflict on constraint consents_key do nothing
    returning consents.*
  )
  select array_agg(
    row(changed.*)::fb_ads.consents order by changed.subject_kind, changed.subject
  ) filter (where changed.state = 'denied')
  into denials
  from changed;
  if denials is null then
    return;
  end if;

  -- Of a repeated denial the first and the last are kept.
  delete from fb_ads.consents as middle
  using unnest(denials) as last
  where middle.subject_kind = last.subject_kind and middle.subject = last.subject
    and middle.state = 'denied' and middle.source = 'event' and middle.since < last.since
    and exists (
      select from fb_ads.consents as first
      where first.subject_kind = middle.subject_kind
        and first.subject = middle.subject
        and first.state = 'denied'
        and first.since < middle.since
        and not exists (
          select from fb_ads.consents as granted
          where granted.subject_kind = first.subject_kind
            and granted.subject = first.subject
            and granted.state = 'granted'
            and granted.since between first.since and last.since
        )
    );
  insert into fb_ads.consents (subject_kind, subject, state, since, source)
  select later.*
  from unnest(denials) as denied
  cross join lateral fb_ads.later_grant(denied.subject_kind, denied.subject, denied.since) as later
  on conflict on constraint consents_key do nothing;
end;
$$;

comment on function fb_ads.note_consents(jsonb) is
  'Keeps the consent that events carry where it changes what was known of their user or browser, or repeats a denial; '
  'in one order, so that no two batches wait for each other.';
