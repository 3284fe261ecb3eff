/**
 * What can be wrong with an installation, and what the doctor must say of it.
 *
 * @module
 */

/** What a check must find, after something was broken. */
export interface Breakage {
  name: string;
  sql?: string;
  mend?: string;
  token?: Record<string, unknown>;
  finds: string;
  says?: string;
}

/** One for each kind of finding; the last ones leave the installation as it is then. */
export const BREAKAGES: Breakage[] = [
  {
    name: "a token that Meta refuses",
    token: { dead: "190/463" },
    finds: "error token:meta_marketing_api_token",
    says: "token_expired",
  },
  {
    name: "an app that requires its secret",
    token: { requires_proof: true },
    finds: "error token:meta_marketing_api_token",
    says: "Require App Secret",
  },
  {
    name: "a token that may change ads",
    token: { scopes: ["ads_read", "ads_management"] },
    finds: "warning scopes:meta_marketing_api_token",
  },
  {
    name: "a token that may not read ads",
    token: { scopes: ["email"] },
    finds: "error scopes:meta_marketing_api_token",
  },
  { name: "an account taken from the token", token: { accounts: [] }, finds: "error account:1001" },
  {
    name: "a live ad that does not name itself",
    sql:
      "update public.ad_ads set url_tags = 'utm_source=facebook' where id = (select id from public.ad_ads where effective_status = 'ACTIVE' limit 1)",
    mend: "update public.ad_ads set url_tags = 'ad_id={{ad.id}}'",
    finds: "warning url_tags",
    says: "ad_id={{ad.id}}",
  },
  {
    name: "a cron job whose last run failed",
    sql:
      `insert into cron.job_run_details (jobid, runid, database, username, command, status, return_message, start_time)
      select jobid, 1000000, 'postgres', 'postgres', command, 'failed', 'ERROR: the Vault secret is missing', now() from cron.job where jobname = 'fb-sync-insights'`,
    mend: "delete from cron.job_run_details where runid = 1000000",
    finds: "error cron:fb-sync-insights",
    says: "the Vault secret is missing",
  },
  {
    name: "a grant that nobody should have",
    sql: "grant select on fb_ads.settings to anon",
    mend: "revoke select on fb_ads.settings from anon",
    finds: "error grants",
    says: "anon may read fb_ads.settings",
  },
  {
    name: "a large host table without the index that its sweep wants",
    sql:
      "drop index public.transactions_completed_at_idx; update pg_class set reltuples = 50000 where oid = 'public.transactions'::regclass",
    mend: "create index transactions_completed_at_idx on public.transactions (completed_at)",
    finds: "warning host:public.transactions",
    says: "create index concurrently on public.transactions (completed_at);",
  },
  {
    name: "a problem that is an alert",
    sql:
      "insert into fb_ads.pixels (pixel_id, state, blocked_at, reason) values ('4711', 'blocked', now(), 'token_dead')",
    mend: "delete from fb_ads.pixels where pixel_id = '4711'",
    finds: "error alert:pixel_blocked:4711",
  },
  {
    name: "a match quality that fell",
    sql: `insert into public.ad_event_quality (date, pixel_id, event_name, composite_score)
      select (now() at time zone 'UTC')::date - day, '4711', 'Purchase', case day when 0 then 5.2 else 7.4 end
      from generate_series(0, 3) as day`,
    mend: "delete from public.ad_event_quality where pixel_id = '4711'",
    finds: "warning alert:match_quality_fell:4711:Purchase",
    says: "5.2 of 10, after 7.4",
  },
  {
    name: "a diagnostic of Meta's",
    sql: `insert into public.ad_event_quality (date, pixel_id, event_name, composite_score, diagnostics)
      values ((now() at time zone 'UTC')::date, '4711', 'Purchase', 7.4,
        '[{"name": "Mismatched IP addresses", "solution": "Send the address of the buyer."}]')`,
    mend: "delete from public.ad_event_quality where pixel_id = '4711'",
    finds: "warning alert:quality_diagnostic:4711:Mismatched IP addresses",
    says: "Send the address of the buyer.",
  },
  {
    name: "a request that pg_net does not take up",
    // Nobody wakes the worker for it.
    sql:
      "insert into net.http_request_queue (method, url, timeout_milliseconds) values ('POST', 'http://127.0.0.1:9', 1)",
    mend: "delete from net.http_request_queue",
    finds: "error pg_net:queue",
    says: "was not taken",
  },
  {
    name: "an answer that was refused",
    sql: "insert into net._http_response (id, status_code, timed_out) values (1, 401, false)",
    mend: "delete from net._http_response",
    finds: "error pg_net:answers",
    says: "1 × HTTP 401",
  },
  {
    name: "a host that is not known",
    sql: `insert into net._http_response (id, status_code, timed_out, error_msg)
      values (1, 202, false, null), (2, null, false, 'Couldn''t resolve host name')`,
    mend: "delete from net._http_response",
    finds: "warning pg_net:answers",
    says: "1 × Couldn't resolve host name",
  },
  {
    name: "a sale that nobody takes up",
    sql: `insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref, received_at)
      values ('Purchase', 'late', now() - interval '1 hour', 'late', now() - interval '1 hour')`,
    mend: "delete from fb_ads.conversion_events where event_id = 'late'",
    finds: "error alert:purchase_queue",
    says: "pg_net",
  },
  {
    name: "a function that does not reach the database",
    sql: "revoke execute on function public.fb_identify_project from service_role",
    mend: "grant execute on function public.fb_identify_project to service_role",
    finds: "error function:fb-sync-insights",
    says: "its call of the database fails",
  },
  {
    name: "a key of the schedule that was stored in quotes",
    sql: `select vault.update_secret(id, '"' || decrypted_secret || '"') from vault.decrypted_secrets
      where name = 'fb_ads_function_key'`,
    mend: "select fb_ads.renew_function_key()",
    finds: "error alert:function_key",
    says: "renew_function_key",
  },
  {
    name: "a key that the functions do not take",
    sql:
      "select vault.update_secret(id, 'sb_secret_of_another_project') from vault.secrets where name = 'fb_ads_function_key'",
    finds: "error function:capi-event",
    says: "does not take the key",
  },
];
