/**
 * `npm run backfill -- --since 2026-08-01 [--until 2026-08-31] [--account 1001]`: reads a range of days again. What is left
 * to do stands in the database, so Ctrl-C ends only the looking: the tick goes on, and the same command looks again.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type FunctionAccess, readAccess } from "./doctor/function_checks.ts";
import { formatProgress, type Progress, readProgress } from "./backfill/progress.ts";
import { connectNamed, type OperatorDatabase } from "./operator/database.ts";
import { findSecretKey } from "./operator/secret_key.ts";
import { PlatformError } from "../supabase-local/project.ts";

const USAGE =
  "npm run backfill -- --since YYYY-MM-DD [--until YYYY-MM-DD] [--account <digits>]... [--project-ref <ref> | --db-url <url>]";
const LOOK_MS = 1_000;
const NUDGE_MS = 5_000;
const LINE_MS = 10_000;

interface Range {
  since: string;
  until: string | undefined;
  accounts: string[];
}

function readRange(): { range: Range; ref: string | undefined; url: string | undefined } {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      since: { type: "string" },
      until: { type: "string" },
      account: { type: "string", multiple: true },
      "project-ref": { type: "string" },
      "db-url": { type: "string" },
    },
  });
  const { since, until, account = [] } = values;
  const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text);
  if (since === undefined || !isDay(since) || (until !== undefined && !isDay(until))) {
    throw new PlatformError(`Usage: ${USAGE}`);
  }
  const accounts = account.flatMap((text) => text.split(",")).map((text) => text.trim().replace(/^act_/, ""));
  if (!accounts.every((id) => /^\d{1,20}$/.test(id))) throw new PlatformError("--account takes Meta's digits.");
  return { range: { since, until, accounts }, ref: values["project-ref"], url: values["db-url"] };
}

async function call(access: FunctionAccess, body: unknown): Promise<void> {
  const response = await fetch(`${access.url}/fb-sync-insights`, {
    method: "POST",
    headers: { apikey: access.key, "content-type": "application/json", prefer: "respond-async" },
    body: JSON.stringify(body),
    redirect: "manual",
  });
  const text = await response.text();
  if (response.status !== 202) {
    throw new PlatformError(`fb-sync-insights answers HTTP ${response.status}: ${text.slice(0, 500)}`);
  }
}

/** The plans that this range is about: open ones that began with the same day, or those just made. */
async function findPlans(database: OperatorDatabase, range: Range, asked_after: string): Promise<string[]> {
  const accounts = range.accounts.length === 0
    ? "true"
    : `fb_account_id in (${range.accounts.map((id) => `'${id}'`).join(", ")})`;
  const rows = await database.query(`
    select distinct on (fb_account_id) plan_id from fb_ads.backfill_progress
    where reason = 'request' and ${accounts} and since >= '${range.since}'::date
      and (requested_at >= '${asked_after}'::timestamptz or jobs_left > 0)
      and (${range.until === undefined ? "true" : `until <= '${range.until}'::date`})
    order by fb_account_id, requested_at desc`);
  return rows.map((row) => String(row.plan_id));
}

/** An open backfill from the same day, begun without an end on an earlier day, keeps its own. */
async function findOpenEnd(database: OperatorDatabase, { since, accounts }: Range): Promise<string | undefined> {
  const filter = accounts.length === 0 ? "true" : `fb_account_id in (${accounts.map((id) => `'${id}'`).join(", ")})`;
  const [row] = await database.query(`
    select until::text as until from fb_ads.backfill_progress
    where reason = 'request' and jobs_left > 0 and since = '${since}'::date and ${filter} order by requested_at desc limit 1`);
  return typeof row?.until === "string" ? row.until : undefined;
}

async function watch(database: OperatorDatabase, access: FunctionAccess, plans: string[], isStopped: () => boolean) {
  const began = performance.now();
  const isTerminal = Deno.stdout.isTerminal();
  let first: Progress | null = null;
  let nudged = performance.now();
  let printed = Number.NEGATIVE_INFINITY;
  for (;;) {
    const progress = await readProgress(database, plans);
    first ??= progress;
    const line = formatProgress(progress, { days_done: first.days_done, seconds: (performance.now() - began) / 1_000 });
    const isOver = progress.jobs_left === 0 || isStopped();
    if (isTerminal) await Deno.stdout.write(new TextEncoder().encode(`\r\x1b[2K${line}${isOver ? "\n" : ""}`));
    else if (isOver || performance.now() - printed > LINE_MS) {
      console.log(line);
      printed = performance.now();
    }
    if (isOver) return progress;
    // The tick would go on within a minute; whoever looks need not wait for it.
    if (!progress.is_running && progress.parked_until === null && performance.now() - nudged > NUDGE_MS) {
      nudged = performance.now();
      await call(access, { resume: true });
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function main(): Promise<number> {
  const { range, ref, url } = readRange();
  await using database = connectNamed({ ref, url });
  const address = await readAccess({ database, env: {}, fetch });
  if (address === null) {
    throw new PlatformError("Vault has no fb_ads_project_url or no fb_ads_function_key: run npm run doctor.");
  }
  const access = { url: address.url, key: await findSecretKey(ref, Deno.env.toObject()) };
  let stopped = false;
  Deno.addSignalListener("SIGINT", () => stopped = true);

  const [now] = await database.query("select now()::text as at");
  const until = range.until ?? await findOpenEnd(database, range);
  await call(access, {
    since: range.since,
    ...(until === undefined ? {} : { until }),
    ...(range.accounts.length === 0 ? {} : { account_ids: range.accounts }),
  });
  let plans = await findPlans(database, range, String(now?.at));
  // Where no account is known yet, the plans are made once they are discovered.
  while (plans.length === 0 && (await readProgress(database, [])).is_running) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    plans = await findPlans(database, range, String(now?.at));
  }
  if (plans.length === 0) {
    throw new PlatformError("No enabled ad account has days in this range (Meta keeps 37 months).");
  }
  const { jobs_left, jobs_failed } = await watch(database, access, plans, () => stopped);
  if (jobs_left > 0) {
    console.log("It goes on without you, a step every minute. The same command looks again.");
    return 130;
  }
  if (jobs_failed === 0) return 0;
  console.log(
    `${jobs_failed} ranges were given up: select since, until, last_error from fb_ads.sync_jobs where state = 'failed';`,
  );
  return 1;
}

try {
  Deno.exit(await main());
} catch (error) {
  const isExpected = error instanceof PlatformError || error instanceof TypeError;
  console.error(isExpected ? error.message : error);
  Deno.exit(1);
}
