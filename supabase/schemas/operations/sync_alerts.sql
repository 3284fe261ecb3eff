-- Alerts about the syncs: jobs that wait too long or were given up, sums that are not Meta's, a schedule that does not
-- run.

create function fb_ads.was_read_since(failed fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select case
    -- The accounts' list: the list itself, or every account by itself.
    when failed.kind = 'accounts' then exists (
      select
      from fb_ads.sync_jobs as later
      where later.account_id is null
        and later.kind = 'accounts'
        and later.state = 'done'
        and later.created_at > failed.created_at
    ) or not exists (
      select
      from public.ad_accounts as account
      where account.enabled
        and not exists (
          select
          from fb_ads.sync_jobs as later
          where later.account_id = account.id
            and later.kind in ('account', 'campaigns')
            and later.state = 'done'
            and later.created_at > failed.created_at
        )
    )
    -- Days: each of them.
    when failed.kind = 'insights' then not exists (
      select
      from generate_series(failed.since::timestamp, failed.until, interval '1 day') as day
      where not exists (
        select
        from fb_ads.sync_jobs as later
        where later.account_id = failed.account_id
          and later.kind = 'insights'
          and later.state = 'done'
          and later.created_at > failed.created_at
          and day::date between later.since and later.until
      )
    )
    -- Lists are read one after the other, so a later one shows that those before it were read.
    else exists (
      select
      from fb_ads.sync_jobs as later
      where later.account_id = failed.account_id
        and later.state = 'done'
        and later.created_at > failed.created_at
        and (
          later.kind = failed.kind
          or (later.kind = 'ads' and failed.kind <> 'reconciliation')
          or (later.kind = 'adsets' and failed.kind in ('account', 'campaigns'))
          or (later.kind = 'campaigns' and failed.kind = 'account')
        )
    )
  end;
$$;

comment on function fb_ads.was_read_since(fb_ads.sync_jobs) is
  'Whether what a job that was given up was to read has been read by later jobs, of whatever kind.';

create function fb_ads.sync_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'sync_queue:' || queue.slug, 'error',
    waiting.jobs || ' job' || case waiting.jobs when 1 then '' else 's' end || ' of ' || queue.slug || ' wait since '
      || to_char(waiting.oldest at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC'
      || case
        when waiting.throttled_until > now()
          then ', throttled until ' || to_char(waiting.throttled_until at time zone 'utc', 'HH24:MI')
        else ''
      end || '.',
    'Figures are as old as that.',
    'Look at what the last runs say: select * from fb_ads.sync_runs order by started_at desc limit 5; and at '
    'last_error in fb_ads.sync_jobs. Throttled jobs wait for Meta''s quota.',
    waiting.oldest
  from (values ('fb-sync-metadata'), ('fb-sync-insights')) as queue (slug)
  cross join fb_ads.settings as settings
  cross join lateral (
    select count(*) as jobs, min(job.created_at) as oldest, min(job.not_before) as throttled_until
    from (
      -- Two halves, each by its own partial index, so that the history is not read.
      select pending.* from fb_ads.sync_jobs as pending where pending.state = 'pending'
      union all
      select running.* from fb_ads.sync_jobs as running where running.state = 'running'
    ) as job
    where job.kind = any (fb_ads.sync_kinds(queue.slug))
      and job.created_at < now() - case
        when job.purpose = 'backfill' then settings.alert_backfill_age
        else settings.alert_sync_age
      end
  ) as waiting
  where waiting.jobs > 0
  union all
  select
    'sync_failed:' || coalesce(account.fb_account_id, 'accounts'), 'warning',
    'Given up: ' || string_agg(distinct failed.kind, ', ') || ' of '
      || coalesce('ad account ' || account.fb_account_id, 'the token''s accounts') || ' ('
      || string_agg(distinct coalesce(failed.last_error ->> 'reason', 'no reason given'), ', ') || ').',
    'What these jobs were to read is missing or old.',
    'See last_error in fb_ads.sync_jobs (state = ''failed''). The next night tries again; at once by calling the '
    'function.',
    min(failed.finished_at)
  from fb_ads.sync_jobs as failed
  left join public.ad_accounts as account on account.id = failed.account_id
  left join fb_ads.quotas as quota
    on quota.scope = 'account'
      and quota.key = account.fb_account_id
      and quota.use_case = ''
      and quota.stopped_at is not null
  where failed.state = 'failed'
    and failed.finished_at > now() - interval '3 days'
    -- Nothing of the figures is missing for it, and the next night asks again.
    and failed.kind <> 'event_quality'
    -- A dead version has an alert of its own, and jobs of a disabled account need none.
    and coalesce(failed.last_error ->> 'reason', '') not in ('version_dead', 'account_disabled')
    and quota.key is null
    and (account.id is null or account.enabled)
    and not (failed.kind in ('insights', 'reconciliation') and not fb_ads.has_insights(failed.account_id))
    and not fb_ads.was_read_since(failed)
  group by account.fb_account_id
  union all
  select
    'fields_refused:' || account.fb_account_id, 'warning',
    'Meta refuses fields of ad account ' || account.fb_account_id || ': '
      || array_to_string(known.refused_fields, ', ') || '.',
    'These columns stand still or are empty; everything else is read, spend too.',
    'See whether the token still has ads_read and ads_management for the account, and whether the version in '
    'META_API_VERSION still knows the fields. They are tried again after a week, or with another token; at once: '
    'update fb_ads.account_reads set refused_fields = default, fields_refused_at = null '
    'where fields_refused_at is not null;',
    known.fields_refused_at
  from fb_ads.account_reads as known
  join public.ad_accounts as account on account.id = known.account_id and account.enabled
  where known.fields_refused_at is not null
  union all
  select
    'insights_refused:' || account.fb_account_id, 'error',
    'Meta refuses every insight of ad account ' || account.fb_account_id || ': '
      || coalesce(known.insights_refusal ->> 'reason', 'no reason given')
      || coalesce(' (' || (known.insights_refusal ->> 'meta_code') || ')', '') || '.',
    'Its spend is not read; figures stand still since then.',
    'Look at the account in Meta''s Ads Manager; Meta''s support asks for the fbtrace_id in '
    'fb_ads.account_reads.insights_refusal. It is tried again after a week, or with another token; at once with '
    'fb-sync-insights {"account_ids": ["' || account.fb_account_id || '"]}.',
    known.insights_refused_at
  from fb_ads.account_reads as known
  join public.ad_accounts as account on account.id = known.account_id and account.enabled
  where known.insights_refusal is not null
  union all
  select
    'reconciliation_off:' || account.fb_account_id, 'warning',
    'On ' || count(*) || ' day' || case count(*) when 1 then '' else 's' end
      || ' the spend of ad account ' || account.fb_account_id
      || ' is not what Meta says; together by ' || sum(off.difference) || ' ' || coalesce(off.currency, '') || '.',
    'Cost and return of these days are wrong by that much.',
    'Read the days again: npm run backfill -- --since ' || min(off.date) || ' --until ' || max(off.date)
      || ' --account ' || account.fb_account_id
      || '. They are in ad_spend_reconciliation with is_warning.',
    min(off.checked_at)
  from fb_ads.reconciliations as off
  join public.ad_accounts as account on account.id = off.account_id and account.enabled
  where off.state = 'off'
  group by account.fb_account_id, off.currency;
$$;

comment on function fb_ads.sync_alerts() is
  'Alerts about jobs that wait or were given up and sums that are not Meta''s. Part of fb_ads.current_alerts.';

create function fb_ads.schedule_alerts()
returns table (key text, severity text, problem text, cost text, remedy text, since timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select
    'cron_job:' || wanted.jobname, 'error',
    'The cron job ' || wanted.jobname
      || case when job.jobid is null then ' is not scheduled.' else ' is switched off.' end,
    case wanted.jobname
      when 'fb-ads-tick'
        then 'What was interrupted is not gone on with, waiting events are not sent again, '
          'and nobody is notified of problems.'
      when 'fb-ads-sweep' then 'A sale that its trigger could not note is never reported.'
      when 'fb-sync-metadata' then 'New campaigns and ads are not read.'
      when 'fb-sync-insights' then 'Spend is not read.'
      when 'fb-sync-insights-hourly' then 'Today''s spend is known only the day after.'
      else 'What it does is not done: ' || wanted.command
    end,
    case
      when job.jobid is null
        then format('select cron.schedule(%L, %L, %L);', wanted.jobname, wanted.schedule, wanted.command)
      else format('select cron.alter_job(%s, active => true);', job.jobid)
    end || format(' Where it is meant so: delete from fb_ads.scheduled_jobs where jobname = %L;', wanted.jobname),
    null::timestamptz
  from fb_ads.scheduled_jobs as wanted
  left join cron.job as job on job.jobname = wanted.jobname and job.username = current_user
  where job.jobid is null or not job.active
  union all
  select
    'sync_silent:' || wanted.slug, 'error',
    wanted.slug || ' has not run for more than ' || extract(epoch from settings.alert_run_silence)::integer / 3600
      || ' hours.',
    'Figures stand still since then.',
    'See whether the function is deployed and answers: select status_code, error_msg from net._http_response order by '
    'created desc limit 5; then run "npm run doctor".',
    greatest(
      settings.created_at,
      (select max(run.started_at) from fb_ads.sync_runs as run where run.function_slug = wanted.slug)
    )
  from fb_ads.settings as settings
  cross join (values ('fb-sync-metadata'), ('fb-sync-insights')) as wanted (slug)
  where settings.created_at < now() - settings.alert_run_silence
    and not exists (
      select from fb_ads.sync_runs as run
      where run.function_slug = wanted.slug and run.started_at > now() - settings.alert_run_silence
    )
    and (wanted.slug = 'fb-sync-metadata' or exists (select from public.ad_accounts as account where account.enabled))
  union all
  select
    'no_account', 'warning', 'No ad account is enabled.', 'No campaign and no spend is read.',
    'Set the function secret FB_ADS_ACCOUNT_IDS to the accounts to read (* for all that the token can read), or: '
    'update public.ad_accounts set enabled = true where fb_account_id = ''<digits>'';',
    null
  where not exists (select from public.ad_accounts as account where account.enabled)
    and exists (select from fb_ads.sync_runs as run where run.function_slug = 'fb-sync-metadata' and run.jobs_done > 0);
$$;

comment on function fb_ads.schedule_alerts() is
  'Alerts about a schedule that does not run. Part of fb_ads.current_alerts.';
