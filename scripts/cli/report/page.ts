/**
 * The report's page: one HTML file with its styles, its script, the chart library and the data inside, which its own
 * content security policy keeps from asking any network for anything.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { findPackageFile, readSuiteFile } from "../suite.ts";
import type { ReportData } from "./data.ts";
import { currencySection } from "./figures.ts";
import { escapeHtml, formatTime } from "./format.ts";
import { coverageSection, funnelSection } from "./people.ts";
import { healthSection } from "./pipeline.ts";

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

/** What the script needs: days and ads as short rows, because there may be thousands. */
function scriptData(data: ReportData) {
  return data.currencies.map(({ currency, days, ads }) => ({
    currency,
    days: days.map((day) => [
      day.date,
      Number(day.spend),
      day.click_revenue === null ? null : Number(day.click_revenue),
      day.paid_revenue === null ? null : Number(day.paid_revenue),
    ]),
    ads: ads.map((ad) => [
      ad.ad_name ?? ad.fb_ad_id,
      ad.campaign_name ?? "",
      Number(ad.spend),
      ad.impressions,
      ad.clicks,
      ad.sales,
      ad.revenue === null ? null : Number(ad.revenue),
    ]),
  }));
}

function alertBanner({ health }: ReportData): string {
  const { alerts } = health;
  if (alerts.length === 0) return "";
  const what = alerts.length === 1 ? "One thing needs" : `${alerts.length} things need`;
  return `<p class="banner"><a href="#health">${what} a person</a>: ${escapeHtml(alerts[0]?.problem ?? "")}</p>`;
}

/** Builds the page. */
export function buildReportPage(data: ReportData): string {
  const figures = data.currencies.length === 0
    ? `<section aria-labelledby="figures"><h2 id="figures">Spend and net revenue</h2>
<p class="empty">No spend and no credited sale is known of these days. The nightly sync brings yesterday’s figures; the first one brings 90 days.</p></section>`
    : data.currencies.map((figures, index) => currencySection(figures, index, data.why_claims_differ)).join("\n");
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
<style>${readAsset("report.css")}</style>
</head>
<body>
<a class="skip" href="#main">To the figures</a>
<header>
<h1>What our Meta ads cost and sold</h1>
<p>${data.since} to ${data.until}, in each ad account’s own days. Made ${
    formatTime(data.generated_at)
  }; newest figures from Meta ${formatTime(data.health.newest_insight_at)}.</p>
</header>
<main id="main">
${alertBanner(data)}
${figures}
${funnelSection(data)}
${coverageSection(data.coverage)}
${healthSection(data.health)}
</main>
<footer><p>Net revenue is what is left of credited sales after refunds and chargebacks. ROAS is net revenue divided by spend.</p></footer>
<script type="application/json" id="data">${inlineJson(scriptData(data))}</script>
<script>${readLibrary("uPlot.iife.min.js")}</script>
<script>${readAsset("report.js")}</script>
</body>
</html>
`;
}
