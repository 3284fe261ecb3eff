-- The work queue of both syncs.
-- Why in Postgres: a worker may be killed at any instant. Which page comes next is known only here, and is written
-- together with the page before it.
-- A plan joins the jobs that belong together: its totals are compared when all its ranges are read, and the progress of
-- a backfill is that of its plan.
-- The pending jobs of an account end when somebody disables it, for a backfill of months would go on for days. They
-- fail and are not deleted: when the account is enabled again, the next night takes up what is left of a backfill.

create table fb_ads.sync_jobs (
  id bigint generated always as identity primary key,
  account_id uuid references public.ad_accounts (id) on delete cascade,
  kind text not null,
  priority integer not null default 100,
  plan_id uuid,
  purpose text,
  since date,
  until date,
  object_level text,
  object_ids text[],
  params jsonb not null default '{}',
  state text not null default 'pending',
  run_id uuid references fb_ads.sync_runs (id) on delete set null,
  lease_id uuid,
  lease_until timestamptz,
  claimed_at timestamptz,
  not_before timestamptz not null default now(),
  cursor text,
  page_size integer,
  page_count integer not null default 0,
  row_count bigint not null default 0,
  report_run_id text,
  attempts integer not null default 0,
  last_error jsonb,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint kind_is_known check (
    kind in (
      'accounts', 'account', 'campaigns', 'adsets', 'ads', 'objects', 'event_quality', 'insights', 'reconciliation',
      'missing_objects'
    )
  ),
  constraint state_is_known check (state in ('pending', 'running', 'done', 'failed')),
  constraint running_has_a_lease check ((state = 'running') = (lease_id is not null and lease_until is not null)),
  constraint ended_has_a_finish check ((state in ('done', 'failed')) = (finished_at is not null)),
  constraint account_is_named check (account_id is not null or kind in ('accounts', 'event_quality')),
  constraint purpose_is_known check (purpose in ('window', 'refresh', 'backfill', 'recheck')),
  constraint insights_have_a_range check (
    kind not in ('insights', 'reconciliation')
    or (since is not null and until is not null and purpose is not null and plan_id is not null)
  ),
  constraint range_is_ordered check (since is null or until is null or since <= until),
  constraint objects_have_ids check (
    kind not in ('objects', 'missing_objects')
    or (object_level in ('campaign', 'adset', 'ad') and object_ids is not null)
  ),
  constraint quality_is_of_one_pixel check (
    kind <> 'event_quality' or (account_id is null and cardinality(object_ids) = 1)
  ),
  constraint page_size_is_positive check (page_size > 0)
);

comment on table fb_ads.sync_jobs is
  'Work queue of both syncs. A job is claimed with a lease, and every write carries '
  'it: a worker whose lease was given to another is refused.';
comment on column fb_ads.sync_jobs.id is 'Key; a lower one is older.';
comment on column fb_ads.sync_jobs.account_id is
  'The ad account to read; null for the discovery of accounts and for pixels. One job an '
  'account runs at a time, whichever sync it is of.';
comment on column fb_ads.sync_jobs.kind is
  'accounts: discovery; account: one account by id; campaigns, adsets, ads: a list; objects: objects by id; '
  'event_quality: how well Meta recognises the people behind a pixel''s events; insights: daily figures of a range; '
  'reconciliation: totals to compare with; missing_objects: objects that an insight spoke of before any list did.';
comment on column fb_ads.sync_jobs.priority is 'Lower is sooner.';
comment on column fb_ads.sync_jobs.plan_id is 'Jobs of the insights sync that were planned together for one account.';
comment on column fb_ads.sync_jobs.purpose is
  'Why insights are read: window (the last 28 days), refresh (today and yesterday), backfill (an older range), '
  'recheck (a day whose sum was off).';
comment on column fb_ads.sync_jobs.since is 'First day of the range, in the account''s time zone.';
comment on column fb_ads.sync_jobs.until is 'Last day of the range, inclusive.';
comment on column fb_ads.sync_jobs.object_level is 'Of which level object_ids are.';
comment on column fb_ads.sync_jobs.object_ids is
  'Meta''s ids to read one by one, or to which a split report is restricted; the pixel of event_quality.';
