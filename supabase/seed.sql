-- The host of the demo: the two tables that the suite expects of an application that has none of its own.
-- `npm start` and `supabase db reset` run this after the migrations; a project with tables of its own never does.

create table if not exists public.unified_profiles (
  id uuid primary key default gen_random_uuid(),
  email text,
  phone text,
  first_name text,
  last_name text,
  city text,
  state text,
  zip text,
  country text
);

create table if not exists public.transactions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references public.unified_profiles (id),
  status text not null default 'pending',
  amount numeric not null,
  currency text not null,
  source text not null,
  created_at timestamptz not null default now(),
  completed_at timestamptz
);

create index if not exists transactions_completed_at_idx on public.transactions (completed_at);
create index if not exists transactions_user_id_idx on public.transactions (user_id);

alter table public.unified_profiles enable row level security;
alter table public.transactions enable row level security;

select fb_ads.attach_transactions('public.transactions');
