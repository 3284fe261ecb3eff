/**
 * What the report says of the suite itself: its runs, what waits, alerts, and days whose spend is not Meta's.
 *
 * @module
 */

/** A run of a sync. */
export interface RunSummary {
  /** The function. */
  function_slug: string;
  /** ISO 8601. */
  started_at: string;
  /** Null while it runs. */
  seconds: number | null;
  /** Jobs brought to their end. */
  jobs_done: number;
  /** Jobs given up. */
  jobs_failed: number;
  /** Rows received from Meta. */
  rows: number;
  /** Requests sent to Meta. */
  graph_calls: number;
  /** Why it ended early; null when it did not. */
  error: string | null;
}

/** A number of things in one state. */
export interface QueueState {
  /** Which queue, in words. */
  queue: string;
  /** The state. */
  state: string;
  /** How many are in it. */
  count: number;
}

/** What a person must act on. */
export interface AlertSummary {
  /** `error` or `warning`. */
  severity: string;
  /** What is wrong. */
  problem: string;
  /** What it costs. */
  cost: string;
  /** How to mend it. */
  remedy: string;
  /** ISO 8601; null when nobody knows. */
  since: string | null;
}

/** A quota that is used up, or access that is lost. */
export interface ThrottledScope {
  /** Whose quota or access it is. */
  scope: string;
  /** The account, or what else the scope is of. */
  name: string;
  /** ISO 8601; null when it is not a matter of time. */
  throttled_until: string | null;
  /** ISO 8601; null when access is not lost. */
  stopped_at: string | null;
}

/** A day on which our sum is not Meta's. */
export interface DifferingDay {
  /** The ad account. */
  account_name: string;
  /** Calendar day in its time zone, `YYYY-MM-DD`. */
  date: string;
  /** ISO 4217. */
  currency: string;
  /** Our sum over the ads. */
  our_spend: string;
  /** Meta's total of the account. */
  meta_spend: string;
}

/** The state of the machinery. */
export interface PipelineHealth {
  /** What a person must act on. */
  alerts: AlertSummary[];
  /** The newest runs of the syncs. */
  runs: RunSummary[];
  /** What waits, and what was given up. */
  queues: QueueState[];
  /** Quotas that are used up, access that is lost. */
  throttled: ThrottledScope[];
  /** Days whose sum is not Meta's. */
  differing_days: DifferingDay[];
  /** The newest change of any day's spend, ISO 8601. */
  newest_insight_at: string | null;
}
