/**
 * The sections of one currency: what to know first, totals, the charts by day with their table, then ads, ad sets and
 * campaigns.
 *
 * @module
 */

import type { CurrencyFigures, ReportData } from "./data.ts";
import { divide, escapeHtml, type Figure, type Formats, type Kind, sumOf } from "./format.ts";
import { makeSentences } from "./sentences.ts";
import { type SpenderTable, spenderTable } from "./spender_table.ts";
import { MOST_SPENDERS } from "./spenders.ts";
import { periodCharts } from "./periods.ts";
import { emptyNote } from "./table.ts";
import { isLive, judgeAll, usualValue } from "./tables.ts";

/** A section of the page, for its table of contents. */
export interface Section {
  /** Its anchor. */
  id: string;
  /** Its heading. */
  title: string;
  /** What stands beside the heading, such as a currency. */
  unit?: string;
  /** HTML. */
  content: string;
}

/** The tables of a currency: live ads, others, ad sets, campaigns. */
export function spenderTables(data: ReportData, figures: CurrencyFigures, index: number): SpenderTable[] {
  const { currency } = figures;
  const judged = (spenders: CurrencyFigures["ads"]) => judgeAll(spenders, data.break_even_roas, usualValue(figures));
  const ads = judged(figures.ads);
  const most = figures.ads.length === MOST_SPENDERS ? ` (of the ${MOST_SPENDERS} that spent the most)` : "";
  return [
    {
      id: `live-${index}`,
      level: "ad",
      currency,
      caption: `Live ads, the worst first${most}, amounts in ${currency}`,
      rows: ads.filter(isLive),
    },
    {
      id: `ended-${index}`,
      level: "ad",
      currency,
      caption: `Ads that do not run, the worst first${most}, amounts in ${currency}`,
      rows: ads.filter((ad) => !isLive(ad)),
    },
    {
      id: `adsets-${index}`,
      level: "adset",
      currency,
      caption: `Ad sets, the worst first, amounts in ${currency}`,
      rows: judged(figures.adsets),
    },
    {
      id: `campaigns-${index}`,
      level: "campaign",
      currency,
      caption: `Campaigns, the worst first, amounts in ${currency}`,
      rows: judged(figures.campaigns),
    },
  ];
}

/** Builds the sections of a currency. */
export function currencySections(data: ReportData, index: number, formats: Formats): Section[] {
  const figures = data.currencies[index];
  if (figures === undefined) return [];
  const unit = figures.currency;
  const [live, ended, adsets, campaigns] = spenderTables(data, figures, index).map((table) =>
    spenderTable(table, formats)
  );
  const sentences = makeSentences(data, figures, formats);
  return [
    {
      id: `figures-${index}`,
      title: "What the ads cost and earned",
      unit,
      content: `${sentences.map((text) => `<p class="sentence">${escapeHtml(text)}</p>`).join("\n")}
${totals(figures, formats)}
${periodCharts(figures, index, formats)}`,
    },
    {
      id: `ads-${index}`,
      title: "Ads",
      unit,
      content: `${explanation(data, formats)}
${live}
<h3>Not running</h3>
${ended}`,
    },
    { id: `adsets-${index}`, title: "Ad sets", unit, content: `${adsets}` },
    {
      id: `campaigns-${index}`,
      title: "Campaigns",
      unit,
      content: `${campaigns}<p class="note">${escapeHtml(data.why_claims_differ)}</p>`,
    },
  ];
}

function explanation({ break_even_roas }: ReportData, formats: Formats): string {
  const roas = formats.figure(break_even_roas, "ratio");
  return `<p class="note">An ad earns when its ROAS is ${roas} or more (<code>break_even_roas</code> in the settings). Sales come
by chance: in the long run the ROAS lies between “at least” and “at most” (90 % sure), and the verdict says “Earns” or
“Loses” only where both are on one side of ${roas}. Sales count on the day of the click; clicks of the last week may still
buy.</p>`;
}

function totals({ currency, periods, before }: CurrencyFigures, formats: Formats): string {
  const spend = sumOf(periods.day.map((day) => day.spend)) ?? 0;
  const revenue = sumOf(periods.day.map((day) => day.click_revenue));
  const sales = periods.day.reduce((sum, day) => sum + day.click_sales, 0);
  const cards: [term: string, now: Figure, then: Figure, kind: Kind][] = [
    ["Spend", spend, before.spend, "money"],
    ["Net revenue", revenue, before.revenue, "money"],
    ["ROAS", divide(revenue, spend), divide(before.revenue, before.spend), "ratio"],
    ["Sales from ads", sales, before.sales, "count"],
    ["Cost per sale", divide(spend, sales), divide(before.spend, before.sales), "money"],
  ];
  const note = revenue === null
    ? emptyNote("Some sale has no value, or no exchange rate into this currency: put one into fb_ads.exchange_rates.")
    : "";
  return `<dl class="cards">${
    cards.map(([term, now, then, kind]) => {
      const value = kind === "money" ? formats.shortMoney(now, currency) : formats.figure(now, kind);
      const ratio = divide(now, then);
      const change = ratio === null
        ? ""
        : `<dd class="change">${escapeHtml(formats.figure(ratio - 1, "change"))} on the days before</dd>`;
      return `<div><dt>${term}</dt><dd>${escapeHtml(now === null ? "not known" : value)}</dd>${change}</div>`;
    }).join("")
  }</dl>${note}`;
}
