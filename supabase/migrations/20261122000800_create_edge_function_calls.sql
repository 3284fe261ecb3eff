-- How the database calls the Edge Functions, and how they read their secrets.
-- Why one function: the only place that reads the function key, names its headers and fixes its time-out.
-- pg_net follows redirects and sends the headers along, so the key goes to the project's own host or to loopback alone.

create function fb_ads.is_project_url(url text)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(
    url ~ '^https://[a-z0-9]{8,40}\.supabase\.(co|red|green)/?$'
    or url ~ '^https?://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?/?$'
    or exists (
      select
      from fb_ads.settings as settings
      where settings.project_host is not null
        and (
          lower(substring(url from '^https://([A-Za-z0-9.-]+)(?::[0-9]{1,5})?/?$')) = settings.project_host
          -- A name without a dot, or Docker's own, cannot be reached from outside: the gateway beside a database in a container.
          or (
            (settings.project_host !~ '\.' or settings.project_host = 'host.docker.internal')
            and lower(substring(url from '^http://([A-Za-z0-9.-]+)(?::[0-9]{1,5})?/?$')) = settings.project_host
          )
        )
    ),
    false
  );
$$;

revoke execute on function fb_ads.is_project_url(text) from public, anon, authenticated;
comment on function fb_ads.is_project_url(text) is
  'Whether the function key may be sent to this address: https on <ref>.supabase.co or on settings.project_host, or loopback. No path, no user, no query.';

create function fb_ads.invoke_edge_function(slug text, body jsonb default '{}')
returns bigint
language plpgsql
volatile
-- definer: it reads two Vault secrets for callers (triggers, cron) that must not see them.
security definer
set search_path = ''
as $$
declare
  project_url text;
  function_key text;
begin
  if slug is null or slug !~ '^[a-z][a-z0-9-]{0,62}$' then
    raise exception 'not the slug of an Edge Function: %', coalesce(slug, 'null');
  end if;

  select
    max(secret.decrypted_secret) filter (where secret.name = 'fb_ads_project_url'),
    max(secret.decrypted_secret) filter (where secret.name = 'fb_ads_function_key')
  into project_url, function_key
  from vault.decrypted_secrets as secret
  where secret.name in ('fb_ads_project_url', 'fb_ads_function_key');

  if nullif(project_url, '') is null then
    raise exception 'the Vault secret fb_ads_project_url is missing'
      using hint = 'select vault.create_secret(''https://<ref>.supabase.co'', ''fb_ads_project_url'');';
  end if;
  if nullif(function_key, '') is null then
    raise exception 'the Vault secret fb_ads_function_key is missing'
      using hint = 'Store the secret key named fb_ads there.';
  end if;
  if not fb_ads.is_project_url(project_url) then
    raise exception 'the Vault secret fb_ads_project_url is not an address of this project'
      using hint = 'Use https://<ref>.supabase.co, or set project_host in fb_ads.settings for another host.';
  end if;

  return net.http_post(
    url := rtrim(project_url, '/') || '/functions/v1/' || slug,
    body := coalesce(body, '{}'::jsonb),
    headers := jsonb_build_object('Content-Type', 'application/json', 'Prefer', 'respond-async', 'apikey', function_key),
    timeout_milliseconds := 5000
  );
end;
$$;

revoke execute on function fb_ads.invoke_edge_function(text, jsonb) from public, anon, authenticated;
comment on function fb_ads.invoke_edge_function(text, jsonb) is
  'Posts body to an Edge Function of this project once the transaction commits; returns pg_net''s request id, which is no durable key. Called by cron jobs and triggers. Raises, naming it, when a Vault secret is missing or the URL is another host''s. The function answers 202 at once.';

create function public.fb_read_secret(name text)
returns text
language plpgsql
stable
-- definer: schema vault is not exposed; this gives out the named secrets and no other.
security definer
set search_path = ''
as $$
begin
  if fb_read_secret.name is null
    or fb_read_secret.name !~ '^(meta_marketing_api_token|meta_capi_access_token(_[0-9]{1,30})?|meta_(marketing|capi)_app_secret|fb_ads_alert_webhook)$' then
    raise exception 'not a secret of this suite' using errcode = '22023';
  end if;
  return (
    select nullif(secret.decrypted_secret, '')
    from vault.decrypted_secrets as secret
    where secret.name = fb_read_secret.name
  );
end;
$$;

revoke execute on function public.fb_read_secret(text) from public, anon, authenticated;
grant execute on function public.fb_read_secret(text) to service_role;
comment on function public.fb_read_secret(text) is
  'Gives an Edge Function one Vault secret: meta_marketing_api_token, meta_capi_access_token, meta_capi_access_token_<pixel id>, meta_marketing_app_secret, meta_capi_app_secret or fb_ads_alert_webhook; null where it is not stored, an error (22023) for any other name.';

create function fb_ads.token_fingerprint(token text)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(token, 'UTF8')), 'hex'), 16);
$$;

revoke execute on function fb_ads.token_fingerprint(text) from public, anon, authenticated;
grant execute on function fb_ads.token_fingerprint(text) to service_role;
comment on function fb_ads.token_fingerprint(text) is
  'Name of a token that does not give it away: the first 16 hex digits of its SHA-256. The same as in the functions.';
