-- Whether what is stored is what Meta says: for each account and day our sum over ads beside Meta's own total.
-- Why a tolerance: every row may be rounded by half a minor unit, and so may the total. A day past it is read once
-- more, and if Meta's total is still larger, once without naming the statuses of ads; if it is off after that, it is a
-- warning.

create table fb_ads.reconciliations (
  account_id uuid not null references public.ad_accounts (id) on delete cascade,
  date date not null,
  our_spend numeric not null,
  meta_spend numeric not null,
  difference numeric generated always as (our_spend - meta_spend) stored,
  row_count integer not null,
  currency text,
  tolerance numeric not null,
  state text not null,
  job_id bigint,
  checked_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  primary key (account_id, date),
  constraint state_is_known check (state in ('equal', 'young', 'rereading', 'off')),
  constraint equal_is_within_tolerance check (state <> 'equal' or abs(our_spend - meta_spend) <= tolerance)
);

comment on table fb_ads.reconciliations is
  'One row an account and day: what ad_spend adds up to and what Meta says of the whole account.';
comment on column fb_ads.reconciliations.account_id is 'The ad account.';
comment on column fb_ads.reconciliations.date is 'Calendar day in the account''s time zone.';
comment on column fb_ads.reconciliations.our_spend is 'Sum of ad_spend.spend of that day, in currency.';
comment on column fb_ads.reconciliations.meta_spend is
  'Meta''s level=account spend of that day; 0 where Meta reports nothing.';
comment on column fb_ads.reconciliations.difference is 'our_spend minus meta_spend.';
comment on column fb_ads.reconciliations.row_count is 'Rows of ad_spend of that day.';
comment on column fb_ads.reconciliations.currency is 'ISO 4217 code of the amounts.';
comment on column fb_ads.reconciliations.tolerance is 'Half a minor unit of the currency times (row_count + 1).';
comment on column fb_ads.reconciliations.state is
  'equal: within the tolerance; young: off, but younger than two days, whose figures still move; rereading: off, the '
  'day is read again; off: still off after that.';
comment on column fb_ads.reconciliations.job_id is 'The job that compared last; its row may be gone.';
comment on column fb_ads.reconciliations.checked_at is 'When it was last compared.';
comment on column fb_ads.reconciliations.created_at is 'When it was first compared.';

create index reconciliations_off_idx on fb_ads.reconciliations (account_id, date) where state = 'off';

alter table fb_ads.reconciliations enable row level security;
create policy reader_reads_reconciliations on fb_ads.reconciliations for select to fb_ads_reader using (true);

create function fb_ads.minor_unit(currency text)
returns numeric language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    when upper(currency) in ('CLP', 'COP', 'CRC', 'HUF', 'ISK', 'IDR', 'JPY', 'KRW', 'PYG', 'TWD', 'VND') then 1
    else 0.01
  end;
$$;

comment on function fb_ads.minor_unit(text) is
  'The smallest amount of a currency by Meta''s own offsets, which are not ISO 4217''s.';

create function fb_ads.was_split_by_ads(plan_id uuid, day date)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(bool_or(part.object_ids is not null) and not bool_or(part.params ? 'is_rest'), false)
  from fb_ads.sync_jobs as part
  where part.plan_id = was_split_by_ads.plan_id
    and part.kind = 'insights'
    and day between part.since and part.until;
$$;

comment on function fb_ads.was_split_by_ads(uuid, date) is
  'Whether a plan read a day by our own ads alone: then it misses ads that are not stored.';

create function fb_ads.was_read_unfiltered(plan_id uuid)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (
    select
    from fb_ads.sync_jobs as part
    where part.plan_id = was_read_unfiltered.plan_id
      and part.params ? 'is_unfiltered'
      -- Ads that are always asked for by themselves.
      and not part.params ? 'ads_without'
  );
$$;

comment on function fb_ads.was_read_unfiltered(uuid) is
  'Whether a plan read its days without naming the statuses of ads: then ads of a status that is new to us are in it.';

