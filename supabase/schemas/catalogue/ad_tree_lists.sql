-- How a list of accounts, campaigns, ad sets or ads is stored and ends.

create function fb_ads.store_list_rows(job fb_ads.sync_jobs, page jsonb)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  rows jsonb := coalesce(page -> 'rows', '[]');
  dropped text[] := array(select jsonb_array_elements_text(coalesce(page -> 'dropped_fields', '[]')));
begin
  if job.kind in ('accounts', 'account') then
    perform fb_ads.upsert_accounts(rows);
  elsif job.kind = 'campaigns' then
    perform fb_ads.upsert_campaigns(job.account_id, rows, dropped);
  elsif job.kind = 'adsets' then
    perform fb_ads.stub_campaigns(
      job.account_id, array(select r ->> 'fb_campaign_id' from jsonb_array_elements(rows) as r)
    );
    perform fb_ads.upsert_adsets(job.account_id, rows, dropped);
  elsif job.kind = 'ads' then
    perform fb_ads.stub_campaigns(
      job.account_id, array(select r ->> 'fb_campaign_id' from jsonb_array_elements(rows) as r)
    );
    perform fb_ads.stub_adsets(job.account_id, rows);
    perform fb_ads.upsert_ads(job.account_id, rows, dropped);
  else
    raise exception 'not a list: %', job.kind using errcode = '22023';
  end if;
end;
$$;

comment on function fb_ads.store_list_rows(fb_ads.sync_jobs, jsonb) is
  'Stores the rows of one page of a list by the job''s kind; parents that are missing become stubs.';

create function fb_ads.plan_deleted_checks(job fb_ads.sync_jobs)
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  unseen text[];
begin
  -- Only a complete list shows what is missing. A missing object is looked up by id before it counts as deleted.
  with seen as materialized (
    select unnest(page.fb_ids) as fb_id
    from fb_ads.sync_seen_pages as page
    where page.job_id = job.id
  ),
  stored as (
    select c.fb_campaign_id as fb_id, c.effective_status from public.ad_campaigns as c
    where job.kind = 'campaigns' and c.account_id = job.account_id
    union all
    select s.fb_adset_id, s.effective_status from public.ad_adsets as s
    where job.kind = 'adsets' and s.account_id = job.account_id
    union all
    select a.fb_ad_id, a.effective_status from public.ad_ads as a
    where job.kind = 'ads' and a.account_id = job.account_id
  )
  select array_agg(stored.fb_id order by stored.fb_id)
  into unseen
  from stored
  where stored.effective_status is distinct from 'DELETED'
    and not exists (select from seen where seen.fb_id = stored.fb_id);

  -- This list's unseen ids hold what older lists did not show either; the rest has come back.
  delete from fb_ads.sync_jobs as older
  where older.account_id = job.account_id
    and older.kind = 'objects'
    and older.state = 'pending'
    and older.object_level = rtrim(job.kind, 's')
    and older.params ? 'unseen_by';
  if unseen is null then
    return;
  end if;
  insert into fb_ads.sync_jobs (account_id, kind, priority, object_level, object_ids, params, not_before)
  values (
    job.account_id, 'objects', 110, rtrim(job.kind, 's'), unseen, jsonb_build_object('unseen_by', job.id),
    fb_ads.throttled_until(job.account_id, 'objects')
  );
end;
$$;

comment on function fb_ads.plan_deleted_checks(fb_ads.sync_jobs) is
  'After a complete list: plans to look up by id what is stored, not known to be deleted, and was on no page.';

create function fb_ads.end_list(job fb_ads.sync_jobs)
returns boolean language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- A crash of the server empties the unlogged pages. This list then proves nothing and begins again.
  if (
    select count(*) from fb_ads.sync_seen_pages as page where page.job_id = job.id
  ) is distinct from job.page_count then
    delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
    update fb_ads.sync_jobs as j
    set state = 'running', lease_id = job.lease_id, lease_until = now() + interval '90 seconds', finished_at = null,
      cursor = null, page_count = 0
    where j.id = job.id;
    update fb_ads.sync_runs as run set jobs_done = run.jobs_done - 1 where run.id = job.run_id;
    return false;
  end if;

  if job.kind in ('campaigns', 'adsets', 'ads') then
    perform fb_ads.plan_deleted_checks(job);
  end if;
  if job.kind in ('campaigns', 'adsets') then
    insert into fb_ads.sync_jobs (account_id, kind, priority, page_size, not_before)
    select
      job.account_id,
      case job.kind when 'campaigns' then 'adsets' else 'ads' end,
      job.priority,
      settings.metadata_page_size,
      fb_ads.throttled_until(job.account_id, job.kind)
    from fb_ads.settings as settings
    on conflict do nothing;
  end if;
  if job.kind = 'accounts' then
    -- An enabled account that is not in the token's list is read by id, so that the reason becomes visible.
    perform fb_ads.plan_account_reads(array(
      select account.id
      from public.ad_accounts as account
      where account.enabled
        and not exists (
          select
          from fb_ads.sync_seen_pages as page
          where page.job_id = job.id and account.fb_account_id = any (page.fb_ids)
        )
    ));
  end if;
  delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
  return true;
end;
$$;

comment on function fb_ads.end_list(fb_ads.sync_jobs) is
  'Ends a list: plans the checks for deleted objects and the next list. False when the record of its pages was lost '
  'and the list has to be read again.';

create function fb_ads.next_list(job fb_ads.sync_jobs)
returns jsonb language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  select fb_ads.start_sync_job(following.id, job.run_id)
  from (
    select next_job.id
    from fb_ads.sync_jobs as next_job
    where next_job.account_id = job.account_id
      and next_job.state = 'pending'
      and next_job.not_before <= now()
      and next_job.kind in ('campaigns', 'adsets', 'ads')
    order by next_job.id
    limit 1
    for update
  ) as following;
$$;

comment on function fb_ads.next_list(fb_ads.sync_jobs) is
  'Starts the account''s next list for the worker that ended one, which saves it a claim; null when there is none.';
