-- Storing what the metadata sync read: a page of a list, or objects by id. Rows, what was seen, the cursor and the next
-- list are written in one transaction.

create function public.fb_store_ad_tree_page(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  throttling jsonb := nullif(request -> 'throttle', 'null');
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
      -- The lease is passed on, for a list that begins again goes on under it.
      advanced.lease_id := job.lease_id;
      complete := fb_ads.end_list(advanced);
    end if;
  end if;

  page_state := fb_ads.settle_page(advanced, throttling, complete);
  return jsonb_build_object(
    'state', page_state, 'next_job', case when page_state = 'done' and throttling is null then fb_ads.next_list(job) end
  );
end;
$$;

comment on function public.fb_store_ad_tree_page(jsonb) is
  'Stores a page of a list and moves its job: {job_id, lease_id, rows, fb_ids, next_cursor, done, page_size, '
  'row_count, dropped_fields, params, usage, throttle}. Returns {state: running | done | throttled | restarted, '
  'next_job}. Raises lease_lost (409); then nothing of the page is kept.';

create function public.fb_store_ad_tree_objects(request jsonb)
returns jsonb language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  job fb_ads.sync_jobs := fb_ads.hold_sync_job(request);
  advanced fb_ads.sync_jobs;
  throttling jsonb := nullif(request -> 'throttle', 'null');
  page_state text;
  missing text[] := array(select jsonb_array_elements_text(coalesce(request -> 'missing_ids', '[]')));
  adset_rows jsonb := coalesce(request -> 'adsets', '[]');
  ad_rows jsonb := coalesce(request -> 'ads', '[]');
  dropped text[] := array(select jsonb_array_elements_text(coalesce(request -> 'dropped_fields', '[]')));
  owner uuid := fb_ads.owner_of_objects(job.account_id, request ->> 'fb_account_id');
begin
  perform fb_ads.upsert_campaigns(owner, coalesce(request -> 'campaigns', '[]'), dropped);
  perform fb_ads.stub_campaigns(
    owner, array(select r ->> 'fb_campaign_id' from jsonb_array_elements(adset_rows || ad_rows) as r)
  );
  perform fb_ads.upsert_adsets(owner, adset_rows, dropped);
  perform fb_ads.stub_adsets(owner, ad_rows);
  perform fb_ads.upsert_ads(owner, ad_rows, dropped);

  -- An object that Meta does not know by id either is deleted. The row stays, for its spend refers to it.
  update public.ad_campaigns as c set effective_status = 'DELETED', status = 'DELETED', updated_at = now()
  where job.object_level = 'campaign'
    and c.fb_campaign_id = any (missing)
    and c.effective_status is distinct from 'DELETED';
  update public.ad_adsets as s set effective_status = 'DELETED', status = 'DELETED', updated_at = now()
  where job.object_level = 'adset' and s.fb_adset_id = any (missing) and s.effective_status is distinct from 'DELETED';
  update public.ad_ads as a set effective_status = 'DELETED', status = 'DELETED', updated_at = now()
  where job.object_level = 'ad' and a.fb_ad_id = any (missing) and a.effective_status is distinct from 'DELETED';

  advanced := fb_ads.advance_sync_job(job, request);
  page_state := fb_ads.settle_page(advanced, throttling);
  return jsonb_build_object(
    'state', page_state,
    'next_job', case
      when page_state = 'done' and throttling is null and job.kind = 'objects' then fb_ads.next_list(job)
    end
  );
end;
$$;

comment on function public.fb_store_ad_tree_objects(jsonb) is
  'Stores objects that were read by id: {job_id, lease_id, fb_account_id?, campaigns, adsets, ads, missing_ids, '
  'dropped_fields, next_cursor, done, row_count, usage, throttle}. missing_ids, which Meta does not know by id, become '
  'DELETED. Returns {state, next_job}. Raises lease_lost (409).';
