-- Cutting a range, before it is asked for, to what is known of its account: no more days and ads than Meta takes, and
-- ads whose figures it gives only in part by themselves.

create function fb_ads.ads_of_range(job fb_ads.sync_jobs)
returns table (fb_ad_id text, is_busy boolean)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    ad.fb_ad_id,
    ad.effective_status is not distinct from 'ACTIVE' or exists (
      select from public.ad_spend as d where d.ad_id = ad.id and d.date between job.since - 7 and job.until + 7
    )
  from public.ad_ads as ad
  where ad.account_id = job.account_id;
$$;

comment on function fb_ads.ads_of_range(fb_ads.sync_jobs) is
  'The stored ads of a job''s account, and whether they are likely to have spent on its days: they are active, or '
  'spent within a week of them.';

create function fb_ads.odd_ads_of(job fb_ads.sync_jobs)
returns table (fb_ad_id text, fields jsonb)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select odd.key, odd.value
  from fb_ads.account_reads as known
  cross join lateral jsonb_each(known.ad_fields) as odd
  where known.account_id = job.account_id
    and not job.params ?| array['ads_without', 'field_trial']
    and case
      when fb_ads.is_list_range(job) then odd.key = any (job.object_ids)
      else odd.key <> all (coalesce(job.object_ids, '{}'))
    end;
$$;

comment on function fb_ads.odd_ads_of(fb_ads.sync_jobs) is
  'Ads of a range that are asked for by id: Meta gives their figures only without some fields, or shows them in no '
  'filter by status (no fields).';

