-- How the database calls the Edge Functions.
-- Why one function: it is the only place that reads the function key, names the headers and fixes the time-out.
-- pg_net follows redirects and sends the headers along, so the key goes to the project's own host or to loopback alone.
-- Why a key of its own: any login role reads pg_net's queue, headers included. What lies there is only good for asking
-- that waiting work be done.

create function fb_ads.is_project_url(url text)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    url ~ '^https://[a-z0-9]{8,40}\.supabase\.(co|red|green)/?$'
    or url ~ '^https?://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?/?$'
    or exists (
      select
      from fb_ads.settings as settings
      where settings.project_host is not null
        and (
          lower(substring(url from '^https://([A-Za-z0-9.-]+)(?::[0-9]{1,5})?/?$')) = settings.project_host
          -- A name without a dot, or Docker's own, cannot be reached from outside: the gateway beside a database in a
          -- container.
          or (
            (settings.project_host !~ '\.' or settings.project_host = 'host.docker.internal')
            and lower(substring(url from '^http://([A-Za-z0-9.-]+)(?::[0-9]{1,5})?/?$')) = settings.project_host
          )
        )
    ),
    false
  );
$$;

comment on function fb_ads.is_project_url(text) is
  'Whether the function key may be sent to this address: https on <ref>.supabase.co or on settings.project_host, or '
  'loopback. No path, no user, no query.';

create function fb_ads.is_function_key(key text)
returns boolean language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(key ~ '^[A-Za-z0-9_-]{32,200}$' and key !~ '^sb_', false);
$$;

comment on function fb_ads.is_function_key(text) is
  'Whether a text may be the key of the schedule: letters, digits, _ and -, at least 32 of them, and none of the '
  'project''s own keys.';

create function fb_ads.renew_function_key()
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  key text := 'fb_ads_' || replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
  stored_id uuid := (select secret.id from vault.secrets as secret where secret.name = 'fb_ads_function_key');
begin
  if stored_id is null then
    perform vault.create_secret(key, 'fb_ads_function_key', 'What the database shows the Edge Functions of fb_ads.');
  else
    perform vault.update_secret(stored_id, key);
  end if;
end;
$$;

comment on function fb_ads.renew_function_key() is
  'Makes a new random key of the schedule in Vault (fb_ads_function_key). The functions know it within five seconds '
  'of its first use.';

-- Definer: it reads two Vault secrets for callers (triggers, cron) that must not see them.
create function fb_ads.invoke_edge_function(slug text, body jsonb default '{}')
returns bigint language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  project_url text := fb_ads.read_vault_text('fb_ads_project_url');
  function_key text := fb_ads.read_vault_text('fb_ads_function_key');
begin
  if slug is null or slug !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'not the slug of an Edge Function: %', coalesce(slug, 'null');
  end if;
  if project_url is null then
    raise exception 'the Vault secret fb_ads_project_url is missing'
      using hint = 'select fb_ads.adopt_project(''https://<ref>.supabase.co'');';
  end if;
  if function_key is null then
    raise exception 'the Vault secret fb_ads_function_key is missing'
      using hint = 'select fb_ads.renew_function_key();';
  end if;
  if not fb_ads.is_project_url(project_url) then
    raise exception 'the Vault secret fb_ads_project_url is not an address of this project'
      using hint = 'Use https://<ref>.supabase.co, or set project_host in fb_ads.settings for another host.';
  end if;
  if not fb_ads.is_function_key(function_key) then
    raise exception 'the Vault secret fb_ads_function_key is not a key of the schedule'
      using hint = 'It is made here and nowhere else: select fb_ads.renew_function_key();';
  end if;
  return net.http_post(
    url := rtrim(project_url, '/') || '/functions/v1/' || slug,
    body := coalesce(body, '{}'::jsonb),
    headers := jsonb_build_object(
      'Content-Type', 'application/json', 'Prefer', 'respond-async', 'apikey', function_key
    ),
    timeout_milliseconds := 5000
  );
end;
$$;

comment on function fb_ads.invoke_edge_function(text, jsonb) is
  'Posts body to an Edge Function of this project once the transaction commits; returns pg_net''s request id, which '
  'is no durable key. Called by cron jobs and triggers. Raises, naming it, when a Vault secret is missing or of no '
  'use. The function answers 202 at once.';
