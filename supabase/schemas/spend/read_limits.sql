-- How an account's insights are best read: what worked, what Meta refused, and how many days to ask for at a time.

create table fb_ads.insight_reads (
  account_id uuid primary key references public.ad_accounts (id) on delete cascade,
  sync_max_days integer,
  sync_refused_at timestamptz,
  range_max_days integer,
  range_refused_at timestamptz,
  window_until date,
  updated_at timestamptz not null default now(),
  constraint sync_limit_has_a_time check ((sync_max_days is null) = (sync_refused_at is null)),
  constraint range_limit_has_a_time check ((range_max_days is null) = (range_refused_at is null)),
  constraint sync_max_days_is_not_negative check (sync_max_days >= 0),
  constraint range_max_days_is_positive check (range_max_days >= 1)
);

comment on table fb_ads.insight_reads is
  'How an account''s insights are best read: what worked and what Meta refused. A refusal counts for 30 days.';
comment on column fb_ads.insight_reads.account_id is 'The ad account.';
comment on column fb_ads.insight_reads.sync_max_days is
  'Longest range in days that is still read at once; 0: every range is a report. Null: Meta has refused none.';
comment on column fb_ads.insight_reads.sync_refused_at is 'When Meta last refused to answer a range at once.';
comment on column fb_ads.insight_reads.range_max_days is
  'Longest range in days that one job asks for. Null: nothing was ever too large.';
comment on column fb_ads.insight_reads.range_refused_at is 'When a range last had to be split.';
comment on column fb_ads.insight_reads.window_until is
  'Last local day of the newest window that was read completely; a later gap is read anew.';
comment on column fb_ads.insight_reads.updated_at is 'When the row last changed.';

alter table fb_ads.insight_reads enable row level security;

create function fb_ads.expected_daily_rows(account_id uuid)
returns numeric language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    (
      select max(recent.row_count::numeric / (recent.until - recent.since + 1))
      from (
        select job.row_count, job.since, job.until
        from fb_ads.sync_jobs as job
        where job.account_id = expected_daily_rows.account_id
          and job.kind = 'insights'
          and job.state = 'done'
          and job.object_ids is null
        order by job.created_at desc
        limit 10
      ) as recent
    ),
    (
      select count(*)
      from public.ad_ads as ad
      where ad.account_id = expected_daily_rows.account_id and ad.effective_status = 'ACTIVE'
    )
  );
$$;

comment on function fb_ads.expected_daily_rows(uuid) is
  'How many rows a day of an account has, by the last ranges that were read; before the first, its active ads.';

create function fb_ads.refused_above(account_id uuid)
returns integer language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select habit.sync_max_days
  from fb_ads.insight_reads as habit
  where habit.account_id = refused_above.account_id and habit.sync_refused_at > now() - interval '30 days';
$$;

comment on function fb_ads.refused_above(uuid) is
  'Up to how many days Meta answers at once for the account; null: it has refused none in 30 days.';

create function fb_ads.insight_limits(account_id uuid)
returns table (sync_days integer, range_days integer)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    least(
      fb_ads.refused_above(insight_limits.account_id),
      case
        when settings.insights_sync_rows = 0 then 0
        else floor(
          settings.insights_sync_rows / greatest(1, fb_ads.expected_daily_rows(insight_limits.account_id))
        )::integer
      end
    ),
    coalesce(case when habit.range_refused_at > now() - interval '30 days' then least(habit.range_max_days, 7) end, 7)
  from fb_ads.settings as settings
  left join fb_ads.insight_reads as habit on habit.account_id = insight_limits.account_id;
$$;

comment on function fb_ads.insight_limits(uuid) is
  'Up to how many days a range of the account is read at once, and how many days a range may have (at most 7).';
