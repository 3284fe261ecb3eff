-- The ad tree: campaigns, ad sets, ads. One row an object, kept for good: a deleted object keeps its row, for its spend refers to it.
-- Why names are nullable: an insight may arrive before its ad. Then a stub of the bare ids stands here until a sync fills it.

create table public.ad_campaigns (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  fb_campaign_id text not null unique,
  name text,
  objective text,
  status text,
  effective_status text,
  start_time timestamptz,
  stop_time timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index ad_campaigns_account_id_idx on public.ad_campaigns (account_id);

comment on table public.ad_campaigns is 'Campaigns of the enabled ad accounts, archived and deleted ones included.';
comment on column public.ad_campaigns.id is 'Our key, elsewhere campaign_id.';
comment on column public.ad_campaigns.account_id is 'The ad account that the campaign belongs to.';
comment on column public.ad_campaigns.fb_campaign_id is 'Meta''s id of the campaign; digits beyond 2^53, so text.';
comment on column public.ad_campaigns.name is 'Name at Meta. Null in a stub.';
comment on column public.ad_campaigns.objective is 'Meta''s objective, such as OUTCOME_SALES.';
comment on column public.ad_campaigns.status is 'What the advertiser set: ACTIVE, PAUSED, ARCHIVED, DELETED.';
comment on column public.ad_campaigns.effective_status is 'What Meta computes from the campaign and its surroundings; DELETED only after a by-id check.';
comment on column public.ad_campaigns.start_time is 'When the campaign starts to run.';
comment on column public.ad_campaigns.stop_time is 'When the campaign stops; null when it is open-ended.';
comment on column public.ad_campaigns.created_at is 'When the campaign was first stored here.';
comment on column public.ad_campaigns.updated_at is 'When a column of this row last changed.';

create table public.ad_adsets (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  campaign_id uuid not null references public.ad_campaigns (id) on delete cascade,
  fb_adset_id text not null unique,
  name text,
  status text,
  effective_status text,
  daily_budget numeric,
  lifetime_budget numeric,
  targeting_summary text,
  start_time timestamptz,
  stop_time timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index ad_adsets_account_id_idx on public.ad_adsets (account_id);
create index ad_adsets_campaign_id_idx on public.ad_adsets (campaign_id);

comment on table public.ad_adsets is 'Ad sets of the enabled ad accounts, archived and deleted ones included.';
comment on column public.ad_adsets.id is 'Our key, elsewhere adset_id.';
comment on column public.ad_adsets.account_id is 'The ad account that the ad set belongs to.';
comment on column public.ad_adsets.campaign_id is 'The campaign that the ad set belongs to.';
comment on column public.ad_adsets.fb_adset_id is 'Meta''s id of the ad set.';
comment on column public.ad_adsets.name is 'Name at Meta. Null in a stub.';
comment on column public.ad_adsets.status is 'What the advertiser set.';
comment on column public.ad_adsets.effective_status is 'What Meta computes, such as CAMPAIGN_PAUSED; DELETED only after a by-id check.';
comment on column public.ad_adsets.daily_budget is 'Budget a day in major units of the account''s currency; null when the campaign holds the budget.';
comment on column public.ad_adsets.lifetime_budget is 'Budget for the whole run in major units of the account''s currency; null when there is none.';
comment on column public.ad_adsets.targeting_summary is 'Meta''s targeting in one readable line of at most 500 characters.';
comment on column public.ad_adsets.start_time is 'When the ad set starts to run.';
comment on column public.ad_adsets.stop_time is 'When the ad set stops (Meta''s end_time); null when it is open-ended.';
comment on column public.ad_adsets.created_at is 'When the ad set was first stored here.';
comment on column public.ad_adsets.updated_at is 'When a column of this row last changed.';

create table public.ad_ads (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  adset_id uuid not null references public.ad_adsets (id) on delete cascade,
  fb_ad_id text not null unique,
  name text,
  status text,
  effective_status text,
  creative_id text,
  creative_summary text,
  url_tags text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index ad_ads_account_id_idx on public.ad_ads (account_id);
create index ad_ads_adset_id_idx on public.ad_ads (adset_id);

comment on table public.ad_ads is 'Ads of the enabled ad accounts, archived and deleted ones included.';
comment on column public.ad_ads.id is 'Our key, elsewhere ad_id.';
comment on column public.ad_ads.account_id is 'The ad account that the ad belongs to.';
comment on column public.ad_ads.adset_id is 'The ad set that the ad belongs to; its campaign is the ad set''s.';
comment on column public.ad_ads.fb_ad_id is 'Meta''s id of the ad.';
comment on column public.ad_ads.name is 'Name at Meta. Null in a stub.';
comment on column public.ad_ads.status is 'What the advertiser set.';
comment on column public.ad_ads.effective_status is 'What Meta computes, such as ADSET_PAUSED; DELETED only after a by-id check.';
comment on column public.ad_ads.creative_id is 'Meta''s id of the creative that the ad shows.';
comment on column public.ad_ads.creative_summary is 'The creative in one readable line of at most 500 characters.';
comment on column public.ad_ads.url_tags is 'Meta''s url_tags of the creative: the parameters that Meta adds to the landing page''s address. Attribution needs the ad''s id in them.';
comment on column public.ad_ads.created_at is 'When the ad was first stored here.';
comment on column public.ad_ads.updated_at is 'When a column of this row last changed.';

alter table public.ad_campaigns enable row level security;
alter table public.ad_adsets enable row level security;
alter table public.ad_ads enable row level security;
grant select, insert, update, delete on public.ad_campaigns, public.ad_adsets, public.ad_ads to service_role;
grant select on public.ad_campaigns, public.ad_adsets, public.ad_ads to fb_ads_reader;
create policy reader_reads_ad_campaigns on public.ad_campaigns for select to fb_ads_reader using (true);
create policy reader_reads_ad_adsets on public.ad_adsets for select to fb_ads_reader using (true);
create policy reader_reads_ad_ads on public.ad_ads for select to fb_ads_reader using (true);
