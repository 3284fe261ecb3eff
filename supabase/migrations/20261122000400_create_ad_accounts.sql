-- Ad accounts that the Marketing API token can read.
-- Why disabled ones are stored too: an operator sees what could be switched on, and nothing is read that nobody asked for.

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

comment on table public.ad_accounts is 'Meta ad accounts. One row an account that the token can read or that FB_ADS_ACCOUNT_IDS names.';
comment on column public.ad_accounts.id is 'Our key; the other ad_* tables refer to it as account_id.';
comment on column public.ad_accounts.fb_account_id is 'Meta''s account_id: digits without act_.';
comment on column public.ad_accounts.name is 'The account''s name at Meta.';
comment on column public.ad_accounts.currency is 'ISO 4217 code in which Meta bills the account; budgets and spend are in it. Fixed for the life of the account.';
comment on column public.ad_accounts.timezone_name is 'IANA time zone of the account: its days are the days of ad_spend.date.';
comment on column public.ad_accounts.status is 'Meta''s account_status in words (ACTIVE, DISABLED, UNSETTLED, ...); a number that is new to us stays a number.';
comment on column public.ad_accounts.enabled is 'Whether the syncs read this account. Follows FB_ADS_ACCOUNT_IDS when that changes; may be changed by hand between.';
comment on column public.ad_accounts.configured is 'Whether FB_ADS_ACCOUNT_IDS named the account (or was *) when it was last seen. A change of this, and nothing else, moves enabled.';
comment on column public.ad_accounts.created_at is 'When the account was first seen.';
comment on column public.ad_accounts.updated_at is 'When a column of this row last changed.';

alter table public.ad_accounts enable row level security;
grant select, insert, update, delete on public.ad_accounts to service_role;
grant select on public.ad_accounts to fb_ads_reader;
create policy reader_reads_ad_accounts on public.ad_accounts for select to fb_ads_reader using (true);
