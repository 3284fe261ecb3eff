-- How Vault is read: the one place that does. People store secrets by hand, so white space around one is taken off, and
-- one that no header could carry is none; the alert secret_unusable names it.

create function fb_ads.read_vault_text(name text)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select nullif(btrim(secret.decrypted_secret, E' \t\r\n\u00a0\ufeff'), '')
  from vault.decrypted_secrets as secret
  where secret.name = read_vault_text.name;
$$;

comment on function fb_ads.read_vault_text(text) is
  'A Vault secret without white space around it; null where it is not stored or empty.';

create function fb_ads.is_token(text text)
returns boolean language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(is_token.text ~ '^[!#-&(-~]+$', false);
$$;

comment on function fb_ads.is_token(text) is
  'Whether a text may be a token, an app secret or an address: printable ASCII without a space or a quote.';

create function fb_ads.read_token(name text)
returns text language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case when fb_ads.is_token(stored.value) then stored.value end
  from (select fb_ads.read_vault_text(read_token.name) as value) as stored;
$$;

comment on function fb_ads.read_token(text) is
  'A token, an app secret or an address that Vault holds; null where it is not stored or of no use.';

-- Definer: schema vault is not exposed; this gives out the named secrets and no other.
create function public.fb_read_secret(name text)
returns text language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if fb_read_secret.name is null
    or fb_read_secret.name !~
      '^(meta_marketing_api_token|meta_capi_access_token(_[0-9]{1,30})?|meta_(marketing|capi)_app_secret'
        '|fb_ads_alert_webhook)$' then
    raise exception 'not a secret of this suite' using errcode = '22023';
  end if;
  return fb_ads.read_token(fb_read_secret.name);
end;
$$;

comment on function public.fb_read_secret(text) is
  'Gives an Edge Function one Vault secret: meta_marketing_api_token, meta_capi_access_token, '
  'meta_capi_access_token_<pixel id>, meta_marketing_app_secret, meta_capi_app_secret or fb_ads_alert_webhook; null '
  'where it is not stored or of no use, an error (22023) for any other name.';

create function fb_ads.token_fingerprint(token text)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(token, 'UTF8')), 'hex'), 16);
$$;

comment on function fb_ads.token_fingerprint(text) is
  'Name of a token that does not give it away: the first 16 hex digits of its SHA-256. The same as in the functions.';
