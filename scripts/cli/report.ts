/**
 * `meta-ads report`: writes one self-contained HTML page with what the ads cost and sold, and how the pipeline is.
 *
 * @module
 */

import { InvalidArgumentError } from "@commander-js/extra-typings";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "./command_errors.ts";
import { connect, CONNECTION_HELP, DB_URL, PROJECT_REF } from "./operator/connection.ts";
import { makeCsvFiles } from "./report/csv.ts";
import { buildReportPage, DEFAULT_LOCALE } from "./report/page.ts";
import { daysBefore, findToday, readReport } from "./report/queries.ts";
import { pathFromUser } from "./terminal.ts";
import { parseDay, verb } from "./verb.ts";

function parseLocale(text: string): string {
  try {
    const [locale] = Intl.NumberFormat.supportedLocalesOf(text);
    if (locale !== undefined) return locale;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new InvalidArgumentError("A locale looks like id-ID or en-PH.");
}

function parseCurrency(text: string): string {
  if (!/^[A-Z]{3}$/.test(text)) throw new InvalidArgumentError("A currency is its three capitals, such as IDR.");
  return text;
}

/** The verb. */
export const report = verb("report", {
  summary: "write one HTML page of what ads cost and sold",
  examples: [
    "report --project-ref abcdefghijklmnopqrst",
    "report --db-url postgresql://postgres@127.0.0.1:54322/postgres --since 2026-08-01 --until 2026-08-31 --out august.html",
    "report --project-ref abcdefghijklmnopqrst --locale id-ID --currency IDR --csv figures",
  ],
  more: CONNECTION_HELP,
})
  .addOption(PROJECT_REF)
  .addOption(DB_URL)
  .option("--since <day>", "first day (default: 28 days with the last one)", parseDay)
  .option("--until <day>", "last day (default: today, where an account is furthest ahead)", parseDay)
  .option("--out <file>", "the page", "report.html")
  .option(
    "--currency <code>",
    "home currency, into which amounts are converted (default: that of most figures)",
    parseCurrency,
  )
  .option(
    "--csv <folder>",
    "its tables as files, too: days, weeks, months, ads, ad sets, campaigns, funnel, sales found",
  )
  .option("--locale <tag>", "how numbers and dates are written, e.g. id-ID", parseLocale, DEFAULT_LOCALE)
  .action(async (options) => {
    if (options.since && options.until && options.since > options.until) {
      throw new UsageError(`--since ${options.since} is after --until ${options.until}.`);
    }
    await using database = connect(options);
    const until = options.until ?? await findToday(database.sql);
    const since = options.since ?? daysBefore(until, 27);
    if (since > until) throw new UsageError(`--since ${since} is after today, ${until}.`);
    const range = { since, until, home_currency: options.currency };
    const data = await readReport(database.sql, range, new Date());
    const page = buildReportPage(data, options.locale);
    const out = pathFromUser(options.out);
    writeFileSync(out, page);
    console.log(`${out}: ${since} to ${until}, ${Math.ceil(new TextEncoder().encode(page).length / 1_000)} kB`);
    if (options.csv === undefined) return;
    const folder = pathFromUser(options.csv);
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(makeCsvFiles(data))) {
      writeFileSync(join(folder, name), text);
      console.log(join(folder, name));
    }
  });