create function fb_ads.compare_days(job fb_ads.sync_jobs, rows jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with theirs as (
    select r.date, sum(r.spend) as spend
    from jsonb_to_recordset(rows) as r (date date, spend numeric)
    -- A recheck compares only the days that it read; the days between keep their result.
    where job.purpose <> 'recheck' or exists (
      select
      from fb_ads.sync_jobs as part
      where part.plan_id = job.plan_id and part.kind = 'insights' and r.date between part.since and part.until
    )
    group by r.date
  ),
  ours as (
    select d.date, sum(d.spend) as spend, count(*)::integer as row_count
    from public.ad_spend as d
    where d.account_id = job.account_id
      and d.date between (select min(theirs.date) from theirs) and (select max(theirs.date) from theirs)
    group by d.date
  ),
  compared as (
    select
      theirs.date,
      coalesce(ours.spend, 0) as our_spend,
      theirs.spend as meta_spend,
      coalesce(ours.row_count, 0) as row_count,
      account.currency,
      fb_ads.minor_unit(account.currency) / 2 * (coalesce(ours.row_count, 0) + 1) as tolerance,
      theirs.date > fb_ads.local_day(account.timezone_name) - 2 as is_young
    from theirs
    left join ours on ours.date = theirs.date
    join public.ad_accounts as account on account.id = job.account_id
  )
  insert into fb_ads.reconciliations as known (
    account_id, date, our_spend, meta_spend, row_count, currency, tolerance, state, job_id
  )
  select
    job.account_id, c.date, c.our_spend, c.meta_spend, c.row_count, c.currency, c.tolerance,
    case
      when abs(c.our_spend - c.meta_spend) <= c.tolerance then 'equal'
      when job.purpose = 'recheck' then case
        when c.is_young then 'young'
        when c.our_spend < c.meta_spend and not fb_ads.was_read_unfiltered(job.plan_id) then 'rereading'
        else 'off'
      end
      -- The figures of any other young day still move.
      when c.is_young and not fb_ads.was_split_by_ads(job.plan_id, c.date) then 'young'
      else 'rereading'
    end,
    job.id
  from compared as c
  order by c.date
  on conflict (account_id, date) do update set
    our_spend = excluded.our_spend,
    meta_spend = excluded.meta_spend,
    row_count = excluded.row_count,
    currency = excluded.currency,
    tolerance = excluded.tolerance,
    state = excluded.state,
    job_id = excluded.job_id,
    checked_at = now();
$$;

comment on function fb_ads.compare_days(fb_ads.sync_jobs, jsonb) is
  'Compares days of an account with Meta''s totals [{date, spend}] and keeps the result.';

create function fb_ads.end_comparison(job fb_ads.sync_jobs)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  plan uuid := gen_random_uuid();
begin
  -- A day without a row is a day without spend at Meta.
  perform fb_ads.compare_days(job, (
    select jsonb_agg(jsonb_build_object('date', day::date, 'spend', 0))
    from generate_series(job.since::timestamp, job.until, interval '1 day') as day
    where not exists (
      select
      from fb_ads.reconciliations as known
      where known.account_id = job.account_id and known.date = day::date and known.job_id = job.id
    )
  ));

  -- Up to 31 days are read once more, newest first; reading again does not cure a difference through a whole history.
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, page_size, params, not_before
  )
  select
    job.account_id, 'insights', 'recheck', plan, 105, off.date, off.date, settings.insights_page_size,
    -- A day that was split by ads is read page by page now, which also shows ads that are not stored.
    jsonb_build_object(
      'read',
      case when limits.sync_days >= 1 or fb_ads.was_split_by_ads(job.plan_id, off.date) then 'sync' else 'report' end
    )
      -- Still less than Meta's total: some of it may be of ads whose status no filter names. Without the filter no
      -- archived ad is shown, so nothing is taken for vanished.
      || case when job.purpose = 'recheck' then '{"is_unfiltered": true, "keep_rows": true}'::jsonb else '{}' end,
    fb_ads.throttled_until(job.account_id, 'insights')
  from (
    select known.date
    from fb_ads.reconciliations as known
    where known.account_id = job.account_id and known.job_id = job.id and known.state = 'rereading'
    order by known.date desc
    limit 31
  ) as off
  cross join fb_ads.settings as settings
  cross join fb_ads.insight_limits(job.account_id) as limits
  order by off.date desc;
  update fb_ads.reconciliations as known
  set state = 'off'
  where known.account_id = job.account_id
    and known.job_id = job.id
    and known.state = 'rereading'
    and not exists (select from fb_ads.sync_jobs as part where part.plan_id = plan and part.since = known.date);

  return (
    select coalesce(jsonb_agg(
      jsonb_build_object(
        'date', known.date, 'our_spend', known.our_spend::text, 'meta_spend', known.meta_spend::text,
        'difference', known.difference::text
      )
      order by known.date desc
    ), '[]')
    from fb_ads.reconciliations as known
    where known.account_id = job.account_id and known.job_id = job.id and known.state = 'off'
  );
