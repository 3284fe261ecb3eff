-- How an account is best read: what Meta refuses of it, learned once. Every job of the account reads this row when it
-- is claimed, so that siblings and the next night do not ask for what Meta has refused already.
-- Why findings end: Meta changes its mind, so each is tried again after a week, and all of them with another token or
-- another version of the API.

create table fb_ads.account_reads (
  account_id uuid primary key references public.ad_accounts (id) on delete cascade,
  refused_fields text[] not null default '{}',
  fields_refused_at timestamptz,
  ad_fields jsonb not null default '{}',
  ad_fields_refused_at timestamptz,
  list_page_max integer,
  insights_page_max integer,
  pages_refused_at timestamptz,
  sync_max_days integer,
  sync_refused_at timestamptz,
  range_max_days integer,
  range_refused_at timestamptz,
  range_max_ads integer,
  ads_refused_at timestamptz,
  insights_refusal jsonb,
  insights_refused_at timestamptz,
  learned_with text,
  window_until date,
  updated_at timestamptz not null default now(),
  constraint fields_have_a_time check ((refused_fields = '{}') = (fields_refused_at is null)),
  constraint ad_fields_have_a_time check ((ad_fields = '{}') = (ad_fields_refused_at is null)),
  constraint sync_limit_has_a_time check ((sync_max_days is null) = (sync_refused_at is null)),
  constraint range_limit_has_a_time check ((range_max_days is null) = (range_refused_at is null)),
  constraint ads_limit_has_a_time check ((range_max_ads is null) = (ads_refused_at is null)),
  constraint insights_refusal_has_a_time check ((insights_refusal is null) = (insights_refused_at is null)),
  constraint sync_max_days_is_not_negative check (sync_max_days >= 0),
  constraint limits_are_positive check (
    range_max_days >= 1 and range_max_ads >= 1 and list_page_max >= 1 and insights_page_max >= 1
  )
);

comment on table fb_ads.account_reads is
  'How an account is best read: what Meta refused and when. A finding counts for a week, with the token and the API '
  'version that it was made with.';
comment on column fb_ads.account_reads.account_id is 'The ad account.';
comment on column fb_ads.account_reads.refused_fields is
  'Fields that Meta does not give of the account, with their list: ads.creative, insights.reach.';
comment on column fb_ads.account_reads.fields_refused_at is 'When the first of refused_fields was refused.';
comment on column fb_ads.account_reads.ad_fields is
  'Ads that are asked for by id: Meta''s ad id and the fields without which alone it gives their figures, {"<id>": '
  '["actions"]}; no fields where it is the ad''s status that no filter names.';
comment on column fb_ads.account_reads.ad_fields_refused_at is 'When the first of ad_fields was found.';
comment on column fb_ads.account_reads.list_page_max is
  'Largest page of a list that Meta gives, in objects; null: it has refused none.';
comment on column fb_ads.account_reads.insights_page_max is
  'Largest page of insights that Meta gives, in rows; null: it has refused none.';
comment on column fb_ads.account_reads.pages_refused_at is 'When the first page was too large.';
comment on column fb_ads.account_reads.sync_max_days is
  'Longest range in days that is still read at once; 0: every range is a report. Null: Meta has refused none.';
comment on column fb_ads.account_reads.sync_refused_at is 'When Meta last refused to answer a range at once.';
comment on column fb_ads.account_reads.range_max_days is
  'Longest range in days that one job asks for. Null: nothing was ever too large.';
comment on column fb_ads.account_reads.range_refused_at is 'When a range last had to be split by date.';
comment on column fb_ads.account_reads.range_max_ads is
  'Most ads that one job asks for. Null: no day was ever too large.';
comment on column fb_ads.account_reads.ads_refused_at is 'When a day last had to be split by ads.';
comment on column fb_ads.account_reads.insights_refusal is
  'Why Meta gives no insights of the account at all: code, reason, Meta''s code and error_subcode, message.';
comment on column fb_ads.account_reads.insights_refused_at is 'Since when it gives none; null while it does.';
comment on column fb_ads.account_reads.learned_with is
  'Fingerprint of the token and API version of the run that made the findings.';
comment on column fb_ads.account_reads.window_until is
  'Last local day of the newest window that was read completely; a later gap is read anew.';
comment on column fb_ads.account_reads.updated_at is 'When the row last changed.';

alter table fb_ads.account_reads enable row level security;
create policy reader_reads_account_reads on fb_ads.account_reads for select to fb_ads_reader using (true);