create function fb_ads.exceeds_findings(job fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select exists (select from fb_ads.odd_ads_of(job)) or exists (
    select
    from fb_ads.account_reads as known
    where known.account_id = job.account_id
      and not job.params ? 'ads_without'
      and (
        job.until - job.since + 1 > known.range_max_days
        or case
          when fb_ads.is_list_range(job) then cardinality(job.object_ids) > known.range_max_ads
          when job.object_ids is null and known.range_max_ads is not null then (
            select count(*) > known.range_max_ads from fb_ads.ads_of_range(job) as ads where ads.is_busy
          )
        end
      )
  );
$$;

comment on function fb_ads.exceeds_findings(fb_ads.sync_jobs) is
  'Whether a range is larger than what Meta is known to take of its account, or holds ads that it gives only in part.';

create function fb_ads.add_piece(job fb_ads.sync_jobs, since date, until date, object_ids text[], params jsonb)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sync_jobs (
    account_id, kind, purpose, plan_id, priority, since, until, object_level, object_ids, page_size, params
  )
  values (
    job.account_id, job.kind, job.purpose, job.plan_id, job.priority, add_piece.since, add_piece.until,
    case when add_piece.object_ids is not null then 'ad' end, add_piece.object_ids, job.page_size, add_piece.params
  );
$$;

comment on function fb_ads.add_piece(fb_ads.sync_jobs, date, date, text[], jsonb) is
  'Plans to read a piece of a range: these days, and these ads or, with is_rest in params, all others.';

create function fb_ads.pieces_by_ads(job fb_ads.sync_jobs, known fb_ads.account_reads)
returns table (object_ids text[], more jsonb)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  with odd as materialized (select ads.* from fb_ads.odd_ads_of(job) as ads),
  -- By name: a list, or where there are more busy ads than Meta takes at once. All others are the rest.
  named as materialized (
    select given.fb_ad_id
    from unnest(job.object_ids) as given (fb_ad_id)
    where fb_ads.is_list_range(job)
    union all
    select ads.fb_ad_id
    from fb_ads.ads_of_range(job) as ads
    where ads.is_busy
      and job.object_ids is null
      and (select count(*) > known.range_max_ads from fb_ads.ads_of_range(job) as all_ads where all_ads.is_busy)
  ),
  numbered as (
    select
      named.fb_ad_id,
      (row_number() over (order by named.fb_ad_id) - 1) / coalesce(known.range_max_ads, 1000000) as n
    from named
    where named.fb_ad_id not in (select odd.fb_ad_id from odd)
  ),
  rest as (
    select coalesce(job.object_ids, '{}') || array(
      select named.fb_ad_id from named union select odd.fb_ad_id from odd order by 1
    ) as ids
    where not fb_ads.is_list_range(job)
      -- A recheck looks for ads that are not stored, too.
      and (
        job.purpose = 'recheck'
        or not exists (select from named)
        or exists (
          select from fb_ads.ads_of_range(job) as idle
          where not exists (select from named where named.fb_ad_id = idle.fb_ad_id)
            and not exists (select from odd where odd.fb_ad_id = idle.fb_ad_id)
        )
      )
  ),
  -- A long list of ids fits into the body of a report's request and not into an address.
  cut as (
    select array_agg(numbered.fb_ad_id order by numbered.fb_ad_id) as ids, '{}'::jsonb as more
    from numbered
    group by numbered.n
    union all
    select nullif(rest.ids, '{}'), case when rest.ids = '{}' then '{}'::jsonb else '{"is_rest": true}' end from rest
  )
  select cut.ids, cut.more || case when cardinality(cut.ids) > 50 then '{"read": "report"}'::jsonb else '{}' end
  from cut
  union all
  -- Few rows, so they are read at once.
  select
    array_agg(odd.fb_ad_id order by odd.fb_ad_id),
    jsonb_build_object(
      'read', case when count(*) > 50 then 'report' else 'sync' end, 'ads_without', odd.fields, 'is_unfiltered', true
    )
  from odd
  group by odd.fields;
$$;

comment on function fb_ads.pieces_by_ads(fb_ads.sync_jobs, fb_ads.account_reads) is
  'The pieces of a range: lists of at most as many ads as Meta takes, the rest (all ads but those named), and ads that '
  'are read without some fields. object_ids null: all ads. more: what their params have beside the range''s.';

create function fb_ads.fit_range(job_id bigint)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := (select j from fb_ads.sync_jobs as j where j.id = fit_range.job_id);
  known fb_ads.account_reads := (select r from fb_ads.account_reads as r where r.account_id = job.account_id);
  kept jsonb := job.params - 'report' - 'is_rest' - 'is_part';
  piece record;
begin
  if job.kind <> 'insights' or job.report_run_id is not null or job.cursor is not null
    or not fb_ads.exceeds_findings(job) then
    return;
  end if;
  -- The days: the newest stay with the job.
  for piece in
    select chunk.part_since, chunk.part_until
    from fb_ads.insight_chunks(job.since, job.until, known.range_max_days) as chunk
    where chunk.part > 1
  loop
    perform fb_ads.add_piece(job, piece.part_since, piece.part_until, job.object_ids, job.params - 'is_part');
  end loop;
  job.since := greatest(job.since, coalesce(job.until - known.range_max_days + 1, job.since));
  update fb_ads.sync_jobs as j set since = job.since, params = j.params - 'is_part' where j.id = job.id;

  -- The ads: the first piece stays with the job.
  for piece in
    select cut.*, row_number() over () = 1 as is_first from fb_ads.pieces_by_ads(job, known) as cut
  loop
    if piece.is_first then
      update fb_ads.sync_jobs as j
      set
        object_ids = piece.object_ids, object_level = case when piece.object_ids is not null then 'ad' end,
        params = kept || piece.more
      where j.id = job.id;
    else
      perform fb_ads.add_piece(job, job.since, job.until, piece.object_ids, kept || piece.more);
    end if;
  end loop;
end;
$$;

comment on function fb_ads.fit_range(bigint) is
  'Cuts a pending range that has not begun to what Meta is known to take of its account. The job keeps one piece, the '
  'others are planned beside it; every ad and day is in exactly one.';
