-- Ids that touches name and the catalogue lacks: read by id, and watched; and whether attribution has anything to do.
-- Why a lookup of its own beside the job: the sales that wait must learn how it ended, also when the job is long gone.

create function fb_ads.plan_lookups(missing jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  wanted record;
  job bigint;
  asked_account uuid;
begin
  for wanted in
    select distinct on (given.fb_id) given.*
    from jsonb_to_recordset(missing) as given (fb_id text, level text, account_id uuid, is_awaited boolean)
    where given.fb_id is not null
    order by given.fb_id, given.is_awaited desc, given.account_id nulls last
  loop
    insert into fb_ads.ad_lookups (fb_id, level, state, ended_at)
    values (
      wanted.fb_id, wanted.level, case when wanted.is_awaited then 'open' else 'unknown' end, case when not wanted.is_awaited then now() end
    )
    on conflict (fb_id) do nothing;
    if not found then
      -- Given up before, and wanted again: watched for longer.
      update fb_ads.ad_lookups as lookup
      set requested_at = now()
      where lookup.fb_id = wanted.fb_id and lookup.state = 'unknown' and lookup.requested_at < now() - interval '1 day';
      continue;
    end if;
    continue when not wanted.is_awaited;
    -- An id is read with the token alone; the account is where the call is counted, and what is stored goes to the ad's own.
    select account.id
    into asked_account
    from public.ad_accounts as account
    where account.enabled
    order by account.id is not distinct from wanted.account_id desc, account.fb_account_id
    limit 1;
    insert into fb_ads.sync_jobs (account_id, kind, priority, object_level, object_ids, params, not_before)
    values (
      asked_account, 'objects', 40, wanted.level, array[wanted.fb_id], '{"find_owner": true}', fb_ads.parked_until(asked_account, 'objects')
    )
    returning id into job;
    update fb_ads.ad_lookups as lookup set job_id = job where lookup.fb_id = wanted.fb_id;
  end loop;
end;
$$;

revoke execute on function fb_ads.plan_lookups(jsonb) from public, anon, authenticated;
grant execute on function fb_ads.plan_lookups(jsonb) to service_role;
comment on function fb_ads.plan_lookups(jsonb) is
  'Makes the metadata sync read ids that sales wait for, each by a job of its own (an id that is none must not spoil others), and remembers those that are only watched: [{fb_id, level, account_id, is_awaited}].';

create function fb_ads.settle_lookups()
returns bigint
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  ended text[];
begin
  with judged as (
    select lookup.fb_id, fb_ads.is_known_object(lookup.fb_id) as is_known
    from fb_ads.ad_lookups as lookup
    where fb_ads.is_lookup_over(lookup)
    order by lookup.fb_id
    for update of lookup skip locked
  ),
  written as (
    update fb_ads.ad_lookups as lookup
    set state = case when judged.is_known then 'known' else 'unknown' end, ended_at = now()
    from judged
    where lookup.fb_id = judged.fb_id
    returning lookup.fb_id
  )
  select array_agg(written.fb_id) into ended from written;
  if ended is null then
    return 0;
  end if;
  perform from fb_ads.attribution_results as result where result.missing_ids && ended order by result.transaction_ref for update;
  update fb_ads.attribution_results as result
  set due_at = now()
  from fb_ads.settings as settings
  where result.missing_ids && ended
    and (result.outcome = 'waiting' or result.completed_at >= now() - settings.attribution_revision_window);
  return cardinality(ended);
end;
$$;

create function fb_ads.is_known_object(fb_id text)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select exists (select from public.ad_ads as ad where ad.fb_ad_id = fb_id)
    or exists (select from public.ad_adsets as adset where adset.fb_adset_id = fb_id)
    or exists (select from public.ad_campaigns as campaign where campaign.fb_campaign_id = fb_id);
$$;

create function fb_ads.is_lookup_over(lookup fb_ads.ad_lookups)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select case lookup.state
    when 'open' then
      lookup.requested_at <= now() - settings.attribution_lookup_patience
      or not exists (select from fb_ads.sync_jobs as job where job.id = lookup.job_id and job.state in ('pending', 'running'))
      or fb_ads.is_known_object(lookup.fb_id)
    -- Given up, but the nightly sync may still bring it.
    when 'unknown' then
      lookup.requested_at >= now() - settings.attribution_revision_window - settings.attribution_lookup_patience
      and fb_ads.is_known_object(lookup.fb_id)
    else false
  end
  from fb_ads.settings as settings;
$$;

revoke execute on function fb_ads.settle_lookups() from public, anon, authenticated;
revoke execute on function fb_ads.is_known_object(text) from public, anon, authenticated;
revoke execute on function fb_ads.is_lookup_over(fb_ads.ad_lookups) from public, anon, authenticated;
grant execute on function fb_ads.settle_lookups() to service_role;
grant execute on function fb_ads.is_known_object(text) to service_role;
grant execute on function fb_ads.is_lookup_over(fb_ads.ad_lookups) to service_role;
comment on function fb_ads.settle_lookups() is 'Ends lookups whose id became known or will not, and marks the sales that wait for them; returns how many.';
comment on function fb_ads.is_known_object(text) is 'Whether the catalogue has an ad, ad set or campaign of this id.';
comment on function fb_ads.is_lookup_over(fb_ads.ad_lookups) is 'Whether there is news of an id: known by now, or its job has ended or taken too long.';

create function fb_ads.is_purchase_due(event fb_ads.conversion_events)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(event.attribution_not_before <= now(), true)
    and (
      event.final_at is not null
      or event.event_time <= now() - interval '1 hour'
      or event.state in ('suppressed', 'refused', 'expired', 'erased')
      or (
        event.state = 'stored' and not exists (
          select from fb_ads.event_deliveries as delivery
          where delivery.event_row_id = event.id and delivery.state in ('pending', 'sending', 'blocked')
        )
      )
    );
$$;

revoke execute on function fb_ads.is_purchase_due(fb_ads.conversion_events) from public, anon, authenticated;
grant execute on function fb_ads.is_purchase_due(fb_ads.conversion_events) to service_role;
comment on function fb_ads.is_purchase_due(fb_ads.conversion_events) is
  'Whether a purchase that was not looked at may be attributed: it is sent, suppressed, expired, refused or dead at every pixel, or one hour has passed.';

create function fb_ads.due_purchases(most integer)
returns setof text
language sql
stable
security invoker
set search_path = ''
as $$
  (
    select event.transaction_ref from fb_ads.conversion_events as event
    where not event.attribution_done and event.event_name = 'Purchase' and event.state <> 'waiting'
      and event.transaction_ref is not null and fb_ads.is_purchase_due(event)
    order by event.event_time
    limit most
  )
  union all
  (
    select event.transaction_ref from fb_ads.conversion_events as event
    where event.state = 'waiting' and not event.attribution_done and event.event_name = 'Purchase'
      and event.transaction_ref is not null and event.event_time <= now() - interval '1 hour' and fb_ads.is_purchase_due(event)
    limit most
  )
  limit most;
$$;

revoke execute on function fb_ads.due_purchases(integer) from public, anon, authenticated;
grant execute on function fb_ads.due_purchases(integer) to service_role;
comment on function fb_ads.due_purchases(integer) is 'References of sales that are due and were not looked at, at most so many.';

create function fb_ads.has_attribution_work()
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select exists (select from fb_ads.attribution_results as result where result.due_at <= now())
    or exists (select from fb_ads.due_purchases(1))
    or exists (select from fb_ads.ad_lookups as lookup where lookup.state <> 'known' and fb_ads.is_lookup_over(lookup));
$$;

revoke execute on function fb_ads.has_attribution_work() from public, anon, authenticated;
grant execute on function fb_ads.has_attribution_work() to service_role;
comment on function fb_ads.has_attribution_work() is
  'Whether attribute-purchase would find something to do: a sale to look at for the first time or anew, or news of an ad that sales wait for. Called by fb_ads.tick.';
