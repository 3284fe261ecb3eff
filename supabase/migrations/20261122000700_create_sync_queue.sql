-- The work queue of both syncs, and the record of what each invocation did.
-- Why in Postgres: a worker may be killed at any instant, so which page is read next is known only here, written together with the page before it.

create table fb_ads.sync_runs (
  id uuid primary key default gen_random_uuid(),
  function_slug text not null,
  token_fingerprint text,
  started_at timestamptz not null default now(),
  lease_until timestamptz not null,
  finished_at timestamptz,
  jobs_done integer not null default 0,
  jobs_left integer,
  jobs_failed integer not null default 0,
  rows jsonb not null default '{}',
  graph_calls integer not null default 0,
  warnings jsonb not null default '[]',
  error jsonb,
  constraint function_slug_is_a_sync check (function_slug in ('fb-sync-metadata', 'fb-sync-insights')),
  constraint rows_is_an_object check (jsonb_typeof(rows) = 'object'),
  constraint warnings_is_a_list check (jsonb_typeof(warnings) = 'array')
);

create index sync_runs_live_idx on fb_ads.sync_runs (function_slug) where finished_at is null;
create index sync_runs_started_at_idx on fb_ads.sync_runs (started_at);

comment on table fb_ads.sync_runs is 'One row an invocation of a sync. At most two of a function are live at a time: its slots.';
comment on column fb_ads.sync_runs.id is 'The run_id of answers and log lines.';
comment on column fb_ads.sync_runs.function_slug is 'The Edge Function that ran.';
comment on column fb_ads.sync_runs.token_fingerprint is 'Which token it used: the first 16 hex digits of its SHA-256.';
comment on column fb_ads.sync_runs.started_at is 'When the invocation took its slot.';
comment on column fb_ads.sync_runs.lease_until is 'Until when the invocation counts as live while it holds no job; a job''s own lease counts beside it.';
comment on column fb_ads.sync_runs.finished_at is 'When it ended, or was found dead.';
comment on column fb_ads.sync_runs.jobs_done is 'Jobs that it brought to their end.';
comment on column fb_ads.sync_runs.jobs_left is 'Open jobs of the function when it ended.';
comment on column fb_ads.sync_runs.jobs_failed is 'Jobs that it gave up.';
comment on column fb_ads.sync_runs.rows is 'Rows received from Meta, by kind.';
comment on column fb_ads.sync_runs.graph_calls is 'Requests sent to the Graph API.';
comment on column fb_ads.sync_runs.warnings is 'What a person should know but need not act on at once: refused fields, undecodable objects, version warnings.';
comment on column fb_ads.sync_runs.error is 'What ended the run early, as {code, message}; null when nothing did.';

create table fb_ads.sync_jobs (
  id bigint generated always as identity primary key,
  account_id uuid references public.ad_accounts (id) on delete cascade,
  kind text not null,
  priority integer not null default 100,
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
  constraint kind_is_known check (kind in ('accounts', 'account', 'campaigns', 'adsets', 'ads', 'objects', 'insights', 'reconciliation', 'missing_objects')),
  constraint state_is_known check (state in ('pending', 'running', 'done', 'failed')),
  constraint running_has_a_lease check ((state = 'running') = (lease_id is not null and lease_until is not null)),
  constraint ended_has_a_finish check ((state in ('done', 'failed')) = (finished_at is not null)),
  constraint account_is_named check (account_id is not null or kind = 'accounts'),
  constraint range_is_ordered check (since is null or until is null or since <= until),
  constraint objects_have_ids check (kind not in ('objects', 'missing_objects') or (object_level in ('campaign', 'adset', 'ad') and object_ids is not null)),
  constraint page_size_is_positive check (page_size > 0)
);

create unique index sync_jobs_one_running_an_account_idx on fb_ads.sync_jobs (account_id) where state = 'running';
create unique index sync_jobs_one_open_list_idx on fb_ads.sync_jobs (account_id, kind) nulls not distinct
  where state in ('pending', 'running') and kind in ('accounts', 'account', 'campaigns', 'adsets', 'ads');
create index sync_jobs_claim_idx on fb_ads.sync_jobs (priority, id) where state = 'pending';
create index sync_jobs_lease_until_idx on fb_ads.sync_jobs (lease_until) where state = 'running';
create index sync_jobs_account_id_kind_created_at_idx on fb_ads.sync_jobs (account_id, kind, created_at);
create index sync_jobs_run_id_idx on fb_ads.sync_jobs (run_id);
create index sync_jobs_finished_at_idx on fb_ads.sync_jobs (finished_at) where state in ('done', 'failed');

