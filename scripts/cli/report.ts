/**
 * `npm run report`: writes one self-contained HTML page with what the ads cost and sold, and how the pipeline is.
 *
 * @module
 */

import { parseArgs } from "node:util";
import postgres from "postgres";
import { buildReportPage } from "./report/page.ts";
import { findToday, readReport } from "./report/queries.ts";

const USAGE = `npm run report -- [--db-url postgresql://…] [--since YYYY-MM-DD] [--until YYYY-MM-DD] [--out report.html]

  --db-url  the database; default: DB_URL of the environment, as npm run stack and supabase status print it
  --since   first day; default: 28 days with the last one
  --until   last day; default: today, where an account is furthest ahead
  --out     the page; default: report.html`;
const DAY_MS = 86_400_000;

function refuse(problem: string): never {
  console.error(`${problem}\n\n${USAGE}`);
  Deno.exit(2);
}

function checkDay(text: string | undefined, name: string): void {
  if (text === undefined) return;
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(Date.parse(text))) refuse(`${name} is no day: ${text}`);
}

function daysBefore(day: string, days: number): string {
  return new Date(Date.parse(day) - days * DAY_MS).toISOString().slice(0, 10);
}

function readOptions() {
  try {
    return parseArgs({
      args: Deno.args,
      options: {
        "db-url": { type: "string" },
        since: { type: "string" },
        until: { type: "string" },
        out: { type: "string", default: "report.html" },
      },
    }).values;
  } catch (error) {
    if (error instanceof TypeError) refuse(error.message);
    throw error;
  }
}

const options = readOptions();
const url = options["db-url"] ?? Deno.env.get("DB_URL");
if (!url) refuse("Which database? Give --db-url or set DB_URL.");
checkDay(options.since, "--since");
checkDay(options.until, "--until");
if (options.since && options.until && options.since > options.until) {
  refuse(`--since ${options.since} is after --until ${options.until}`);
}

const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
try {
  const until = options.until ?? await findToday(sql);
  const since = options.since ?? daysBefore(until, 27);
  const page = buildReportPage(await readReport(sql, { since, until }, new Date()));
  Deno.writeTextFileSync(options.out, page);
  console.log(`${options.out}: ${since} to ${until}, ${Math.ceil(new TextEncoder().encode(page).length / 1_000)} kB`);
} catch (error) {
  // The message of a failed connection names host and port; the URL holds the password and is not shown.
  console.error(`The report could not be made: ${error instanceof Error ? error.message || error.name : error}`);
  Deno.exitCode = 1;
} finally {
  await sql.end({ timeout: 1 });
}
