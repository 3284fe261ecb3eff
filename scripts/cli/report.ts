/**
 * `meta-ads report`: writes one self-contained HTML page with what the ads cost and sold, and how the pipeline is.
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import { UsageError } from "./errors.ts";
import { connect, CONNECTION_HELP, DB_URL, PROJECT_REF } from "./operator/connection.ts";
import { buildReportPage } from "./report/page.ts";
import { findToday, readReport } from "./report/queries.ts";
import { pathFromUser } from "./terminal.ts";
import { parseDay, verb } from "./verb.ts";

const DAY_MS = 86_400_000;

function daysBefore(day: string, days: number): string {
  return new Date(Date.parse(day) - days * DAY_MS).toISOString().slice(0, 10);
}

/** The verb. */
export const report = verb("report", {
  summary: "write one HTML page of what ads cost and sold",
  examples: [
    "report --project-ref abcdefghijklmnopqrst",
    "report --db-url postgresql://postgres@127.0.0.1:54322/postgres --since 2026-08-01 --until 2026-08-31 --out august.html",
  ],
  more: CONNECTION_HELP,
})
  .addOption(PROJECT_REF)
  .addOption(DB_URL)
  .option("--since <day>", "first day (default: 28 days with the last one)", parseDay)
  .option("--until <day>", "last day (default: today, where an account is furthest ahead)", parseDay)
  .option("--out <file>", "the page", "report.html")
  .action(async (options) => {
    if (options.since && options.until && options.since > options.until) {
      throw new UsageError(`--since ${options.since} is after --until ${options.until}.`);
    }
    await using database = connect(options);
    const until = options.until ?? await findToday(database.sql);
    const since = options.since ?? daysBefore(until, 27);
    if (since > until) throw new UsageError(`--since ${since} is after today, ${until}.`);
    const page = buildReportPage(await readReport(database.sql, { since, until }, new Date()));
    const out = pathFromUser(options.out);
    writeFileSync(out, page);
    console.log(`${out}: ${since} to ${until}, ${Math.ceil(new TextEncoder().encode(page).length / 1_000)} kB`);
  });
