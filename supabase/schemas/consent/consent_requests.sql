-- Giving and withdrawing consent by a request of its own.

create function public.fb_store_consent(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  said_at timestamptz := least(now(), coalesce(to_timestamp((request ->> 'since')::double precision), now()));
  suppressed bigint := 0;
begin
  insert into fb_ads.consents (subject_kind, subject, state, since, source)
  select said.subject_kind, said.subject, request ->> 'state', said_at, coalesce(request ->> 'source', 'request')
  -- In the order of fb_ads.note_consents, so that neither waits for the other.
  from (
    values ('browser', request ->> 'browser_digest'), ('user', request ->> 'user_digest')
  ) as said (subject_kind, subject)
  where said.subject is not null
    and (
      request ->> 'state' = 'granted' or said.subject_kind = 'user'
      or coalesce((request ->> 'remembers_denials')::boolean, true)
      or fb_ads.is_known_browser(said.subject)
    )
  on conflict on constraint consents_key do nothing;
  if request ->> 'state' = 'denied' then
    insert into fb_ads.consents (subject_kind, subject, state, since, source)
    select later.*
    from (
      values ('browser', request ->> 'browser_digest'), ('user', request ->> 'user_digest')
    ) as said (subject_kind, subject)
    cross join lateral fb_ads.later_grant(said.subject_kind, said.subject, said_at) as later
    on conflict on constraint consents_key do nothing;
    suppressed := fb_ads.suppress_subjects(
      array_remove(array[request ->> 'user_digest', request ->> 'browser_digest'], null)
    );
  end if;
  return jsonb_build_object('suppressed', suppressed);
end;
$$;

comment on function public.fb_store_consent(jsonb) is
  'Called by capi-event: keeps {state: granted|denied, since?, source?, user_digest?, browser_digest?, '
  'remembers_denials?}; a withdrawal suppresses what still waits of that user or browser. Where remembers_denials is '
  'false, no denial is kept of a browser that nothing is known of. Returns {suppressed}: deliveries taken back.';
