/**
 * `meta-ads backfill --since 2026-08-01 [--until 2026-08-31] [--account 1001]`: reads a range of days again. What is
 * left to do stands in the database, so Ctrl-C ends only the looking: the tick goes on, and the same command looks
 * again.
 *
 * @module
 */

import { InvalidArgumentError } from "@commander-js/extra-typings";
import process from "node:process";
import { requestBackfill } from "./backfill/request.ts";
import { formatProgress, type Progress, readProgress } from "./backfill/progress.ts";
import { type FunctionAccess, readAccess } from "./doctor/function_checks.ts";
import { CommandError, UsageError } from "./command_errors.ts";
import { connect, CONNECTION_HELP, DB_URL, PROJECT_REF } from "./operator/connection.ts";
import type { OperatorDatabase } from "./operator/database.ts";
import { findSecretKey } from "./operator/secret_key.ts";
import { parseDay, verb } from "./verb.ts";

const LOOK_MS = 1_000;
const CALL_AGAIN_MS = 5_000;
const LINE_MS = 10_000;
const INTERRUPTED = 130;

interface Range {
  since: string;
  until: string | undefined;
  accounts: string[];
}

function parseAccounts(text: string, before: string[] = []): string[] {
  const ids = text.split(",").map((id) => id.trim().replace(/^act_/, ""));
  if (ids.every((id) => /^\d{1,20}$/.test(id))) return [...before, ...ids];
  throw new InvalidArgumentError("An ad account is Meta's digits, such as 1001 or act_1001.");
}

/** The plans that this range is about: open ones that began with the same day, or those just made. */
async function findPlans(database: OperatorDatabase, range: Range, asked_after: string): Promise<string[]> {
  const rows = await database.sql`
    select distinct on (fb_account_id) plan_id from fb_ads.backfill_progress
    where reason = 'request' and (cardinality(${range.accounts}) = 0 or fb_account_id = any (${range.accounts}))
      and since >= ${range.since}::date and until <= ${range.until ?? "infinity"}::date
      and (requested_at >= ${asked_after}::timestamptz or jobs_left > 0)
    order by fb_account_id, requested_at desc`;
  return rows.map((row) => String(row.plan_id));
}

/** An open backfill from the same day, begun without an end on an earlier day, keeps its own. */
async function findOpenEnd(database: OperatorDatabase, { since, accounts }: Range): Promise<string | undefined> {
  const [row] = await database.sql`
    select until::text as until from fb_ads.backfill_progress
    where reason = 'request' and jobs_left > 0 and since = ${since}::date
      and (cardinality(${accounts}) = 0 or fb_account_id = any (${accounts}))
    order by requested_at desc limit 1`;
  return typeof row?.until === "string" ? row.until : undefined;
}

async function watch(database: OperatorDatabase, access: FunctionAccess, plans: string[], isStopped: () => boolean) {
  const began = performance.now();
  const isTerminal = process.stdout.isTTY === true;
  let first: Progress | null = null;
  let called_at = performance.now();
  let printed = Number.NEGATIVE_INFINITY;
  for (;;) {
    const progress = await readProgress(database, plans);
    first ??= progress;
    const line = formatProgress(progress, { days_done: first.days_done, seconds: (performance.now() - began) / 1_000 });
    const isOver = progress.jobs_left === 0 || isStopped();
    if (isTerminal) process.stdout.write(`\r\x1b[2K${line}${isOver ? "\n" : ""}`);
    else if (isOver || performance.now() - printed > LINE_MS) {
      console.log(line);
      printed = performance.now();
    }
    if (isOver) return progress;
    // The tick would go on within a minute; whoever looks need not wait for it.
    if (!progress.is_running && progress.throttled_until === null && performance.now() - called_at > CALL_AGAIN_MS) {
      called_at = performance.now();
      await requestBackfill(access, { resume: true });
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function run(database: OperatorDatabase, key: string, range: Range): Promise<number> {
  const address = await readAccess({ database, env: {}, fetch });
  if (address === null) {
    throw new CommandError("Vault has no fb_ads_project_url or no fb_ads_function_key: run meta-ads doctor.");
  }
  const access = { url: address.url, key };
  let stopped = false;
  process.on("SIGINT", () => stopped = true);

  const [now] = await database.query("select now()::text as at");
  const asked_after = String(now?.at);
  // Those that are open now may be done by the time that the request is answered, which then makes none anew.
  const open = await findPlans(database, range, asked_after);
  const until = range.until ?? await findOpenEnd(database, range);
  await requestBackfill(access, {
    since: range.since,
    ...(until === undefined ? {} : { until }),
    ...(range.accounts.length === 0 ? {} : { account_ids: range.accounts }),
  });
  let plans = await findPlans(database, range, asked_after);
  if (plans.length === 0) plans = open;
  // Where no account is known yet, the plans are made once they are discovered.
  while (plans.length === 0 && !stopped && (await readProgress(database, [])).is_running) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    plans = await findPlans(database, range, asked_after);
  }
  if (plans.length === 0 && !stopped) {
    throw new CommandError("No enabled ad account has days in this range (Meta keeps 37 months).");
  }
  const { jobs_left, jobs_failed } = await watch(database, access, plans, () => stopped);
  if (stopped || jobs_left > 0) {
    console.log("It goes on without you, a step every minute. The same command looks again.");
    return INTERRUPTED;
  }
  if (jobs_failed === 0) return 0;
  console.log(
    `${jobs_failed} ranges were given up: select since, until, last_error from fb_ads.sync_jobs where state = 'failed';`,
  );
  return 1;
}

/** The verb. */
export const backfill = verb("backfill", {
  summary: "read an older range of days, with progress; Ctrl-C ends only the looking",
  examples: [
    "backfill --since 2026-08-01 --until 2026-08-31 --project-ref abcdefghijklmnopqrst",
    "backfill --since 2026-08-01 --account 1001 --account 1002",
  ],
  more: CONNECTION_HELP,
})
  .addOption(PROJECT_REF)
  .addOption(DB_URL)
  .requiredOption("--since <day>", "first day; Meta keeps 37 months", parseDay)
  .option("--until <day>", "last day (default: today)", parseDay)
  .option("--account <digits>", "only this ad account; may be given again", parseAccounts)
  .action(async (options) => {
    const { since, until, account = [] } = options;
    if (until !== undefined && since > until) throw new UsageError(`--since ${since} is after --until ${until}.`);
    await using database = connect(options);
    const key = await findSecretKey(options.projectRef, process.env);
    process.exitCode = await run(database, key, { since, until, accounts: account });
  });
