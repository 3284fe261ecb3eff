/**
 * What `npm start` says while it works: a line a step, rewritten in a terminal, and plain tables.
 *
 * @module
 */

import type { Platform } from "../../supabase-local/mod.ts";
import { type Cell, formatTable } from "./terminal_table.ts";

const isTerminal = Deno.stdout.isTerminal();
const encoder = new TextEncoder();

function write(text: string): void {
  Deno.stdout.writeSync(encoder.encode(text));
}

/** Says what is being done, then how it ended and how long it took. */
export async function step<Result>(
  title: string,
  work: (tell: (state: string) => void) => Promise<Result>,
): Promise<Result> {
  const started = performance.now();
  const tell = (state: string) => {
    if (isTerminal) write(`\r\x1b[2K  … ${title}  ${state}`);
  };
  tell("");
  const result = await work(tell);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  write(`${isTerminal ? "\r\x1b[2K" : ""}  ✓ ${title}  (${seconds} s)\n`);
  return result;
}

/** Prints a heading and a table; a table without rows says so. */
export function printTable(title: string, rows: readonly Readonly<Record<string, Cell>>[]): void {
  console.log(`\n${title}`);
  console.log(rows.length === 0 ? "  (nothing)" : formatTable(rows));
}

/** The state of the newest run of a sync that began after an instant. */
interface RunState {
  finished: boolean;
  jobs_left: number;
  rows: number;
  failed: string | null;
}

/**
 * Starts a sync as the night does, by its cron job, and waits until no job that may run is left. Ticks are the
 * schedule's own; only the waiting for the hour is left out.
 */
export async function runNightly(
  platform: Platform,
  jobname: string,
  kinds: string[],
  tell: (state: string) => void,
): Promise<void> {
  const { sql } = platform;
  const [begun] = await sql`select clock_timestamp() as at`;
  await platform.runCronJob(jobname);
  for (;;) {
    const [state] = await sql<RunState[]>`
      select
        exists (select from fb_ads.sync_runs where started_at >= ${begun?.at} and function_slug = ${jobname} and finished_at is not null) as finished,
        (select count(*)::int from fb_ads.sync_jobs where state in ('pending', 'running') and kind = any (${kinds})) as jobs_left,
        (select coalesce(sum(row_count), 0)::int from fb_ads.sync_jobs where kind = any (${kinds}) and created_at >= ${begun?.at}) as rows,
        (select error ->> 'message' from fb_ads.sync_runs where started_at >= ${begun?.at} and function_slug = ${jobname} and error is not null limit 1) as failed`;
    if (state === undefined) throw new Error("the run's state cannot be read");
    if (state.failed !== null) throw new Error(`${jobname}: ${state.failed}`);
    tell(`${state.rows} rows, ${state.jobs_left} jobs left`);
    if (state.finished && state.jobs_left === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
