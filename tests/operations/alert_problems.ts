/**
 * Every alert of `fb_alerts`: how it begins and how a person would end it, in SQL.
 *
 * @module
 */

/** An alert. */
export interface AlertCase {
  /** Its key in `fb_alerts`. */
  key: string;
  /** Its severity. */
  severity: "error" | "warning";
  /** What makes it. */
  begin: string;
  /** What ends it. */
  end: string;
}

const removeSecret = (name: string) => `delete from vault.secrets where name = '${name}'`;
const storeSecret = (name: string, value: string) => `select vault.create_secret('${value}', '${name}')`;
const changeSecret = (name: string, value: string) =>
  `select vault.update_secret(id, '${value}') from vault.secrets where name = '${name}'`;
/** Jobs belong to the role that scheduled them. */
const asHost = (statement: string) => `set role postgres; ${statement}; reset role`;
const JOB = "insert into fb_ads.sync_jobs (account_id, kind, state, created_at, not_before, finished_at, last_error)";
const ACCOUNT = "(select min(id::text)::uuid from public.ad_accounts)";
const EVENT =
  `insert into fb_ads.conversion_events (event_name, event_id, event_time, origin, state, content, received_at)
  values ('Lead', 'alert', now(), 'server', 'stored', '{}', now() - interval '2 hours')`;
const FORGET_EVENT = "delete from fb_ads.conversion_events where event_id like 'alert%'";
const FORGET_JOBS = "delete from fb_ads.sync_jobs where created_at < now() - interval '3 hours'";
/** 30 sales, three hours apart, the last one `ago` hours ago. */
const salesUntil = (ago: number) =>
  `insert into fb_ads.attribution_results (transaction_ref, outcome, reason, completed_at, checkout_at)
   select 'alert' || n, 'unattributed', 'no_touch', at, at
   from generate_series(0, 29) as n cross join lateral (select now() - make_interval(hours => ${ago} + 3 * n) as at) as sale`;

