/**
 * The days of a job, as the plan wrote them: the ad account's own days, both ends included.
 *
 * @module
 */

import type { SyncJob } from "../database/sync_jobs.ts";
import type { AdInsightRange } from "../meta/insights.ts";
import { accountOf } from "../queue/account_job.ts";

/** First and last day, `YYYY-MM-DD`. */
export interface Days {
  /** The first. */
  since: string;
  /** The last, included. */
  until: string;
}

/** The range of a job that has one. */
export function daysOf(job: SyncJob): Days {
  const { since, until } = job;
  if (since === null || until === null) throw new TypeError(`a job of kind ${job.kind} has a range of days`);
  return { since, until };
}

/** What a job asks Meta for: its days, and where it is a part of a day, only its ads or all but those. */
export function rangeOf(job: SyncJob): AdInsightRange {
  const fb_ad_ids = job.object_ids;
  const is_unfiltered = job.params.is_unfiltered === true;
  const range = { fb_account_id: accountOf(job), ...daysOf(job), ...(is_unfiltered ? { is_unfiltered } : {}) };
  if (fb_ad_ids === null) return range;
  return job.params.is_rest === true ? { ...range, other_than_fb_ad_ids: fb_ad_ids } : { ...range, fb_ad_ids };
}

/** Whether a text is a day of the calendar: `2026-02-30` is none. */
export function isDay(text: string): boolean {
  // The calendar has no year 0, whatever JavaScript says.
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text < "0001") return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
}

/** The latest calendar day anywhere on earth at an instant: in UTC+14 the next day has begun at 10:00 UTC. */
export function latestDay(now: Date): string {
  return new Date(now.getTime() + 14 * 3_600_000).toISOString().slice(0, 10);
}
