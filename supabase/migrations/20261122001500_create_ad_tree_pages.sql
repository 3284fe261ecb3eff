-- Storing a page of the metadata sync: rows, what was seen, the cursor and the next list, in one transaction.

create function fb_ads.end_list(job fb_ads.sync_jobs)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- A crash of the server empties the unlogged pages: then this list proves nothing and begins again.
  if (select count(*) from fb_ads.sync_seen_pages as page where page.job_id = job.id) is distinct from job.page_count then
    delete from fb_ads.sync_seen_pages as page where page.job_id = job.id;
    update fb_ads.sync_jobs as j
    set state = 'running', lease_id = job.lease_id, lease_until = now() + interval '90 seconds', finished_at = null, cursor = null, page_count = 0
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
      fb_ads.parked_until(job.account_id, job.kind)
    from fb_ads.settings as settings
    on conflict do nothing;
  end if;
  if job.kind = 'accounts' then
    -- Enabled but not in the token's list: asked for by id, so that the reason becomes visible.
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

revoke execute on function fb_ads.end_list(fb_ads.sync_jobs) from public, anon, authenticated;
grant execute on function fb_ads.end_list(fb_ads.sync_jobs) to service_role;
comment on function fb_ads.end_list(fb_ads.sync_jobs) is
  'Ends a list: plans the checks for deleted objects and the next list. False when the record of its pages was lost and the list has to be read again.';

create function fb_ads.next_list(job fb_ads.sync_jobs)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
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

revoke execute on function fb_ads.next_list(fb_ads.sync_jobs) from public, anon, authenticated;
grant execute on function fb_ads.next_list(fb_ads.sync_jobs) to service_role;
comment on function fb_ads.next_list(fb_ads.sync_jobs) is 'Starts the account''s next list for the worker that ended one, which saves it a claim; null when there is none.';