comment on column fb_ads.sync_jobs.params is
  'What else a job of this kind must remember between pages, such as fields that Meta refused.';
comment on column fb_ads.sync_jobs.state is 'pending, running (has a lease), done, failed.';
comment on column fb_ads.sync_jobs.run_id is 'The invocation that holds or last held the job.';
comment on column fb_ads.sync_jobs.lease_id is 'Fence: a write with another lease_id is refused.';
comment on column fb_ads.sync_jobs.lease_until is
  'When the lease runs out and the job may be claimed by another. Renewed with every page.';
comment on column fb_ads.sync_jobs.claimed_at is
  'When the worker that holds or last held the job began with it; an app that '
  'was throttled since then is not called for it.';
comment on column fb_ads.sync_jobs.not_before is
  'Not claimed before then: a quota is spent, or a failure waits for its next attempt.';
comment on column fb_ads.sync_jobs.cursor is 'Meta''s paging cursor after the last stored page; null at the beginning.';
comment on column fb_ads.sync_jobs.page_size is
  'Objects or rows a page; halved when Meta asks to reduce the amount of data, grown while pages succeed.';
comment on column fb_ads.sync_jobs.page_count is 'Pages stored.';
comment on column fb_ads.sync_jobs.row_count is 'Rows received.';
comment on column fb_ads.sync_jobs.report_run_id is
  'Meta''s id of an asynchronous report, stored before anything else is done with it.';
comment on column fb_ads.sync_jobs.attempts is 'Failures in a row without a page between them.';
comment on column fb_ads.sync_jobs.last_error is
  'The last failure: code, Meta''s code and error_subcode, fbtrace_id, at. Never a token or a URL.';
comment on column fb_ads.sync_jobs.created_at is 'When the job was planned.';
comment on column fb_ads.sync_jobs.finished_at is 'When it was done or given up.';

create unique index sync_jobs_one_running_an_account_idx on fb_ads.sync_jobs (account_id) where state = 'running';
create unique index sync_jobs_one_open_list_idx on fb_ads.sync_jobs (account_id, kind) nulls not distinct
  where state in ('pending', 'running') and kind in ('accounts', 'account', 'campaigns', 'adsets', 'ads');
create unique index sync_jobs_one_open_quality_idx on fb_ads.sync_jobs (object_ids)
  where state in ('pending', 'running') and kind = 'event_quality';
create index sync_jobs_claim_idx on fb_ads.sync_jobs (priority, id) where state = 'pending';
create index sync_jobs_lease_until_idx on fb_ads.sync_jobs (lease_until) where state = 'running';
create index sync_jobs_account_id_kind_created_at_idx on fb_ads.sync_jobs (account_id, kind, created_at);
create index sync_jobs_run_id_idx on fb_ads.sync_jobs (run_id);
create index sync_jobs_finished_at_idx on fb_ads.sync_jobs (finished_at) where state in ('done', 'failed');
create index sync_jobs_plan_id_idx on fb_ads.sync_jobs (plan_id);
create index sync_jobs_open_reports_idx on fb_ads.sync_jobs (account_id)
  where report_run_id is not null and state in ('pending', 'running');
-- Failures are few: this index finds them without the many jobs that succeeded.
create index sync_jobs_failed_idx on fb_ads.sync_jobs (finished_at) where state = 'failed';

alter table fb_ads.sync_jobs enable row level security;

create function fb_ads.sync_kinds(function_slug text)
returns text[] language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select case function_slug
    when 'fb-sync-metadata' then array['accounts', 'account', 'campaigns', 'adsets', 'ads', 'objects', 'event_quality']
    when 'fb-sync-insights' then array['insights', 'reconciliation', 'missing_objects']
  end;
$$;

comment on function fb_ads.sync_kinds(text) is 'Which kinds of jobs an Edge Function works on.';

