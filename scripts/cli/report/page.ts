/**
 * The report's page: one HTML file with its styles, its script, the chart library and the data inside, which its own
 * content security policy keeps from asking any network for anything.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { findPackageFile, readSuiteFile } from "../suite_root.ts";
import type { ReportData } from "./data.ts";
import { currencySections, type Section, spenderTables } from "./figures.ts";
import { AMOUNT_OPTIONS, escapeHtml, type Formats, makeFormats, NUMBER_OPTIONS } from "./format.ts";
import { coverageSection, funnelSection } from "./people.ts";
import { healthSection } from "./pipeline.ts";
import { recognitionSection } from "./recognition.ts";
import { spenderData } from "./spender_table.ts";
import { CHOICE_WORDS, periodData } from "./periods.ts";
import { emptyNote } from "./table.ts";

/** How numbers and dates are written where nobody asked for another locale. */
export const DEFAULT_LOCALE = "en";

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

function readAsset(name: string): string {
  return readSuiteFile(`scripts/cli/report/assets/${name}`);
}

function readLibrary(name: string): string {
  return readFileSync(findPackageFile(`uplot/dist/${name}`), "utf8");
}

/** JSON that cannot end the script element that it stands in. */
function inlineJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** What the script needs: days and rows as short lists, because there may be thousands. */
function scriptData(data: ReportData, locale: string) {
  const tables = data.currencies.flatMap((figures, index) => spenderTables(data, figures, index));
  return {
    locale,
    numbers: { ...NUMBER_OPTIONS, ...AMOUNT_OPTIONS },
    words: CHOICE_WORDS,
    periods: data.currencies.map(periodData),
    tables: Object.fromEntries(tables.map((table) => [table.id, spenderData(table)])),
  };
}

function alertBanner({ health }: ReportData): string {
  const { alerts } = health;
  if (alerts.length === 0) return "";
  const what = alerts.length === 1 ? "One thing needs" : `${alerts.length} things need`;
  return `<p class="banner"><a href="#health">${what} a person</a>: ${escapeHtml(alerts[0]?.problem ?? "")}</p>`;
}

/** What was converted into the home currency, or which rates are missing for it. */
function currencyNote({ home }: ReportData, formats: Formats): string {
  if (home === null) return "";
  const { currency, converted, missing_rates } = home;
  if (missing_rates.length > 0) {
    const missing = missing_rates.map(({ from_currency, first_date, days }) => {
      const more = days === 1 ? "" : ` and ${formats.count(days - 1)} more ${days === 2 ? "day" : "days"}`;
      const from = from_currency === "?" ? "the unknown currency of an account" : from_currency;
      return `from ${from} for ${formats.day(first_date)}${more}`;
    });
    return `<p class="banner hint">Amounts are not combined into ${escapeHtml(currency)}: no exchange rate is known ${
      escapeHtml(missing.join("; "))
    }. Rates stand in <code>fb_ads.exchange_rates</code>; one holds for its day and the 7 days after.</p>`;
  }
  if (converted.length === 0) return "";
  return `<p class="note">Amounts in ${escapeHtml(converted.join(", "))} are converted into ${
    escapeHtml(currency)
  }, each day by its rate in <code>fb_ads.exchange_rates</code>.</p>`;
}

function makeSections(data: ReportData, formats: Formats): Section[] {
  const figures = data.currencies.length > 0
    ? data.currencies.flatMap((_, index) => currencySections(data, index, formats))
    : [{
      id: "figures",
      title: "What the ads cost and earned",
      content: emptyNote(
        "No spend and no credited sale is known of these days. The nightly sync brings yesterday’s figures; the first one brings 90 days.",
      ),
    }];
  return [
    ...figures,
    funnelSection(data, formats),
    coverageSection(data.coverage, formats),
    recognitionSection(data.recognition, formats),
    healthSection(data.health, formats),
  ];
}

function sectionHtml({ id, title, unit, content }: Section): string {
  const beside = unit === undefined ? "" : ` <span class="unit">${escapeHtml(unit)}</span>`;
  return `<section aria-labelledby="${id}">
<h2 id="${id}">${escapeHtml(title)}${beside}</h2>
${content}
</section>`;
}

function contentsHtml(sections: readonly Section[]): string {
  return `<nav aria-label="Contents"><ul>${
    sections.map(({ id, title, unit }) =>
      `<li><a href="#${id}">${escapeHtml(unit === undefined ? title : `${title}, ${unit}`)}</a></li>`
    ).join("")
  }</ul></nav>`;
}

/** Builds the page, with numbers, days and times as a reader of the locale (BCP 47) writes them. */
export function buildReportPage(data: ReportData, locale: string = DEFAULT_LOCALE): string {
  const formats = makeFormats(locale, data.timezone_name);
  const sections = makeSections(data, formats);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<link rel="icon" href="data:,">
<title>Meta ads, ${data.since} to ${data.until}</title>
<style>${readLibrary("uPlot.min.css")}</style>
<style>${["report.css", "tables.css", "print.css"].map(readAsset).join("")}</style>
</head>
<body>
<a class="skip" href="#main">To the figures</a>
<header>
<h1>What our Meta ads cost and earned</h1>
<p>${escapeHtml(formats.day(data.since))} to ${
    escapeHtml(formats.day(data.until))
  }, in each ad account’s own days. Made ${escapeHtml(formats.time(data.generated_at))}; newest figures from Meta ${
    escapeHtml(formats.time(data.health.newest_insight_at))
  }.</p>
${contentsHtml(sections)}
</header>
<main id="main">
${alertBanner(data)}
${currencyNote(data, formats)}
${sections.map(sectionHtml).join("\n")}
</main>
<footer><p>Net revenue is what is left of credited sales after refunds and chargebacks. ROAS (return on ad spend) is net revenue divided by spend. CTR is clicks on links for each time an ad was shown, CPM what 1,000 times cost. “Seen a day” is how often a person saw it on a day.</p></footer>
<script type="application/json" id="data">${inlineJson(scriptData(data, locale))}</script>
<script>${readLibrary("uPlot.iife.min.js")}</script>
<script>${readAsset("report.js")}</script>
</body>
</html>
`;
}
