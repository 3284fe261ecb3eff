-- What a refusal of insights teaches of its account: ads that are given only in part, and accounts that have none.

create function fb_ads.is_list_range(job fb_ads.sync_jobs)
returns boolean language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select job.object_ids is not null and not job.params ? 'is_rest';
$$;

comment on function fb_ads.is_list_range(fb_ads.sync_jobs) is
  'Whether a range is of the ads in object_ids; otherwise it is of all ads, or of all but those.';

create function fb_ads.learn_ad_fields(job fb_ads.sync_jobs, fields jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if cardinality(job.object_ids) is distinct from 1 or job.params ? 'is_rest' then
    return;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set
    ad_fields = known.ad_fields || jsonb_build_object(job.object_ids[1], fields),
    ad_fields_refused_at = coalesce(known.ad_fields_refused_at, now()),
    -- It was that ad, and neither the days nor the number of ads.
    range_max_days = null, range_refused_at = null, range_max_ads = null, ads_refused_at = null
  where known.account_id = job.account_id;

  -- So many ads are no exception: the account is read without these fields.
  update fb_ads.account_reads as known
  set
    refused_fields = array(
      select known_field.name from unnest(known.refused_fields) as known_field (name)
      union
      select 'insights.' || field.name
      from jsonb_each(known.ad_fields) as odd
      cross join lateral jsonb_array_elements_text(odd.value) as field (name)
      order by 1
    ),
    fields_refused_at = coalesce(known.fields_refused_at, now()),
    ad_fields = kept.ad_fields,
    ad_fields_refused_at = case when kept.ad_fields <> '{}' then known.ad_fields_refused_at end
  from (
    select other.account_id, coalesce(jsonb_object_agg(odd.key, odd.value) filter (where odd.value = '[]'), '{}')
      as ad_fields
    from fb_ads.account_reads as other
    cross join lateral jsonb_each(other.ad_fields) as odd
    where other.account_id = job.account_id
    group by other.account_id
  ) as kept
  where known.account_id = job.account_id
    and (select count(*) from jsonb_each(known.ad_fields) as odd where odd.value <> '[]') > 10;
end;
$$;

comment on function fb_ads.learn_ad_fields(fb_ads.sync_jobs, jsonb) is
  'After a day of one ad that Meta gave only without some fields, or not at all: the ad is read by itself without '
  'them. With more than ten such ads the account is read without these fields.';

create function fb_ads.learn_unnamed_ads(job fb_ads.sync_jobs)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  -- What was not there before the day was read without naming statuses.
  ads jsonb := (
    select jsonb_object_agg(ad.fb_ad_id, '[]'::jsonb)
    from public.ad_spend as d
    join public.ad_ads as ad on ad.id = d.ad_id
    where d.account_id = job.account_id
      and d.date between job.since and job.until
      and d.created_at >= job.claimed_at
  );
begin
  if ads is null or not job.params ? 'is_unfiltered' or fb_ads.is_list_range(job) then
    return;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set
    ad_fields = ads || known.ad_fields,
    ad_fields_refused_at = coalesce(known.ad_fields_refused_at, now())
  where known.account_id = job.account_id;
end;
$$;

comment on function fb_ads.learn_unnamed_ads(fb_ads.sync_jobs) is
  'After a day that was read without naming the statuses of ads: those that only this has shown are asked for by id '
  'from now on.';

create function fb_ads.learn_insights_refusal(job fb_ads.sync_jobs, error jsonb)
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- Three whole ranges in a row that are refused alike: one may be a bad day.
  if job.kind <> 'insights'
    or error ->> 'code' is distinct from 'meta_rejected'
    or job.object_ids is not null
    or job.params ? 'is_part'
    or (
      select count(*) < 3 or bool_or(tried.state = 'done' or tried.last_error ->> 'reason' <> error ->> 'reason')
      from (
        select other.state, other.last_error
        from fb_ads.sync_jobs as other
        where other.account_id = job.account_id and other.kind = 'insights' and other.state in ('done', 'failed')
        order by other.finished_at desc
        limit 3
      ) as tried
    ) then
    return false;
  end if;
  perform fb_ads.open_findings(job);
  update fb_ads.account_reads as known
  set insights_refusal = error, insights_refused_at = now()
  where known.account_id = job.account_id;
  update fb_ads.sync_jobs as other
  set state = 'failed', finished_at = now(), last_error = error || jsonb_build_object('at', now())
  where other.account_id = job.account_id
    and other.kind in ('insights', 'reconciliation')
    and other.state = 'pending';
  return true;
end;
$$;

comment on function fb_ads.learn_insights_refusal(fb_ads.sync_jobs, jsonb) is
  'After a range that Meta refuses for good: when the account''s last three were refused alike, the others end with it '
  'and none is planned until the finding is forgotten or the account is asked for by name. Returns whether they were.';

create function fb_ads.has_insights(account_id uuid)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select not exists (
    select from fb_ads.account_reads as known
    where known.account_id = has_insights.account_id and known.insights_refusal is not null
  );
$$;

comment on function fb_ads.has_insights(uuid) is 'Whether Meta is not known to refuse every insight of an account.';