create function fb_ads.store_list_rows(job fb_ads.sync_jobs, page jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  rows jsonb := coalesce(page -> 'rows', '[]');
  dropped text[] := array(select jsonb_array_elements_text(coalesce(page -> 'dropped_fields', '[]')));
begin
  if job.kind in ('accounts', 'account') then
    perform fb_ads.upsert_accounts(rows);
  elsif job.kind = 'campaigns' then
    perform fb_ads.upsert_campaigns(job.account_id, rows, dropped);
  elsif job.kind = 'adsets' then
    perform fb_ads.stub_campaigns(job.account_id, array(select r ->> 'fb_campaign_id' from jsonb_array_elements(rows) as r));
    perform fb_ads.upsert_adsets(job.account_id, rows, dropped);
  elsif job.kind = 'ads' then
    perform fb_ads.stub_campaigns(job.account_id, array(select r ->> 'fb_campaign_id' from jsonb_array_elements(rows) as r));
    perform fb_ads.stub_adsets(job.account_id, rows);
    perform fb_ads.upsert_ads(job.account_id, rows, dropped);
  else
    raise exception 'not a list: %', job.kind using errcode = '22023';
  end if;
end;
$$;

revoke execute on function fb_ads.store_list_rows(fb_ads.sync_jobs, jsonb) from public, anon, authenticated;
grant execute on function fb_ads.store_list_rows(fb_ads.sync_jobs, jsonb) to service_role;
comment on function fb_ads.store_list_rows(fb_ads.sync_jobs, jsonb) is 'Stores the rows of one page of a list by the job''s kind; parents that are missing become stubs.';

create function public.fb_store_ad_tree_page(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  park jsonb := nullif(request -> 'park', 'null');
  complete boolean := true;
  page_state text;
begin
  perform fb_ads.store_list_rows(job, request);
  if job.kind <> 'account' then
    insert into fb_ads.sync_seen_pages (job_id, page_number, fb_ids)
    select job.id, job.page_count + 1, array(select jsonb_array_elements_text(request -> 'fb_ids'))
    on conflict (job_id, page_number) do update set fb_ids = excluded.fb_ids;
  end if;
  advanced := fb_ads.advance_sync_job(job, request);

  if job.kind = 'accounts' then
    perform fb_ads.plan_lists(fb_ads.account_ids_of(request -> 'fb_ids'), job.created_at);
    if job.params ? 'insights' then
      perform fb_ads.plan_insights(job.params -> 'insights', fb_ads.account_ids_of(request -> 'fb_ids'));
    end if;
  end if;
  if advanced.state = 'done' then
    if job.kind = 'account' then
      perform fb_ads.plan_lists(array[job.account_id], job.created_at);
    else
      -- The lease is handed over too: a list that has to begin again goes on under it.
      advanced.lease_id := job.lease_id;
      complete := fb_ads.end_list(advanced);
    end if;
  end if;

  page_state := fb_ads.settle_page(advanced, park, complete);
  return jsonb_build_object('state', page_state, 'next_job', case when page_state = 'done' and park is null then fb_ads.next_list(job) end);
end;
$$;

revoke execute on function public.fb_store_ad_tree_page(jsonb) from public, anon, authenticated;
grant execute on function public.fb_store_ad_tree_page(jsonb) to service_role;
comment on function public.fb_store_ad_tree_page(jsonb) is
  'Stores a page of a list and moves its job: {job_id, lease_id, rows, fb_ids, next_cursor, done, page_size, row_count, dropped_fields, params, usage, park}. Returns {state: running | done | parked | restarted, next_job}. Raises lease_lost (409); then nothing of the page is kept.';

create function fb_ads.owner_of_objects(account_id uuid, fb_account_id text)
returns uuid
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if owner_of_objects.fb_account_id is null then
    return owner_of_objects.account_id;
  end if;
  insert into public.ad_accounts as account (fb_account_id) values (owner_of_objects.fb_account_id) on conflict do nothing;
  return (select account.id from public.ad_accounts as account where account.fb_account_id = owner_of_objects.fb_account_id);
end;
$$;

revoke execute on function fb_ads.owner_of_objects(uuid, text) from public, anon, authenticated;
grant execute on function fb_ads.owner_of_objects(uuid, text) to service_role;
comment on function fb_ads.owner_of_objects(uuid, text) is
  'The account that objects read by id belong to: the one Meta named, which is stored disabled when it is new, else the job''s.';

create function public.fb_store_ad_tree_objects(request jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  park jsonb := nullif(request -> 'park', 'null');
  page_state text;
  missing text[] := array(select jsonb_array_elements_text(coalesce(request -> 'missing_ids', '[]')));
  adset_rows jsonb := coalesce(request -> 'adsets', '[]');
  ad_rows jsonb := coalesce(request -> 'ads', '[]');
  dropped text[] := array(select jsonb_array_elements_text(coalesce(request -> 'dropped_fields', '[]')));
  owner uuid := fb_ads.owner_of_objects(job.account_id, request ->> 'fb_account_id');
begin
  perform fb_ads.upsert_campaigns(owner, coalesce(request -> 'campaigns', '[]'), dropped);
  perform fb_ads.stub_campaigns(owner, array(select r ->> 'fb_campaign_id' from jsonb_array_elements(adset_rows || ad_rows) as r));
  perform fb_ads.upsert_adsets(owner, adset_rows, dropped);
  perform fb_ads.stub_adsets(owner, ad_rows);
  perform fb_ads.upsert_ads(owner, ad_rows, dropped);

  -- Not to be had by id either: deleted. The row stays, for its spend refers to it.
  update public.ad_campaigns as c set effective_status = 'DELETED', status = 'DELETED', updated_at = now()
  where job.object_level = 'campaign' and c.fb_campaign_id = any (missing) and c.effective_status is distinct from 'DELETED';
  update public.ad_adsets as s set effective_status = 'DELETED', status = 'DELETED', updated_at = now()
  where job.object_level = 'adset' and s.fb_adset_id = any (missing) and s.effective_status is distinct from 'DELETED';
  update public.ad_ads as a set effective_status = 'DELETED', status = 'DELETED', updated_at = now()
  where job.object_level = 'ad' and a.fb_ad_id = any (missing) and a.effective_status is distinct from 'DELETED';

  advanced := fb_ads.advance_sync_job(job, request);
  page_state := fb_ads.settle_page(advanced, park);
  return jsonb_build_object(
    'state', page_state,
    'next_job', case when page_state = 'done' and park is null and job.kind = 'objects' then fb_ads.next_list(job) end
  );
end;
$$;

revoke execute on function public.fb_store_ad_tree_objects(jsonb) from public, anon, authenticated;
grant execute on function public.fb_store_ad_tree_objects(jsonb) to service_role;
comment on function public.fb_store_ad_tree_objects(jsonb) is
  'Stores objects that were read by id: {job_id, lease_id, fb_account_id?, campaigns, adsets, ads, missing_ids, dropped_fields, next_cursor, done, row_count, usage, park}. missing_ids, which Meta does not know by id, become DELETED. Returns {state, next_job}. Raises lease_lost (409).';