/** The alerts, on a platform whose secrets are stored, whose first account is 1001 and whose host is attached. */
export const ALERTS: AlertCase[] = [
  ...["meta_marketing_api_token", "meta_capi_access_token", "fb_ads_project_url", "fb_ads_function_key"].map(
    (name): AlertCase => ({
      key: `secret_missing:${name}`,
      severity: "error",
      begin: removeSecret(name),
      end: name === "fb_ads_function_key"
        ? "select fb_ads.renew_function_key()"
        : storeSecret(name, name === "fb_ads_project_url" ? "http://127.0.0.1:1" : "value-of-a-secret"),
    }),
  ),
  ...[["meta_marketing_api_token", "'a token'"], ["meta_capi_access_token", '"quoted"']].map(
    ([name = "", value = ""]): AlertCase => ({
      key: `secret_unusable:${name}`,
      severity: "error",
      begin: changeSecret(name, value.replaceAll("'", "''")),
      // White space around it is taken off.
      end: changeSecret(name, " value-of-a-secret\n"),
    }),
  ),
  {
    key: "project_url",
    severity: "error",
    begin: changeSecret("fb_ads_project_url", "https://shop.example"),
    end: changeSecret("fb_ads_project_url", "https://abcdefghijklmnopqrst.supabase.co"),
  },
  {
    key: "function_key",
    severity: "error",
    begin: changeSecret("fb_ads_function_key", "sb_secret_0123456789abcdef0123456789abcdef"),
    end: "select fb_ads.renew_function_key()",
  },
  {
    key: "project_copy",
    severity: "error",
    begin: `select public.fb_identify_project('{"project_url": "https://bcdefghijklmnopqrstu.supabase.co"}')`,
    end: "select fb_ads.adopt_project('https://bcdefghijklmnopqrstu.supabase.co')",
  },
  {
    key: "token_dead:2cf24dba5fb0a30e",
    severity: "error",
    begin: `${changeSecret("meta_marketing_api_token", "hello")};
      insert into fb_ads.quotas (scope, key, stopped_at, stop_error)
      values ('token', fb_ads.token_fingerprint('hello'), now(), '{"code": "meta_token_invalid", "reason": "token_expired"}')`,
    end: changeSecret("meta_marketing_api_token", "another-token"),
  },
  {
    key: "permission_lost:1001",
    severity: "error",
    begin: `insert into fb_ads.quotas (scope, key, stopped_at, stop_error)
      values ('account', '1001', now(), '{"code": "meta_permission", "reason": "permission_denied"}')
      on conflict (scope, key, use_case) do update set stopped_at = excluded.stopped_at, stop_error = excluded.stop_error`,
    end: "update fb_ads.quotas set stopped_at = null, stop_error = null where key = '1001'",
  },
  {
    key: "pixel_blocked:4711",
    severity: "error",
    begin: `insert into fb_ads.pixels (pixel_id, state, blocked_at, reason, code)
      values ('4711', 'blocked', now(), 'token_dead', 190)`,
    end: "update fb_ads.pixels set state = 'open', blocked_at = null where pixel_id = '4711'",
  },
  {
    key: "api_version_dead",
    severity: "error",
    begin: `${JOB} values (${ACCOUNT}, 'account', 'failed', now(), now(), now(), '{"reason": "version_dead"}')`,
    end: `${JOB} values (${ACCOUNT}, 'account', 'done', now(), now(), now(), null)`,
  },
  {
    key: "api_version_warned",
    severity: "warning",
    begin: `insert into fb_ads.sync_runs (function_slug, lease_until, finished_at, jobs_done, warnings)
      values ('fb-sync-insights', now(), now(), 1, '[{"code": "api_version", "message": "ends"}]')`,
    end: "update fb_ads.sync_runs set warnings = '[]'",
  },
  {
    key: "sync_queue:fb-sync-metadata",
    severity: "error",
    begin:
      `${JOB} values (${ACCOUNT}, 'ads', 'pending', now() - interval '4 hours', now() + interval '1 hour', null, null)`,
    end: FORGET_JOBS,
  },
  {
    key: "sync_failed:1001",
    severity: "warning",
    begin:
      `${JOB} values (${ACCOUNT}, 'adsets', 'failed', now() - interval '4 hours', now(), now(), '{"reason": "timeout"}');
      delete from fb_ads.sync_jobs where kind in ('adsets', 'ads') and state = 'done'`,
    end: `${JOB} values (${ACCOUNT}, 'adsets', 'done', now(), now(), now(), null)`,
  },
  {
    key: "reconciliation_off:1001",
    severity: "warning",
    begin:
      `insert into fb_ads.reconciliations (account_id, date, our_spend, meta_spend, row_count, currency, tolerance, state)
      values (${ACCOUNT}, '2026-11-01', 90, 100, 3, 'USD', 0.02, 'off')`,
    end: "update fb_ads.reconciliations set our_spend = 100, state = 'equal'",
  },
  {
    key: "cron_job:fb-ads-sweep",
    severity: "error",
    begin: asHost("select cron.unschedule('fb-ads-sweep')"),
    end: asHost("select cron.schedule('fb-ads-sweep', '*/15 * * * *', 'select fb_ads.sweep_purchases();')"),
  },
  {
    key: "cron_job:fb-sync-insights",
    severity: "error",
    begin: "select cron.alter_job(jobid, active => false) from cron.job where jobname = 'fb-sync-insights'",
    end: "select cron.alter_job(jobid, active => true) from cron.job where jobname = 'fb-sync-insights'",
  },
  {
    key: "sync_silent:fb-sync-metadata",
    severity: "error",
    begin: `update fb_ads.settings set created_at = now() - interval '3 days';
      update fb_ads.sync_runs set started_at = now() - interval '2 days' where function_slug = 'fb-sync-metadata'`,
    end: "update fb_ads.sync_runs set started_at = now() where function_slug = 'fb-sync-metadata'",
  },
  {
    key: "no_account",
    severity: "warning",
    begin: "update public.ad_accounts set enabled = false",
    end: "update public.ad_accounts set enabled = true",
  },
  {
    key: "host_not_attached",
    severity: "warning",
    begin: `update fb_ads.settings set created_at = now() - interval '25 hours';
      select fb_ads.detach_transactions('public.transactions')`,
    end: "select fb_ads.attach_transactions('public.transactions')",
  },
  {
    key: "host_triggers:public.transactions",
    severity: "error",
    begin: "alter table public.transactions disable trigger fb_ads_note_updated_purchases",
    end: "select fb_ads.attach_transactions('public.transactions')",
  },
  {
    key: "host_table_gone:public.sales",
    severity: "error",
    begin: `create table public.sales (id uuid primary key, status text, created_at timestamptz);
      select fb_ads.attach_transactions('public.sales'); drop table public.sales cascade`,
    end: "delete from fb_ads.attached_tables where host_table = 'public.sales'",
  },
  {
    key: "purchases_view",
    severity: "error",
    begin: "drop view fb_ads.purchases cascade",
    end: "select fb_ads.make_purchases_view()",
  },
  {
    key: "delivery_queue",
    severity: "error",
    begin:
      `${EVENT}; insert into fb_ads.event_deliveries (event_row_id, pixel_id, attempts, next_attempt_at, created_at)
      select id, '4711', 3, now() + interval '10 minutes', received_at from fb_ads.conversion_events where event_id = 'alert'`,
    end: FORGET_EVENT,
  },
  {
    key: "purchase_queue",
    severity: "error",
    begin:
      `insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref, received_at, not_before)
      values ('Purchase', 'alert', now(), 'alert', now() - interval '11 minutes', now() + interval '10 minutes')`,
    end: FORGET_EVENT,
  },
  {
    key: "function_silent:capi-event",
    severity: "error",
    begin: `insert into fb_ads.function_answers (slug, unanswered_since, outcome)
      values ('capi-event', now() - interval '11 minutes', 'HTTP 401')`,
    end: "update fb_ads.function_answers set unanswered_since = null",
  },
  {
    key: "dead_letters:4712",
    severity: "warning",
    begin: `${EVENT}; insert into fb_ads.event_deliveries (event_row_id, pixel_id, state, reason, attempted_at)
      select id, '4712', 'dead', 'invalid_parameter', now() from fb_ads.conversion_events where event_id = 'alert'`,
    end: FORGET_EVENT,
  },
  {
    key: "attribution_queue",
    severity: "warning",
    begin: `insert into fb_ads.attribution_results (transaction_ref, outcome, reason, completed_at, checkout_at, due_at)
      values ('alert', 'unattributed', 'no_touch', now(), now(), now() - interval '4 hours')`,
    end: "delete from fb_ads.attribution_results",
  },
  {
    key: "purchases_silent",
    severity: "warning",
    begin: salesUntil(8),
    end: "update fb_ads.attribution_results set completed_at = now() where transaction_ref = 'alert0'",
  },
  {
    key: "match_quality_fell:4711:Purchase",
    severity: "warning",
    begin: `insert into public.ad_event_quality (date, pixel_id, event_name, composite_score)
      select (now() at time zone 'UTC')::date - day, '4711', 'Purchase', case day when 0 then 6.1 else 7.1 end
      from generate_series(0, 3) as day`,
    end: "update public.ad_event_quality set composite_score = 6.2 where composite_score = 6.1",
  },
  {
    key: "event_coverage_low:4711",
    severity: "warning",
    begin: `update public.ad_event_quality set event_coverage = 74.9, event_coverage_goal = 75
      where date = (now() at time zone 'UTC')::date`,
    end: "update public.ad_event_quality set event_coverage = 75 where event_coverage = 74.9",
  },
  {
    key: "quality_diagnostic:4711:Mismatched IP addresses",
    severity: "warning",
    begin: `update public.ad_event_quality set diagnostics =
        '[{"name": "Mismatched IP addresses", "description": "", "solution": "Send the buyer''s address.", "percentage": 12.5}]'
      where date = (now() at time zone 'UTC')::date`,
    end: "update public.ad_event_quality set diagnostics = '[]' where diagnostics <> '[]'",
  },
];