comment on table fb_ads.sync_jobs is 'Work queue of both syncs. A job is claimed with a lease, and every write carries it: a worker whose lease was given to another is refused.';
comment on column fb_ads.sync_jobs.id is 'Key; a lower one is older.';
comment on column fb_ads.sync_jobs.account_id is 'The ad account to read; null for the discovery of accounts. One job an account runs at a time, whichever sync it is of.';
comment on column fb_ads.sync_jobs.kind is 'accounts: discovery; account: one account by id; campaigns, adsets, ads: a list; objects: objects by id; insights: daily figures of a range; reconciliation: totals to compare with; missing_objects: objects that an insight spoke of before any list did.';
comment on column fb_ads.sync_jobs.priority is 'Lower is sooner.';
comment on column fb_ads.sync_jobs.since is 'First day of the range, in the account''s time zone.';
comment on column fb_ads.sync_jobs.until is 'Last day of the range, inclusive.';
comment on column fb_ads.sync_jobs.object_level is 'Of which level object_ids are.';
comment on column fb_ads.sync_jobs.object_ids is 'Meta''s ids to read one by one, or to which a split report is restricted.';
comment on column fb_ads.sync_jobs.params is 'What else a job of this kind must remember between pages, such as fields that Meta refused.';
comment on column fb_ads.sync_jobs.state is 'pending, running (has a lease), done, failed.';
comment on column fb_ads.sync_jobs.run_id is 'The invocation that holds or last held the job.';
comment on column fb_ads.sync_jobs.lease_id is 'Fence: a write with another lease_id is refused.';
comment on column fb_ads.sync_jobs.lease_until is 'When the lease runs out and the job may be claimed by another. Renewed with every page.';
comment on column fb_ads.sync_jobs.claimed_at is 'When the worker that holds or last held the job began with it; an app parked since then is not to be called for it.';
comment on column fb_ads.sync_jobs.not_before is 'Parked until then: a quota is spent, or an error wants a pause.';
comment on column fb_ads.sync_jobs.cursor is 'Meta''s paging cursor after the last stored page; null at the beginning.';
comment on column fb_ads.sync_jobs.page_size is 'Objects or rows a page; halved when Meta asks to reduce the amount of data, grown while pages succeed.';
comment on column fb_ads.sync_jobs.page_count is 'Pages stored.';
comment on column fb_ads.sync_jobs.row_count is 'Rows received.';
comment on column fb_ads.sync_jobs.report_run_id is 'Meta''s id of an asynchronous report, stored before anything else is done with it.';
comment on column fb_ads.sync_jobs.attempts is 'Failures in a row without a page between them.';
comment on column fb_ads.sync_jobs.last_error is 'The last failure: code, Meta''s code and error_subcode, fbtrace_id, at. Never a token or a URL.';
comment on column fb_ads.sync_jobs.created_at is 'When the job was planned.';
comment on column fb_ads.sync_jobs.finished_at is 'When it was done or given up.';

create unlogged table fb_ads.sync_seen_pages (
  job_id bigint not null references fb_ads.sync_jobs (id) on delete cascade,
  page_number integer not null,
  fb_ids text[] not null,
  primary key (job_id, page_number)
);

comment on table fb_ads.sync_seen_pages is
  'Which ids each page of a list held, to tell deleted objects when the list is complete. Unlogged: when a crash empties it, nothing is taken for deleted and the list is read again.';
comment on column fb_ads.sync_seen_pages.job_id is 'The list.';
comment on column fb_ads.sync_seen_pages.page_number is 'Page, from 1, as in sync_jobs.page_count.';
comment on column fb_ads.sync_seen_pages.fb_ids is 'Meta''s ids on that page.';

create table fb_ads.rate_limits (
  scope text not null,
  key text not null,
  use_case text not null default '',
  usage_percent numeric,
  regain_at timestamptz,
  access_tier text,
  parked_at timestamptz,
  parked_until timestamptz,
  stopped_at timestamptz,
  probe_after timestamptz,
  stop_error jsonb,
  updated_at timestamptz not null default now(),
  primary key (scope, key, use_case),
  constraint scope_is_known check (scope in ('app', 'token', 'account', 'pixel')),
  constraint stop_has_a_reason check ((stopped_at is null) = (stop_error is null))
);

comment on table fb_ads.rate_limits is 'What Meta last said of its quotas, and what is parked or stopped because of it.';
comment on column fb_ads.rate_limits.scope is 'app: the whole app; token: one token; account: one ad account; pixel: one pixel.';
comment on column fb_ads.rate_limits.key is 'app: default; token: first 16 hex digits of its SHA-256; account: Meta''s digits; pixel: its id.';
comment on column fb_ads.rate_limits.use_case is 'Meta''s business use case (ads_management, ads_insights, ...), or empty where the limit knows none.';
comment on column fb_ads.rate_limits.usage_percent is 'The worst percentage that Meta''s usage headers last gave; may exceed 100.';
comment on column fb_ads.rate_limits.regain_at is 'When Meta expects to give access back.';
comment on column fb_ads.rate_limits.access_tier is 'Meta''s ads_api_access_tier, as in the header.';
comment on column fb_ads.rate_limits.parked_at is 'When the parking was last asked for.';
comment on column fb_ads.rate_limits.parked_until is 'Nothing is sent in this scope before.';
comment on column fb_ads.rate_limits.stopped_at is 'Since when a person has to act (dead token, missing permission); null while nothing is wrong.';
comment on column fb_ads.rate_limits.probe_after is 'When one call may try whether the trouble is over.';
comment on column fb_ads.rate_limits.stop_error is 'Why it is stopped: code, Meta''s code and error_subcode, message for a person.';
comment on column fb_ads.rate_limits.updated_at is 'When the row last changed.';

alter table fb_ads.sync_runs enable row level security;
alter table fb_ads.sync_jobs enable row level security;
alter table fb_ads.sync_seen_pages enable row level security;
alter table fb_ads.rate_limits enable row level security;
grant select, insert, update, delete on fb_ads.sync_runs, fb_ads.sync_jobs, fb_ads.sync_seen_pages, fb_ads.rate_limits to service_role;