create function fb_ads.is_asked_with_marketing_token(kind text)
returns boolean language sql immutable security invoker set search_path = pg_catalog, pg_temp as $$
  select is_asked_with_marketing_token.kind <> 'event_quality';
$$;

comment on function fb_ads.is_asked_with_marketing_token(text) is
  'Whether jobs of that kind are asked with the Marketing API token. What Meta answers to the others, which go with a '
  'pixel''s token, tells nothing of that token, its app or its accounts.';

create function fb_ads.open_job_count(function_slug text, account_ids uuid[])
returns integer language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select count(*)::integer
  from fb_ads.sync_jobs as job
  where job.state in ('pending', 'running')
    and (
      job.kind = any (fb_ads.sync_kinds(function_slug))
      -- A discovery that insights wait for.
      or (function_slug = 'fb-sync-insights' and job.kind = 'accounts' and job.params ? 'insights')
    )
    and (account_ids is null or job.account_id = any (account_ids));
$$;

comment on function fb_ads.open_job_count(text, uuid[]) is
  'Jobs of a sync that have not ended, throttled ones included.';

create function fb_ads.may_start_report(job fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select count(*) < (select settings.insights_open_reports from fb_ads.settings as settings)
    -- Parts of a range that was too large are tried one by one, for each shapes the next.
    and not coalesce(job.params ? 'is_part' and bool_or(report.params ? 'is_part'), false)
  from fb_ads.sync_jobs as report
  where report.account_id = job.account_id
    and report.report_run_id is not null
    and report.state in ('pending', 'running')
    and report.priority <= job.priority;
$$;

comment on function fb_ads.may_start_report(fb_ads.sync_jobs) is
  'Whether Meta may be given another report of the account: a few are under '
  'way at a time, and less urgent ones do not count.';

create function fb_ads.waits_for_parts(job fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select job.kind = 'insights' and job.report_run_id is null and exists (
    select
    from fb_ads.sync_jobs as part
    where part.account_id = job.account_id
      and part.kind = 'insights'
      and part.state in ('pending', 'running')
      and part.params ? 'is_part'
      and part.priority < job.priority
      -- A part that fails and fails holds up nobody.
      and part.attempts = 0
  );
$$;

comment on function fb_ads.waits_for_parts(fb_ads.sync_jobs) is
  'Whether a range waits for the parts of one that was too large: what Meta takes of the account is learned there.';

create function fb_ads.waits_for_lists(job fb_ads.sync_jobs)
returns boolean language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  -- Two questions, each by its own partial index.
  select job.kind = 'event_quality' and (
    exists (
      select
      from fb_ads.sync_jobs as running
      where running.state = 'running'
        and running.kind <> 'event_quality'
        and running.kind = any (fb_ads.sync_kinds('fb-sync-metadata'))
    )
    or exists (
      select
      from fb_ads.sync_jobs as pending
      where pending.state = 'pending'
        and pending.not_before <= now()
        and pending.kind <> 'event_quality'
        and pending.kind = any (fb_ads.sync_kinds('fb-sync-metadata'))
    )
  );
$$;

comment on function fb_ads.waits_for_lists(fb_ads.sync_jobs) is
  'Whether a job about a pixel waits: whatever else its sync does or could do now comes first.';

create function fb_ads.end_jobs_of_disabled_account()
returns trigger language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp as $$
begin
  update fb_ads.sync_jobs as job
  set
    state = 'failed', finished_at = now(),
    last_error = jsonb_build_object(
      'code', 'account_disabled', 'reason', 'account_disabled', 'message', 'The account was disabled.', 'at', now()
    )
  where job.account_id = new.id and job.state = 'pending';
  return null;
end;
$$;

comment on function fb_ads.end_jobs_of_disabled_account() is
  'Gives up the pending jobs of an account that is disabled; one that runs ends with its list or range.';

-- For each row, because it fires only when somebody disables an account.
create trigger ad_accounts_end_jobs
  after update of enabled on public.ad_accounts
  for each row when (old.enabled and not new.enabled)
  execute function fb_ads.end_jobs_of_disabled_account();
