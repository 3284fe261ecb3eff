-- The four extensions that the suite stands on.
-- Why first: without one of them a later statement would stop with a message about a missing function.
-- Operator: where one is not available, enable it in the dashboard (Database > Extensions) and push again.

do $$
declare
  missing text;
begin
  select string_agg(needed.name, ', ' order by needed.name)
  into missing
  from unnest(array['pg_cron', 'pg_net', 'supabase_vault', 'pgcrypto']) as needed (name)
  where not exists (
    select from pg_catalog.pg_available_extensions as available where available.name = needed.name
  );
  if missing is not null then
    raise exception 'these extensions are not available on this server: %', missing
      using hint = 'Enable them in the dashboard (Database > Extensions), then push the migrations again.';
  end if;
end;
$$;

create schema if not exists extensions;

create extension if not exists pgcrypto with schema extensions;
create extension if not exists pg_net with schema extensions;
create extension if not exists pg_cron with schema pg_catalog;
create extension if not exists supabase_vault;
