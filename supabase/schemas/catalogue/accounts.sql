-- Ad accounts that the Marketing API token can read.
-- Why disabled ones are stored too: an operator sees what could be switched on, and the syncs read only what somebody
-- switched on.

create table public.ad_accounts (
  id uuid primary key default gen_random_uuid(),
  fb_account_id text not null unique,
  name text,
  currency text,
  timezone_name text,
  status text,
  enabled boolean not null default false,
  configured boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint fb_account_id_is_digits check (fb_account_id ~ '^[0-9]{1,20}$')
);

comment on table public.ad_accounts is
  'Meta ad accounts. One row an account that the token can read or that FB_ADS_ACCOUNT_IDS names.';
comment on column public.ad_accounts.id is 'Our key; the other ad_* tables refer to it as account_id.';
comment on column public.ad_accounts.fb_account_id is 'Meta''s account_id: digits without act_.';
comment on column public.ad_accounts.name is 'The account''s name at Meta.';
comment on column public.ad_accounts.currency is
  'ISO 4217 code in which Meta bills the account; budgets and spend are in it. Fixed for the life of the account.';
comment on column public.ad_accounts.timezone_name is
  'IANA time zone of the account: its days are the days of ad_spend.date.';
comment on column public.ad_accounts.status is
  'Meta''s account_status in words (ACTIVE, DISABLED, UNSETTLED, ...); a number that is new to us stays a number.';
comment on column public.ad_accounts.enabled is
  'Whether the syncs read this account. Follows FB_ADS_ACCOUNT_IDS when that changes; may be changed by hand between.';
comment on column public.ad_accounts.configured is
  'Whether FB_ADS_ACCOUNT_IDS named the account (or was *) when it was last seen. '
  'A change of this, and nothing else, moves enabled.';
comment on column public.ad_accounts.created_at is 'When the account was first seen.';
comment on column public.ad_accounts.updated_at is 'When a column of this row last changed.';

alter table public.ad_accounts enable row level security;
create policy reader_reads_ad_accounts on public.ad_accounts for select to fb_ads_reader using (true);

create function fb_ads.upsert_accounts(rows jsonb)
returns bigint language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with incoming as (
    select distinct on (r.fb_account_id) r.*
    from jsonb_populate_recordset(null::public.ad_accounts, rows) as r
    order by r.fb_account_id
  ),
  written as (
    insert into public.ad_accounts as a (fb_account_id, name, currency, timezone_name, status, configured, enabled)
    select
      i.fb_account_id, i.name, i.currency, i.timezone_name, i.status, coalesce(i.configured, false),
      coalesce(i.configured, false)
    from incoming as i
    order by i.fb_account_id
    on conflict (fb_account_id) do update set
      name = coalesce(excluded.name, a.name),
      currency = coalesce(excluded.currency, a.currency),
      timezone_name = coalesce(excluded.timezone_name, a.timezone_name),
      status = coalesce(excluded.status, a.status),
      configured = excluded.configured,
      -- Only a change of the configuration moves `enabled`, so that a switch set by hand stays.
      enabled = case when excluded.configured = a.configured then a.enabled else excluded.configured end,
      updated_at = now()
    where (
      coalesce(excluded.name, a.name), coalesce(excluded.currency, a.currency),
      coalesce(excluded.timezone_name, a.timezone_name), coalesce(excluded.status, a.status), excluded.configured
    )
      is distinct from (a.name, a.currency, a.timezone_name, a.status, a.configured)
    returning 1
  )
  select count(*) from written;
$$;

comment on function fb_ads.upsert_accounts(jsonb) is
  'Stores accounts [{fb_account_id, name, currency, timezone_name, status, configured}]; returns how many rows it '
  'wrote. New accounts are enabled when configured.';

create function fb_ads.account_ids_of(fb_account_ids jsonb)
returns uuid[] language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case when jsonb_typeof(fb_account_ids) = 'array' then array(
    select account.id
    from public.ad_accounts as account
    where account.fb_account_id in (select jsonb_array_elements_text(fb_account_ids))
  ) end;
$$;

comment on function fb_ads.account_ids_of(jsonb) is
  'Our ids of a JSON list of Meta''s account ids; null when there is no list.';

create function fb_ads.refused_accounts(request jsonb)
returns jsonb language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'fb_account_id', named.fb_account_id, 'reason', case when account.id is null then 'unknown' else 'disabled' end
      )
      order by named.position
    ),
    '[]'
  )
  from jsonb_array_elements_text(request -> 'account_ids') with ordinality as named (fb_account_id, position)
  left join public.ad_accounts as account on account.fb_account_id = named.fb_account_id
  where jsonb_typeof(request -> 'account_ids') = 'array'
    and not coalesce(account.enabled, false);
$$;

comment on function fb_ads.refused_accounts(jsonb) is
  'Which of the request''s account_ids cannot be synced, and why: unknown, or disabled.';

create function fb_ads.owner_of_objects(account_id uuid, fb_account_id text)
returns uuid language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if owner_of_objects.fb_account_id is null then
    return owner_of_objects.account_id;
  end if;
  insert into public.ad_accounts as account (fb_account_id)
  values (owner_of_objects.fb_account_id)
  on conflict do nothing;
  return (
    select account.id from public.ad_accounts as account where account.fb_account_id = owner_of_objects.fb_account_id
  );
end;
$$;

comment on function fb_ads.owner_of_objects(uuid, text) is
  'The account that objects read by id belong to: the one Meta named, which is '
  'stored disabled when it is new, else the job''s.';
