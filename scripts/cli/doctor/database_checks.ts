/**
 * What the database alone tells: extensions, secrets, grants, schedule, host, queues. What `fb_alerts` says is said
 * here too; the rest is what is too slow, or of too little weight, to be looked at every minute.
 *
 * @module
 */

import type { Row } from "../operator/database.ts";
import type { Finding, Patient } from "./finding.ts";
import { describeSchedule } from "./schedule_words.ts";

const text = (row: Row | undefined, column: string) => String(row?.[column] ?? "");

/** The four extensions. */
export async function checkExtensions({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(`
    select wanted.name, installed.extversion
    from unnest(array['pg_cron', 'pg_net', 'supabase_vault', 'pgcrypto']) as wanted (name)
    left join pg_extension as installed on installed.extname = wanted.name order by wanted.name`);
  const missing = rows.filter((row) => row.extversion === null).map((row) => text(row, "name"));
  if (missing.length === 0) {
    const versions = rows.map((row) => `${text(row, "name")} ${text(row, "extversion")}`).join(", ");
    return [{ check: "extensions", severity: "ok", found: versions }];
  }
  return [{
    check: "extensions",
    severity: "error",
    found: `Missing: ${missing.join(", ")}.`,
    cost: "The suite cannot be installed or does not run.",
    remedy: "Enable them under Database > Extensions, then push the migrations.",
  }];
}

/** Whether the suite is there at all. */
export async function isInstalled({ database }: Patient): Promise<boolean> {
  const [row] = await database.query(
    "select to_regclass('fb_ads.settings') is not null and to_regclass('public.fb_alerts') is not null as installed",
  );
  return row?.installed === true;
}

/** Vault secrets that are there, by name alone. */
export async function checkSecrets({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(`
    select name from vault.secrets where fb_ads.read_vault_text(name) is not null
      and (
        name in ('meta_marketing_api_token', 'fb_ads_project_url', 'fb_ads_function_key', 'fb_ads_alert_webhook')
        or name like 'meta\\_capi\\_access\\_token%'
      )
    order by name`);
  const names = rows.map((row) => text(row, "name"));
  const findings: Finding[] = [{ check: "secrets", severity: "ok", found: names.join(", ") || "none" }];
  if (names.includes("fb_ads_alert_webhook")) return findings;
  return [...findings, {
    check: "secrets:fb_ads_alert_webhook",
    severity: "warning",
    found: "There is no webhook for alerts.",
    cost: "Nobody is told when a token dies; it is only in the view fb_alerts.",
    remedy: "Store the address of a Slack-compatible incoming webhook in Vault as fb_ads_alert_webhook.",
  }];
}

/** Everything in `fb_alerts`. */
export async function checkAlerts({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(
    "select key, severity, problem, cost, remedy from public.fb_alerts order by severity, key",
  );
  if (rows.length === 0) return [{ check: "alerts", severity: "ok", found: "none" }];
  return rows.map((row): Finding => ({
    check: `alert:${text(row, "key")}`,
    severity: row.severity === "error" ? "error" : "warning",
    found: text(row, "problem"),
    cost: text(row, "cost"),
    remedy: text(row, "remedy"),
  }));
}

/** What the functions' role may do, and what nobody else may. */
export async function checkGrants({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(`
    select 'service_role may not execute ' || p.oid::regprocedure::text as problem
    from pg_proc as p where p.pronamespace = to_regnamespace('public') and p.proname in (
        'fb_start_sync_run', 'fb_finish_sync_run', 'fb_claim_sync_job', 'fb_store_events', 'fb_claim_deliveries',
        'fb_record_deliveries', 'fb_read_secret'
      ) and not has_function_privilege('service_role', p.oid, 'execute')
    union all
    select r.rolname || ' may execute ' || p.oid::regprocedure::text
    from pg_proc as p cross join pg_roles as r
    where p.pronamespace = to_regnamespace('public') and p.proname ~ '^fb_' and p.prosrc ~ 'fb_ads\\.'
      and r.rolname in ('anon', 'authenticated')
      and has_function_privilege(r.oid, p.oid, 'execute')
    union all
    select 'service_role may not read ' || c.oid::regclass::text
    from pg_class as c
    where c.relnamespace = to_regnamespace('fb_ads') and c.relkind in ('r', 'v')
      and not has_table_privilege('service_role', c.oid, 'select')
    union all
    select r.rolname || ' may read ' || c.oid::regclass::text
    from pg_class as c cross join pg_roles as r
    where (
        c.relnamespace = to_regnamespace('fb_ads')
        or c.relnamespace = to_regnamespace('public')
          and c.relname in ('ad_accounts', 'ad_spend', 'ad_attributions', 'fb_alerts')
      )
      and c.relkind in ('r', 'v') and r.rolname in ('anon', 'authenticated')
      and has_table_privilege(r.oid, c.oid, 'select')`);
  if (rows.length === 0) return [{ check: "grants", severity: "ok", found: "as the migrations made them" }];
  return [{
    check: "grants",
    severity: "error",
    found: "They are not as the migrations made them",
    items: rows.map((row) => text(row, "problem")),
    cost: "Functions fail, or somebody reads what is not theirs.",
    remedy:
      "Grant or revoke as the migrations do; look for a later migration of yours that grants on all tables or functions.",
  }];
}

/** The last run of each scheduled job. */
export async function checkSchedule({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(`
    select job.jobname, job.schedule, run.status, run.return_message,
      to_char(run.start_time at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC' as start_time,
      run.start_time < now() - interval '10 minutes' and job.jobname = 'fb-ads-tick' as late
    from fb_ads.scheduled_jobs as wanted
    join cron.job as job on job.jobname = wanted.jobname
    left join lateral (
      select details.status, details.return_message, details.start_time from cron.job_run_details as details
      where details.jobid = job.jobid order by details.runid desc limit 1
    ) as run on true
    order by job.jobname`);
  return rows.map((row): Finding => {
    const check = `cron:${text(row, "jobname")}`;
    if (row.status === "failed") {
      return {
        check,
        severity: "error",
        found: `The last run failed: ${text(row, "return_message").slice(0, 300)}`,
        cost: "What it starts is not started.",
        remedy: "Mend what the message names; the next run is by schedule.",
      };
    }
    if (row.late === true) {
      return {
        check,
        severity: "error",
        found: `It runs every minute, but last did at ${text(row, "start_time")}.`,
        cost: "Nothing that was interrupted is gone on with.",
        remedy: "pg_cron does not run: restart the database, or look into its log.",
      };
    }
    const last = row.start_time === null
      ? "has not run yet"
      : `last run ${text(row, "start_time")}, ${text(row, "status")}`;
    return { check, severity: "ok", found: `${describeSchedule(text(row, "schedule"))}, ${last}` };
  });
}

/** Attached tables and the index that their sweep wants. */
export async function checkHost({ database }: Patient): Promise<Finding[]> {
  const rows = await database.query(`
    select attached.host_table, coalesce(attached.completed_at_column, attached.created_at_column) as column_name,
      coalesce(relation.reltuples, 0)::bigint as rows,
      exists (
        select from pg_index as i join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = relation.oid and i.indisvalid
          and a.attname = coalesce(attached.completed_at_column, attached.created_at_column)
      ) as has_index
    from fb_ads.attached_tables as attached join pg_class as relation on relation.oid = to_regclass(attached.host_table)
    order by attached.host_table`);
  return rows.map((row): Finding => {
    const check = `host:${text(row, "host_table")}`;
    if (row.column_name === null) {
      return {
        check,
        severity: "warning",
        found: "It has no column that says when a sale was paid or made.",
        cost: "A sale that its trigger could not note is never found again.",
        remedy: "Add such a column and attach the table again.",
      };
    }
    if (row.has_index === true || Number(row.rows) < 10_000) return { check, severity: "ok", found: "attached" };
    const name = text(row, "column_name");
    return {
      check,
      severity: "warning",
      found: `It has ${row.rows} rows and no index on ${name}.`,
      cost: "The sweep reads the whole table every 15 minutes.",
      remedy: `create index concurrently on ${text(row, "host_table")} (${name});`,
    };
  });
}

/** How long the queues are, as plain figures; what is too old in them is an alert. */
export async function checkQueues({ database }: Patient): Promise<Finding[]> {
  const [row] = await database.query(`
    select (select count(*) from fb_ads.sync_jobs where state in ('pending', 'running')) as jobs,
      (select count(*) from fb_ads.conversion_events where state = 'waiting') as waiting,
      (select count(*) from fb_ads.event_deliveries where state = 'pending') as pending,
      (select count(*) from fb_ads.event_deliveries where state = 'blocked') as blocked,
      (select count(*) from fb_ads.event_deliveries where state = 'dead') as dead,
      (select count(*) from fb_ads.quotas where throttled_until > now()) as throttled,
      (select count(*) from fb_ads.reconciliations where state = 'off') as days_off`);
  return [{
    check: "queues",
    severity: "ok",
    found:
      `${row?.jobs} jobs of the syncs (${row?.throttled} quotas throttled), ${row?.waiting} sales to be taken up, ` +
      `${row?.pending} events to be sent, ${row?.blocked} blocked, ${row?.dead} refused; ` +
      `${row?.days_off} days whose spend is not Meta's`,
  }];
}
