-- Runs: what each invocation of a sync did, and until when it counts as live.

create table fb_ads.sync_runs (
  id uuid primary key default gen_random_uuid(),
  function_slug text not null,
  token_fingerprint text,
  api_version text,
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

comment on table fb_ads.sync_runs is
  'One row a run of a sync: one invocation of its function. At most two of a function are live at a time: its slots.';
comment on column fb_ads.sync_runs.id is 'The run_id of answers and log lines.';
comment on column fb_ads.sync_runs.function_slug is 'The Edge Function that ran.';
comment on column fb_ads.sync_runs.token_fingerprint is 'Which token it used: the first 16 hex digits of its SHA-256.';
comment on column fb_ads.sync_runs.api_version is 'Which version of the Graph API it called, as in META_API_VERSION.';
comment on column fb_ads.sync_runs.started_at is 'When the invocation took its slot.';
comment on column fb_ads.sync_runs.lease_until is
  'Until when the invocation counts as live while it holds no job; a job''s own lease counts beside it.';
comment on column fb_ads.sync_runs.finished_at is 'When it ended, or was found dead.';
comment on column fb_ads.sync_runs.jobs_done is 'Jobs that it brought to their end.';
comment on column fb_ads.sync_runs.jobs_left is 'Open jobs of the function when it ended.';
comment on column fb_ads.sync_runs.jobs_failed is 'Jobs that it gave up.';
comment on column fb_ads.sync_runs.rows is 'Rows received from Meta, by kind.';
comment on column fb_ads.sync_runs.graph_calls is 'Requests sent to the Graph API.';
comment on column fb_ads.sync_runs.warnings is
  'What a person should know but need not act on at once: refused fields, undecodable objects, version warnings.';
comment on column fb_ads.sync_runs.error is 'What ended the run early, as {code, message}; null when nothing did.';

create index sync_runs_live_idx on fb_ads.sync_runs (function_slug) where finished_at is null;
create index sync_runs_started_at_idx on fb_ads.sync_runs (started_at);

alter table fb_ads.sync_runs enable row level security;

create function fb_ads.renew_run_lease(run_id uuid)
returns void language sql volatile security invoker set search_path = pg_catalog, pg_temp as $$
  update fb_ads.sync_runs as run
  set lease_until = now() + interval '5 seconds'
  where run.id = renew_run_lease.run_id;
$$;

comment on function fb_ads.renew_run_lease(uuid) is
  'Keeps a run live that holds no job: it has just released one, or waits for a report.';
