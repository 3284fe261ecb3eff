-- The schema of the machinery, and the roles that read the reports and that ask whether anything is wrong.
-- Why a schema of its own: the Data API exposes `public` alone, so queues, outbox and personal data cannot be reached
-- through it.
-- Why a role is made only where it is missing: it outlives a reset of its database, and belongs to all databases
-- of the server.

create schema fb_ads;

comment on schema fb_ads is
  'Machinery of the Meta Ads suite: settings, queues, runs, quotas, events. Not exposed by the Data API; the '
  'functions reach it through fb_* functions in public.';

do $$
begin
  if not exists (select from pg_catalog.pg_roles as role where role.rolname = 'fb_ads_reader') then
    create role fb_ads_reader nologin;
    comment on role fb_ads_reader is
      'Reads the reporting views of the Meta Ads suite and nothing else: no personal data, no digest, no click id. '
      'Grant it to the role your dashboards log in with.';
  end if;
  if not exists (select from pg_catalog.pg_roles as role where role.rolname = 'fb_ads_monitor') then
    create role fb_ads_monitor nologin;
    comment on role fb_ads_monitor is
      'Asks the Meta Ads suite whether anything is wrong (public.fb_check_alerts), and may do nothing else: the role '
      'of an uptime monitor''s API key.';
  end if;
  -- The Data API logs in as authenticator and takes the role that a key names.
  grant fb_ads_monitor to authenticator;
end;
$$;
