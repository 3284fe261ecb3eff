/**
 * One run of a pg_cron job: its command as one transaction, in a session of the job's user, recorded in
 * `cron.job_run_details`. Serves the stand-in's clock, and tests that run a job out of turn on either implementation.
 *
 * @module
 */

import { type Server, type Sql, STATEMENT_TIMEOUT } from "./server.ts";

/** What of `cron.job` a run needs. */
export interface CronJob {
  /** Its id. */
  jobid: string;
  /** SQL text, one statement or several. */
  command: string;
  /** Database to run in. */
  database: string;
  /** Role to run as. */
  username: string;
}

/** How a run ended. */
export interface CronRun {
  /** `succeeded` means only that the command ended well. */
  status: "succeeded" | "failed";
  /** The command tag, or `ERROR: …`. */
  return_message: string;
}

/** Runs a job once and records it; a failing command is a result, not an error. */
export async function runJob(server: Server, admin: Sql, job: CronJob): Promise<CronRun> {
  const session = server.connect({
    max: 1,
    database: job.database,
    connection: { application_name: "pg_cron", statement_timeout: STATEMENT_TIMEOUT },
  });
  let runId: string | undefined;
  let result: CronRun;
  try {
    const [details] = await admin<{ runid: string }[]>`
      insert into cron.job_run_details (jobid, runid, database, username, command, status, start_time)
      values (
        ${job.jobid}, nextval('cron.runid_seq'), ${job.database}, ${job.username}, ${job.command}, 'running',
        clock_timestamp()
      )
      returning runid`;
    runId = details?.runid;
    await session.unsafe(`set session authorization ${quoted(job.username)}`);
    const outcome = await session.unsafe(job.command).simple();
    const last = Array.isArray(outcome[0]) ? outcome.at(-1) : outcome;
    result = { status: "succeeded", return_message: `${last?.command ?? ""} ${last?.count ?? 0}`.trim() };
  } catch (error) {
    result = { status: "failed", return_message: `ERROR: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    await session.end({ timeout: 1 });
  }
  if (runId !== undefined) {
    await admin`
      update cron.job_run_details
      set status = ${result.status}, return_message = ${result.return_message}, end_time = clock_timestamp()
      where runid = ${runId}`;
  }
  return result;
}

function quoted(role: string): string {
  return `"${role.replaceAll('"', '""')}"`;
}
