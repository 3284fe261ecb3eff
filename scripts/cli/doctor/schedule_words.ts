/**
 * A cron job's schedule as a person says it.
 *
 * @module
 */

import cronstrue from "cronstrue";

/** Says when a job of pg_cron runs; its own forms beside crontab's, such as `30 seconds`, are given as they are. */
export function describeSchedule(schedule: string): string {
  try {
    const words = cronstrue.toString(schedule, { use24HourTimeFormat: true });
    return `${words.charAt(0).toLowerCase()}${words.slice(1)} UTC`;
  } catch {
    return `every ${schedule}`;
  }
}