create function fb_ads.forget_findings(credentials text)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.account_reads as known
  set
    refused_fields = case when known.fields_refused_at > age.oldest then known.refused_fields else '{}' end,
    fields_refused_at = case when known.fields_refused_at > age.oldest then known.fields_refused_at end,
    ad_fields = case when known.ad_fields_refused_at > age.oldest then known.ad_fields else '{}' end,
    ad_fields_refused_at = case when known.ad_fields_refused_at > age.oldest then known.ad_fields_refused_at end,
    list_page_max = case when known.pages_refused_at > age.oldest then known.list_page_max end,
    insights_page_max = case when known.pages_refused_at > age.oldest then known.insights_page_max end,
    pages_refused_at = case when known.pages_refused_at > age.oldest then known.pages_refused_at end,
    sync_max_days = case when known.sync_refused_at > age.oldest then known.sync_max_days end,
    sync_refused_at = case when known.sync_refused_at > age.oldest then known.sync_refused_at end,
    range_max_days = case when known.range_refused_at > age.oldest then known.range_max_days end,
    range_refused_at = case when known.range_refused_at > age.oldest then known.range_refused_at end,
    range_max_ads = case when known.ads_refused_at > age.oldest then known.range_max_ads end,
    ads_refused_at = case when known.ads_refused_at > age.oldest then known.ads_refused_at end,
    insights_refusal = case when known.insights_refused_at > age.oldest then known.insights_refusal end,
    insights_refused_at = case when known.insights_refused_at > age.oldest then known.insights_refused_at end,
    learned_with = forget_findings.credentials,
    updated_at = now()
  from (
    select
      other.account_id,
      case when other.learned_with <> forget_findings.credentials then 'infinity' else now() - interval '7 days' end
        as oldest
    from fb_ads.account_reads as other
  ) as age
  where age.account_id = known.account_id
    and least(
      known.fields_refused_at, known.ad_fields_refused_at, known.pages_refused_at, known.sync_refused_at,
      known.range_refused_at, known.ads_refused_at, known.insights_refused_at
    ) <= age.oldest;
$$;

comment on function fb_ads.forget_findings(text) is
  'Forgets findings that are a week old, and those made with other credentials (token fingerprint and API version): '
  'the next job tries what was refused.';

create function fb_ads.open_findings(job fb_ads.sync_jobs)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.account_reads as known (account_id, learned_with)
  select
    job.account_id,
    (
      select concat_ws(' ', run.token_fingerprint, run.api_version)
      from fb_ads.sync_runs as run
      where run.id = job.run_id
    )
  on conflict (account_id) do update set learned_with = excluded.learned_with, updated_at = now();
$$;

comment on function fb_ads.open_findings(fb_ads.sync_jobs) is
  'Makes sure that the account of a job has its row before a finding is written into it.';

create function fb_ads.field_list_of(job fb_ads.sync_jobs)
returns text language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case when job.kind in ('objects', 'missing_objects') then job.object_level || 's' else job.kind end;
$$;

comment on function fb_ads.field_list_of(fb_ads.sync_jobs) is
  'Under which name refused_fields keeps the fields of a job: campaigns, adsets, ads or insights.';

create function fb_ads.refused_fields_of(job fb_ads.sync_jobs)
returns text[] language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select array(
    select split_part(refused.name, '.', 2)
    from fb_ads.account_reads as known
    cross join lateral unnest(known.refused_fields) as refused (name)
    where known.account_id = job.account_id and split_part(refused.name, '.', 1) = fb_ads.field_list_of(job)
  );
$$;

comment on function fb_ads.refused_fields_of(fb_ads.sync_jobs) is
  'Fields that the job does not ask for, because Meta refuses them for its account.';

create function fb_ads.learn_refused_fields(job fb_ads.sync_jobs, dropped jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  refused text[];
begin
  -- What an object by itself or a few ads are read without says nothing of the account.
  if job.account_id is null
    or job.kind in ('objects', 'missing_objects')
    or job.params ?| array['field_trial', 'ads_without']
    or coalesce(jsonb_array_length(dropped), 0) = 0 then
    return;
  end if;
  refused := array(
    select fb_ads.field_list_of(job) || '.' || field.name from jsonb_array_elements_text(dropped) as field (name)
  );
  if exists (
    select from fb_ads.account_reads as known
    where known.account_id = job.account_id and known.refused_fields @> refused
  ) then
    return;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set
    refused_fields = array(
      select distinct all_fields.name from unnest(known.refused_fields || refused) as all_fields (name) order by 1
    ),
    fields_refused_at = coalesce(known.fields_refused_at, now())
  where known.account_id = job.account_id;
end;
$$;

comment on function fb_ads.learn_refused_fields(fb_ads.sync_jobs, jsonb) is
  'After Meta answered a job without fields that it had refused: no other job of the account asks for them.';

create function fb_ads.learn_page_max(job fb_ads.sync_jobs, page_max integer)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  -- Meta's own default. Where even that is too much, it is one page that is heavy, or a bad moment.
  rows integer := greatest(page_max, 25);
  is_insights boolean := job.kind in ('insights', 'reconciliation');
begin
  if job.account_id is null or page_max is null then
    return;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set
    insights_page_max = case
      when is_insights then least(known.insights_page_max, rows) else known.insights_page_max
    end,
    list_page_max = case when is_insights then known.list_page_max else least(known.list_page_max, rows) end,
    pages_refused_at = coalesce(known.pages_refused_at, now())
  where known.account_id = job.account_id;
end;
$$;

comment on function fb_ads.learn_page_max(fb_ads.sync_jobs, integer) is
  'After a page that Meta gave only in a smaller size: the account''s jobs keep to that size, but never below 25.';
