-- What a night of the metadata sync consists of: discovery, then campaigns, ad sets and ads of every enabled account.
-- Why a list is planned when the one before it ends: an ad set needs its campaign, and a resumed run goes on with the
-- one open list of an account.

create function fb_ads.plan_lists(account_ids uuid[], planned_since timestamptz)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sync_jobs (account_id, kind, priority, page_size, not_before)
  select account.id, 'campaigns', 100, settings.metadata_page_size, fb_ads.throttled_until(account.id, 'campaigns')
  from public.ad_accounts as account
  cross join fb_ads.settings as settings
  where account.id = any (account_ids)
    and account.enabled
    and not exists (
      select
      from fb_ads.sync_jobs as job
      where job.account_id = account.id
        and job.kind in ('campaigns', 'adsets', 'ads')
        and (job.state in ('pending', 'running') or (job.kind = 'campaigns' and job.created_at >= planned_since))
    )
  order by account.id
  on conflict do nothing;
$$;

comment on function fb_ads.plan_lists(uuid[], timestamptz) is
  'Plans a full read of the ad tree for those accounts that are enabled, unless '
  'one is under way or was planned since planned_since.';

create function fb_ads.plan_account_reads(account_ids uuid[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  insert into fb_ads.sync_jobs (account_id, kind, priority, not_before)
  select account.id, 'account', 50, fb_ads.throttled_until(account.id, 'account')
  from public.ad_accounts as account
  where account.id = any (account_ids)
  order by account.id
  on conflict do nothing;
$$;

comment on function fb_ads.plan_account_reads(uuid[]) is 'Plans to read accounts by id; their lists follow.';

create function fb_ads.restart_lists(account_ids uuid[])
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  with restarted as (
    update fb_ads.sync_jobs as job
    set cursor = null, page_count = 0, attempts = 0, params = '{}',
      not_before = fb_ads.throttled_until(job.account_id, job.kind)
    where job.state = 'pending'
      and job.kind in ('accounts', 'campaigns', 'adsets', 'ads')
      and (account_ids is null or job.account_id = any (account_ids))
    returning job.id
  )
  delete from fb_ads.sync_seen_pages as seen
  using restarted
  where seen.job_id = restarted.id;
$$;

comment on function fb_ads.restart_lists(uuid[]) is
  'Sends lists that are read in part back to their first page ({"full": true}); null means every account.';

create function fb_ads.plan_metadata(request jsonb, account_ids uuid[])
returns void language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
declare
  arrived_at timestamptz := coalesce((request ->> 'arrived_at')::timestamptz, now());
begin
  if coalesce((request ->> 'full')::boolean, false) then
    perform fb_ads.restart_lists(account_ids);
  end if;

  if account_ids is not null then
    perform fb_ads.plan_account_reads(array(
      select account.id
      from public.ad_accounts as account
      where account.id = any (account_ids)
        and not exists (
          select
          from fb_ads.sync_jobs as job
          where job.account_id = account.id
            and job.kind in ('account', 'campaigns', 'adsets', 'ads')
            and (job.state in ('pending', 'running') or job.created_at >= arrived_at)
        )
    ));
    return;
  end if;

  -- Two starts at the same moment share one discovery: one that was planned after this request arrived serves it too.
  insert into fb_ads.sync_jobs (kind, priority, page_size, params, not_before)
  select 'accounts', 10, settings.metadata_page_size, '{}', fb_ads.throttled_until(null, 'accounts')
  from fb_ads.settings as settings
  where not exists (
    select
    from fb_ads.sync_jobs as job
    where job.kind = 'accounts'
      and (job.state in ('pending', 'running') or job.created_at >= arrived_at)
  )
  on conflict do nothing;
end;
$$;

comment on function fb_ads.plan_metadata(jsonb, uuid[]) is
  'Makes sure that the jobs of a metadata sync exist: discovery first, or the named '
  'accounts by id. Called twice for one request it plans once.';