end;
$$;

comment on function fb_ads.end_comparison(fb_ads.sync_jobs) is
  'Ends a comparison: days that Meta did not mention count as 0, days that are off are planned to be read once more. '
  'Returns those that stay off: [{date, our_spend, meta_spend, difference}].';

create function public.fb_store_account_days(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  differences jsonb := '[]';
begin
  perform fb_ads.compare_days(job, coalesce(request -> 'rows', '[]'));
  advanced := fb_ads.advance_sync_job(job, request);
  if advanced.state = 'done' then
    differences := fb_ads.end_comparison(advanced);
  end if;
  return jsonb_build_object(
    'state', fb_ads.settle_page(advanced, nullif(request -> 'throttle', 'null')),
    'next_job', null,
    'differences', differences
  );
end;
$$;

comment on function public.fb_store_account_days(jsonb) is
  'Stores a page of an account''s daily totals and compares them: {job_id, lease_id, rows: [{date, spend}], '
  'next_cursor, done, page_size, row_count, params, usage, throttle}. Returns {state, differences}. Raises lease_lost '
  '(409).';

create view public.ad_spend_reconciliation with (security_invoker = true) as
select
  account.fb_account_id,
  account.name as account_name,
  checked.date,
  checked.our_spend,
  checked.meta_spend,
  checked.difference,
  checked.tolerance,
  checked.currency,
  checked.row_count,
  checked.state,
  checked.state = 'off' as is_warning,
  checked.checked_at,
  checked.account_id
from fb_ads.reconciliations as checked
join public.ad_accounts as account on account.id = checked.account_id;

comment on view public.ad_spend_reconciliation is
  'For each account and day: what ad_spend adds up to, what Meta says, and the difference. is_warning: it stayed past '
  'the tolerance after the day was read again. Give it a range of dates.';
comment on column public.ad_spend_reconciliation.fb_account_id is 'Meta''s id of the ad account.';
comment on column public.ad_spend_reconciliation.account_name is 'Name of the ad account.';
comment on column public.ad_spend_reconciliation.date is 'Calendar day in the account''s time zone.';
comment on column public.ad_spend_reconciliation.our_spend is 'Sum of ad_spend.spend, in currency.';
comment on column public.ad_spend_reconciliation.meta_spend is 'Meta''s own total of the account.';
comment on column public.ad_spend_reconciliation.difference is 'our_spend minus meta_spend.';
comment on column public.ad_spend_reconciliation.tolerance is 'Difference that rounding explains.';
comment on column public.ad_spend_reconciliation.currency is 'ISO 4217 code of the amounts.';
comment on column public.ad_spend_reconciliation.row_count is 'Rows of ad_spend of that day.';
comment on column public.ad_spend_reconciliation.state is
  'equal, young, rereading or off, as in fb_ads.reconciliations.';
comment on column public.ad_spend_reconciliation.is_warning is 'Whether the day stayed off after it was read again.';
comment on column public.ad_spend_reconciliation.checked_at is 'When it was last compared.';
comment on column public.ad_spend_reconciliation.account_id is 'The ad account.';
