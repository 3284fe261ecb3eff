-- The key of the schedule, and how a copy of a project is found out.
-- Why a key of its own: any login role reads pg_net's queue, headers included. What lies there opens nothing but "do the work that waits".
-- Why copies are looked for: a branch with data and a restored backup carry Vault and cron jobs of the project they were made of.

create function fb_ads.read_vault_text(name text)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select nullif(btrim(secret.decrypted_secret, E' \t\r\n'), '')
  from vault.decrypted_secrets as secret
  where secret.name = read_vault_text.name;
$$;

create function fb_ads.project_ref(url text)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select substring(lower(btrim(url, E' \t\r\n')) from '^https://([a-z0-9]{8,40})\.supabase\.(?:co|red|green)/?$');
$$;

create function fb_ads.is_function_key(key text)
returns boolean
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(key ~ '^[A-Za-z0-9_-]{32,200}$' and key !~ '^sb_', false);
$$;

create function fb_ads.renew_function_key()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
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

create function fb_ads.adopt_project(url text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  address text := btrim(url, E' \t\r\n');
  stored_id uuid := (select secret.id from vault.secrets as secret where secret.name = 'fb_ads_project_url');
begin
  if not fb_ads.is_project_url(address) then
    raise exception 'this is not an address of a project'
      using hint = 'Use https://<ref>.supabase.co, or set project_host in fb_ads.settings for another host.';
  end if;
  if stored_id is null then
    perform vault.create_secret(address, 'fb_ads_project_url');
  else
    perform vault.update_secret(stored_id, address);
  end if;
  perform fb_ads.renew_function_key();
end;
$$;

create table fb_ads.function_project (
  id boolean primary key default true,
  project_ref text not null,
  seen_at timestamptz not null default now(),
  constraint function_project_is_one_row check (id)
);

comment on table fb_ads.function_project is
  'The hosted project that the Edge Functions of this database last said they run in: at most one row. Vault''s fb_ads_project_url names the project that the schedule calls.';
comment on column fb_ads.function_project.id is 'Always true: there is one row.';
comment on column fb_ads.function_project.project_ref is 'Its ref: the first label of SUPABASE_URL.';
comment on column fb_ads.function_project.seen_at is 'When a function first said so.';

alter table fb_ads.function_project enable row level security;
grant select on fb_ads.function_project to service_role;

create function public.fb_identify_project(request jsonb)
returns jsonb
language plpgsql
volatile
-- definer: Vault is not exposed. It gives out a digest and the ref of a project, no secret.
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  function_key text := fb_ads.read_vault_text('fb_ads_function_key');
  own_ref text := fb_ads.project_ref(request ->> 'project_url');
  vault_ref text := fb_ads.project_ref(fb_ads.read_vault_text('fb_ads_project_url'));
begin
  if own_ref is not null and not exists (
    select from fb_ads.function_project as known where known.project_ref = own_ref
  ) then
    insert into fb_ads.function_project as known (project_ref)
    values (own_ref)
    on conflict (id) do update set project_ref = excluded.project_ref, seen_at = now()
    where known.project_ref <> excluded.project_ref;
  end if;
  return jsonb_build_object(
    'key_sha256',
    case when fb_ads.is_function_key(function_key) then encode(sha256(convert_to(function_key, 'UTF8')), 'hex') end,
    'copy_of', case when own_ref <> vault_ref then vault_ref end
  );
end;
$$;

create or replace function fb_ads.invoke_edge_function(slug text, body jsonb default '{}')
returns bigint
language plpgsql
volatile
-- definer: it reads two Vault secrets for callers (triggers, cron) that must not see them.
security definer
set search_path = pg_catalog, pg_temp
as $$
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
    headers := jsonb_build_object('Content-Type', 'application/json', 'Prefer', 'respond-async', 'apikey', function_key),
    timeout_milliseconds := 5000
  );
end;
$$;

