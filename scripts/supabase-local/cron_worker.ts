/**
 * The clock of the pg_cron stand-in: UTC minutes or `N seconds`, no job beside itself, different jobs at once, missed
 * minutes not made up.
 *
 * @module
 */

import { type CronJob, runJob } from "./cron_job.ts";
import type { Server } from "./server.ts";

/** A schedule as `cron._parse_schedule` takes it apart. */
export interface CronSchedule {
  /** Interval in seconds; then nothing else is set. */
  seconds?: number;
  /** Minutes of the hour. */
  minutes?: number[];
  /** Hours of the day. */
  hours?: number[];
  /** Days of the month. */
  days?: number[];
  /** `$`: the last day of the month. */
  last_day?: boolean;
  /** The day of the month was `*`. */
  any_day?: boolean;
  /** Months, 1 to 12. */
  months?: number[];
  /** Days of the week, 0 is Sunday. */
  weekdays?: number[];
  /** The day of the week was `*`. */
  any_weekday?: boolean;
}

interface Entry extends CronJob {
  parsed: CronSchedule;
}

interface State {
  running: boolean;
  pending: number;
  nextAt: number;
}

/** A running clock. */
export interface CronWorker {
  /** Stops it and waits for the jobs under way. */
  stop(): Promise<void>;
}

/** Whether a schedule of five fields is due in the minute that begins at this instant. */
export function isDue(schedule: CronSchedule, minute: Date): boolean {
  const has = (values: number[] | undefined, value: number) => values?.includes(value) ?? false;
  if (!has(schedule.minutes, minute.getUTCMinutes()) || !has(schedule.hours, minute.getUTCHours())) return false;
  if (!has(schedule.months, minute.getUTCMonth() + 1)) return false;
  const tomorrow = new Date(minute.getTime() + 86_400_000);
  const day = schedule.last_day ? tomorrow.getUTCDate() === 1 : has(schedule.days, minute.getUTCDate());
  const weekday = has(schedule.weekdays, minute.getUTCDay());
  return schedule.any_day || schedule.any_weekday ? day && weekday : day || weekday;
}

/** Starts the clock. `now` tells the time in milliseconds of the epoch. */
export async function startCronWorker(server: Server, now = Date.now): Promise<CronWorker> {
  const sql = server.connect({ max: 4, connection: { application_name: "pg_cron scheduler" } });
  const states = new Map<string, State>();
  const runs = new Set<Promise<void>>();
  let jobs: Entry[] = [];
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lastMinute = Math.floor(now() / 60_000);

  async function load(): Promise<void> {
    if (stopped) return;
    jobs = await sql<Entry[]>`
      select jobid, command, database, username, cron._parse_schedule(schedule) as parsed
      from cron.job where active order by jobid`;
    for (const { jobid, parsed } of jobs) {
      const known = states.get(jobid);
      if (!known) states.set(jobid, { running: false, pending: 0, nextAt: now() + (parsed.seconds ?? 0) * 1000 });
    }
    arm();
  }

  function arm(): void {
    clearTimeout(timer);
    if (stopped) return;
    const at = now();
    let next = (Math.floor(at / 60_000) + 1) * 60_000;
    for (const { jobid, parsed } of jobs) {
      const state = states.get(jobid);
      if (parsed.seconds !== undefined && state) next = Math.min(next, Math.max(state.nextAt, at + 20));
    }
    timer = setTimeout(tick, next - at);
  }

  function tick(): void {
    const at = now();
    const minute = Math.floor(at / 60_000);
    for (const job of jobs) {
      const state = states.get(job.jobid);
      if (!state) continue;
      if (job.parsed.seconds !== undefined) {
        if (at < state.nextAt) continue;
        state.nextAt = at + job.parsed.seconds * 1000;
        state.pending = 1;
      } else if (minute > lastMinute && isDue(job.parsed, new Date(minute * 60_000))) {
        state.pending++;
      }
      if (state.pending > 0 && !state.running) start(job, state);
    }
    lastMinute = Math.max(minute, lastMinute);
    arm();
  }

  function start(job: Entry, state: State): void {
    state.running = true;
    state.pending--;
    const run: Promise<void> = runJob(server, sql, job)
      .catch((error) => {
        if (!stopped) console.error("pg_cron worker:", error);
      })
      .then(() => {
        state.running = false;
        runs.delete(run);
        if (state.pending > 0 && !stopped && jobs.some(({ jobid }) => jobid === job.jobid)) start(job, state);
      });
    runs.add(run);
  }

  const { unlisten } = await sql.listen("pg_cron_jobs", () => void load().catch(() => undefined));
  await load();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await unlisten().catch(() => undefined);
      await sql.end({ timeout: 1 });
      await Promise.allSettled(runs);
    },
  };
}
