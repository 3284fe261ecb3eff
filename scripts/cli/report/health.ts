/**
 * Reads the state of the machinery for the report: alerts, the last runs, queues, what is throttled, and days that
 * differ.
 *
 * @module
 */

import type { ReportRange } from "./data.ts";
import type {
  AlertSummary,
  DifferingDay,
  PipelineHealth,
  QueueState,
  RunSummary,
  ThrottledScope,
} from "./health_data.ts";
import type { Sql } from "../operator/database.ts";

/** Reads it. */
export async function readHealth(sql: Sql, { since, until }: ReportRange): Promise<PipelineHealth> {
  const alerts = await sql<AlertSummary[]>`
    select severity, problem, cost, remedy, to_char(since at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since
    from public.fb_alerts order by severity, since`;
  const runs = await sql<RunSummary[]>`
    select
      function_slug,
      to_char(started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as started_at,
      extract(epoch from finished_at - started_at)::float8 as seconds,
      jobs_done, jobs_failed, graph_calls,
      (select coalesce(sum(counted.value::numeric), 0)::float8 from jsonb_each_text(run.rows) as counted) as rows,
      coalesce(error ->> 'message', error ->> 'code') as error
    from fb_ads.sync_runs as run
    order by run.started_at desc limit 8`;
  const queues = await sql<QueueState[]>`
    select * from (
      select 'Reads from Meta' as queue, state, count(*)::int as count
      from fb_ads.sync_jobs where state in ('pending', 'running') or created_at >= ${since}::date group by state
      union all
      select 'Events to Meta', state, count(*)::int
      from fb_ads.event_deliveries where state <> 'sent' or created_at >= ${since}::date group by state
    ) as counted order by queue desc, state`;
  const throttled = await sql<ThrottledScope[]>`
    select
      scope,
      coalesce(account.name, throttled.key) as name,
      to_char(throttled.throttled_until at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as throttled_until,
      to_char(throttled.stopped_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as stopped_at
    from fb_ads.quotas as throttled
    left join public.ad_accounts as account on throttled.scope = 'account' and account.fb_account_id = throttled.key
    where throttled.throttled_until > now() or throttled.stopped_at is not null
    order by throttled.stopped_at nulls last, throttled.throttled_until limit 50`;
  const differing_days = await sql<DifferingDay[]>`
    select
      coalesce(account_name, fb_account_id) as account_name, date::text, coalesce(currency, '?') as currency,
      our_spend::text, meta_spend::text
    from public.ad_spend_reconciliation
    where is_warning and date between ${since} and ${until}
    order by date desc limit 50`;
  const [newest] = await sql<{ at: string | null }[]>`
    select to_char(max(finished_at) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at
    from fb_ads.sync_jobs where kind = 'insights' and state = 'done'`;
  return {
    alerts: [...alerts],
    runs: [...runs],
    queues: [...queues],
    throttled: [...throttled],
    differing_days: [...differing_days],
    newest_insight_at: newest?.at ?? null,
  };
}
