/**
 * How far a backfill is, as the queue in the database knows it, and as one line for a terminal.
 *
 * @module
 */

import type { OperatorDatabase } from "../operator/database.ts";

/** How far it is. */
export interface Progress {
  /** Days of all accounts together. */
  days: number;
  /** Days that are stored. */
  days_done: number;
  /** Jobs that are still open. */
  jobs_left: number;
  /** Jobs that were given up. */
  jobs_failed: number;
  /** Rows received from Meta. */
  rows: number;
  /** Requests sent to Meta by runs that ended since the backfill was asked for, those for the present days included. */
  graph_calls: number;
  /** The worst percentage of an insights quota that Meta last told; null before it did. */
  quota_percent: number | null;
  /** When throttled work goes on; null while something may run. */
  throttled_until: Date | null;
  /** Whether an invocation is at work. */
  is_running: boolean;
}

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Which backfills: those of these plans. */
export async function readProgress(database: OperatorDatabase, plan_ids: readonly string[]): Promise<Progress> {
  const plans = plan_ids.length === 0 ? "null::uuid" : plan_ids.map(quote).join(", ");
  const [row] = await database.query(`
    with asked as (select * from fb_ads.backfill_progress where plan_id in (${plans})),
    waiting as (
      select min(not_before) as earliest from fb_ads.sync_jobs where plan_id in (${plans}) and state = 'pending'
    )
    select coalesce(sum(asked.days), 0) as days, coalesce(sum(asked.days_done), 0) as days_done,
      coalesce(sum(asked.jobs_left), 0) as jobs_left, coalesce(sum(asked.jobs_failed), 0) as jobs_failed,
      coalesce(sum(asked.rows), 0) as rows,
      (select coalesce(sum(run.graph_calls), 0) from fb_ads.sync_runs as run
        where run.function_slug = 'fb-sync-insights'
          and run.started_at >= min(asked.requested_at) - interval '5 seconds') as graph_calls,
      (
        select max(quota.usage_percent) from fb_ads.quotas as quota
        where quota.use_case in ('ads_insights', '') and quota.scope in ('app', 'account')
      ) as quota_percent,
      (select waiting.earliest from waiting where waiting.earliest > now() + interval '5 seconds') as throttled_until,
      exists (
        select from fb_ads.sync_runs as run
        where run.function_slug = 'fb-sync-insights' and fb_ads.is_live_run(run)
      ) as is_running
    from asked`);
  const number = (column: string) => Number(row?.[column] ?? 0);
  return {
    days: number("days"),
    days_done: number("days_done"),
    jobs_left: number("jobs_left"),
    jobs_failed: number("jobs_failed"),
    rows: number("rows"),
    graph_calls: number("graph_calls"),
    quota_percent: typeof row?.quota_percent === "number" ? row.quota_percent : null,
    throttled_until: typeof row?.throttled_until === "string" ? new Date(row.throttled_until) : null,
    is_running: row?.is_running === true,
  };
}

/** Seconds as a person says them. */
export function formatDuration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}

/**
 * One line: bar, days, rows, calls, quota, time left. `since` is where this look began, for the pace is that of what
 * was seen, not of what was done before an interruption.
 */
export function formatProgress(progress: Progress, since: { days_done: number; seconds: number }, width = 24): string {
  const { days, days_done } = progress;
  const share = days === 0 ? 1 : days_done / days;
  const filled = Math.round(share * width);
  const pace = (days_done - since.days_done) / Math.max(since.seconds, 0.001);
  const left = progress.jobs_left === 0
    ? "done"
    : progress.throttled_until !== null && !progress.is_running
    ? `quota spent, goes on at ${progress.throttled_until.toISOString().slice(11, 16)} UTC`
    : pace > 0
    ? `${formatDuration((days - days_done) / pace)} left`
    : "working";
  return [
    `[${"#".repeat(filled)}${"-".repeat(width - filled)}] ${Math.floor(share * 100)} %`,
    `${days_done}/${days} days`,
    `${progress.rows} rows`,
    // A run counts its calls when it ends.
    ...(progress.graph_calls === 0 ? [] : [`${progress.graph_calls} calls`]),
    ...(progress.quota_percent === null ? [] : [`quota ${Math.round(progress.quota_percent)} %`]),
    ...(progress.jobs_failed === 0 ? [] : [`${progress.jobs_failed} given up`]),
    left,
  ].join("  ");
}