create or replace function fb_ads.secret_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
  with stored as materialized (
    select secret.name, nullif(btrim(secret.decrypted_secret, E' \t\r\n'), '') as value
    from vault.decrypted_secrets as secret
    where secret.name in ('meta_marketing_api_token', 'fb_ads_project_url', 'fb_ads_function_key')
      or secret.name like 'meta\_capi\_access\_token%'
  )
  select
    'secret_missing:' || wanted.name,
    -- Who has attached no table may read spend alone.
    case when wanted.name = 'meta_capi_access_token' and not exists (select from fb_ads.attached_tables) then 'warning' else 'error' end,
    'The Vault secret ' || wanted.name || ' is missing.', wanted.cost, wanted.remedy, null::timestamptz
  from (
    values
      (
        'meta_marketing_api_token', 'No campaign, no ad and no spend is read.',
        'Run "npm run deploy", or add it in the dashboard (Integrations > Vault): the system user''s token with ads_read.'
      ),
      (
        'fb_ads_project_url', 'Nothing is called: no sync runs, and sales wait.',
        'select fb_ads.adopt_project(''https://<ref>.supabase.co'');'
      ),
      (
        'fb_ads_function_key', 'Nothing is called: no sync runs, and sales wait.',
        'select fb_ads.renew_function_key();'
      ),
      (
        'meta_capi_access_token', 'Meta learns of no sale. Events older than 7 days are lost to it.',
        'Run "npm run deploy", or add it in the dashboard (Integrations > Vault): the pixel''s Conversions API token.'
      )
  ) as wanted (name, cost, remedy)
  where not exists (
    select from stored
    where stored.value is not null
      and (stored.name = wanted.name or (wanted.name = 'meta_capi_access_token' and stored.name like 'meta\_capi\_access\_token%'))
  )
  union all
  select
    'project_url', 'error', 'The Vault secret fb_ads_project_url is not an address of this project.',
    'Nothing is called: no sync runs, and sales wait.',
    'Store https://<ref>.supabase.co there, or name your own domain: update fb_ads.settings set project_host = ''<host>'' where id;',
    null
  from stored
  where stored.name = 'fb_ads_project_url' and stored.value is not null and not fb_ads.is_project_url(stored.value)
  union all
  select
    'function_key', 'error', 'The Vault secret fb_ads_function_key is not a key of the schedule.',
    'Nothing is called: no sync runs, and sales wait.', 'select fb_ads.renew_function_key();', null
  from stored
  where stored.name = 'fb_ads_function_key' and stored.value is not null and not fb_ads.is_function_key(stored.value)
  union all
  select
    'project_copy', 'error',
    'This is a copy of project ' || fb_ads.project_ref(stored.value) || ': its functions run in project ' || own.project_ref
      || ', and the Vault secret fb_ads_project_url names the other.',
    'Nothing is synced and nothing is sent from here, so that no account is read and no sale is counted twice.',
    'If this project is to work by itself, give it tokens of its own and run: select fb_ads.adopt_project(''https://'
      || own.project_ref || '.supabase.co'');',
    own.seen_at
  from stored
  join fb_ads.function_project as own on own.project_ref <> fb_ads.project_ref(stored.value)
  where stored.name = 'fb_ads_project_url'
  union all
  select
    'webhook_url', 'warning', 'The Vault secret fb_ads_alert_webhook is not an http or https address.',
    'Nobody is told when a trouble begins or ends; it is only in the view fb_alerts.',
    'Store the address of a Slack-compatible incoming webhook there.', null
  from vault.decrypted_secrets as secret
  where secret.name = 'fb_ads_alert_webhook' and secret.decrypted_secret <> '' and not fb_ads.is_webhook_url(secret.decrypted_secret);
$$;

revoke execute on function fb_ads.read_vault_text(text) from public, anon, authenticated;
revoke execute on function fb_ads.project_ref(text) from public, anon, authenticated;
revoke execute on function fb_ads.is_function_key(text) from public, anon, authenticated;
revoke execute on function fb_ads.renew_function_key() from public, anon, authenticated;
revoke execute on function fb_ads.adopt_project(text) from public, anon, authenticated;
revoke execute on function public.fb_identify_project(jsonb) from public, anon, authenticated;
grant execute on function public.fb_identify_project(jsonb) to service_role;

comment on function fb_ads.read_vault_text(text) is
  'A Vault secret without white space around it; null where it is not stored or empty.';
comment on function fb_ads.project_ref(text) is
  'The ref of a hosted project in its URL; null for loopback, custom domains and everything else, which tell nothing.';
comment on function fb_ads.is_function_key(text) is
  'Whether a text may be the key of the schedule: letters, digits, _ and -, at least 32 of them, and none of the project''s own keys.';
comment on function fb_ads.renew_function_key() is
  'Makes a new random key of the schedule in Vault (fb_ads_function_key). The functions know it within five seconds of its first use.';
comment on function fb_ads.adopt_project(text) is
  'Tells this database which project it belongs to: stores the URL in Vault (fb_ads_project_url) and renews the key of the schedule. Makes a copy of another project work by itself, within a minute.';
comment on function public.fb_identify_project(jsonb) is
  'What a function must know before it works: {project_url: its SUPABASE_URL} -> {key_sha256: hex digest of the key of the schedule or null, copy_of: ref of the project that this one was copied from, or null}.';
comment on function fb_ads.invoke_edge_function(text, jsonb) is
  'Posts body to an Edge Function of this project once the transaction commits; returns pg_net''s request id, which is no durable key. Called by cron jobs and triggers. Raises, naming it, when a Vault secret is missing or of no use. The function answers 202 at once.';

do $$
begin
  if fb_ads.read_vault_text('fb_ads_function_key') is null then
    perform fb_ads.renew_function_key();
  end if;
end;
$$;
