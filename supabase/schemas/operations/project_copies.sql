-- Which project this database belongs to, and how a copy of another is found out.
-- Why copies are looked for: a branch with data and a restored backup carry Vault and the cron jobs of the project that
-- they were made of.

create function fb_ads.project_ref(url text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select substring(lower(btrim(url, E' \t\r\n')) from '^https://([a-z0-9]{8,40})\.supabase\.(?:co|red|green)/?$');
$$;

comment on function fb_ads.project_ref(text) is
  'The ref of a hosted project in its URL; null for loopback, custom domains and everything else, which tell '
  'nothing.';

create function fb_ads.adopt_project(url text)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
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

comment on function fb_ads.adopt_project(text) is
  'Tells this database which project it belongs to: stores the URL in Vault (fb_ads_project_url) and renews the key '
  'of the schedule. Makes a copy of another project work by itself, within a minute.';

create table fb_ads.function_project (
  id boolean primary key default true,
  project_ref text not null,
  seen_at timestamptz not null default now(),
  constraint function_project_is_one_row check (id)
);

comment on table fb_ads.function_project is
  'The hosted project that the Edge Functions of this database last said they run in: at most one row. Vault''s '
  'fb_ads_project_url names the project that the schedule calls.';
comment on column fb_ads.function_project.id is 'Always true: there is one row.';
comment on column fb_ads.function_project.project_ref is 'Its ref: the first label of SUPABASE_URL.';
comment on column fb_ads.function_project.seen_at is 'When a function first said so.';

alter table fb_ads.function_project enable row level security;

-- Definer: Vault is not exposed. It gives out a digest and the ref of a project, no secret.
create function public.fb_identify_project(request jsonb)
returns jsonb language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
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

comment on function public.fb_identify_project(jsonb) is
  'What a function must know before it works: {project_url: its SUPABASE_URL} -> {key_sha256: hex digest of the key '
  'of the schedule or null, copy_of: ref of the project that this one was copied from, or null}.';
