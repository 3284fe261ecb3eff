-- How many days of an account one request is given: by what Meta has refused, and by how many rows a day has.

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
  select known.sync_max_days from fb_ads.account_reads as known where known.account_id = refused_above.account_id;
$$;

comment on function fb_ads.refused_above(uuid) is
  'Up to how many days Meta answers at once for the account; null: it has refused none.';

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
    coalesce(least(known.range_max_days, 7), 7)
  from fb_ads.settings as settings
  left join fb_ads.account_reads as known on known.account_id = insight_limits.account_id;
$$;

comment on function fb_ads.insight_limits(uuid) is
  'Up to how many days a range of the account is read at once, and how many days a range may have (at most 7).';
