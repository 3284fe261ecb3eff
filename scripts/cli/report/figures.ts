/**
 * The sections of one currency: totals, the charts by day with their table, the ranked ads, and Meta's claims.
 *
 * @module
 */

import type { AdFigures, CampaignClaims, CurrencyFigures } from "./data.ts";
import { escapeHtml, formatCount, formatMoney, formatRoas, sumOf } from "./format.ts";
import { buildRow, buildTable, type Column, emptyNote } from "./table.ts";

/** Rows of the ads' table that are there without the script, and that it adds at a time. */
const FIRST_ADS = 25;

/** The most ads that the report lists; the totals know of all. */
export const MOST_ADS = 5_000;

const AD_COLUMNS: readonly Column[] = [
  { title: "Ad" },
  { title: "Campaign" },
  { title: "Spend", numeric: true },
  { title: "Impressions", numeric: true },
  { title: "Clicks", numeric: true },
  { title: "Sales", numeric: true },
  { title: "Net revenue", numeric: true },
  { title: "ROAS", numeric: true },
];

/** Builds them. */
export function currencySection(figures: CurrencyFigures, index: number, why_claims_differ: string): string {
  const { currency } = figures;
  return `<section aria-labelledby="figures-${index}">
<h2 id="figures-${index}">Spend and net revenue <span class="unit">${escapeHtml(currency)}</span></h2>
${totals(figures)}
${charts(figures, index)}
</section>
<section aria-labelledby="ads-${index}">
<h2 id="ads-${index}">Ads, ranked <span class="unit">${escapeHtml(currency)}</span></h2>
${adsTable(figures, index)}
</section>
<section aria-labelledby="claims-${index}">
<h2 id="claims-${index}">Ours against Meta’s claims <span class="unit">${escapeHtml(currency)}</span></h2>
${claimsTable(figures.claims, currency, why_claims_differ)}
</section>`;
}

function totals({ currency, days }: CurrencyFigures): string {
  const spend = sumOf(days.map((day) => day.spend)) ?? 0;
  const revenue = sumOf(days.map((day) => day.click_revenue));
  const sales = days.reduce((sum, day) => sum + day.click_sales, 0);
  const cards: [string, string][] = [
    ["Spend", formatMoney(spend, currency, true)],
    ["Net revenue", formatMoney(revenue, currency, true)],
    ["ROAS", formatRoas(revenue, spend)],
    ["Credited sales", formatCount(sales)],
    ["Spend per sale", sales === 0 ? "–" : formatMoney(spend / sales, currency, true)],
  ];
  const note = revenue === null
    ? emptyNote("Some sale has no value, or no exchange rate into this currency: put one into fb_ads.exchange_rates.")
    : "";
  return `<dl class="cards">${
    cards.map(([term, value]) => `<div><dt>${term}</dt><dd>${escapeHtml(value)}</dd></div>`).join("")
  }</dl>${note}`;
}

function charts({ currency, days }: CurrencyFigures, index: number): string {
  const spend = formatMoney(sumOf(days.map((day) => day.spend)), currency, true);
  const revenue = formatMoney(sumOf(days.map((day) => day.click_revenue)), currency, true);
  const rows = days.toReversed().map((day) => [
    day.date,
    formatMoney(day.spend, currency),
    formatCount(day.click_sales),
    formatMoney(day.click_revenue, currency),
    formatRoas(day.click_revenue, day.spend),
    formatCount(day.paid_sales),
    formatMoney(day.paid_revenue, currency),
    formatRoas(day.paid_revenue, day.spend),
  ]);
  const table = buildTable("Figures by day", [
    { title: "Day" },
    { title: "Spend", numeric: true },
    { title: "Sales by click day", numeric: true },
    { title: "Net revenue by click day", numeric: true },
    { title: "ROAS by click day", numeric: true },
    { title: "Sales by payment day", numeric: true },
    { title: "Net revenue by payment day", numeric: true },
    { title: "ROAS by payment day", numeric: true },
  ], rows);
  return `<fieldset class="basis" hidden>
<legend>A sale counts on the day of</legend>
<label><input type="radio" name="basis-${index}" value="click" checked> its click, as Meta counts</label>
<label><input type="radio" name="basis-${index}" value="paid"> its payment</label>
</fieldset>
<figure><figcaption>Spend and net revenue by day</figcaption>
<div class="chart" data-currency="${index}" data-kind="money" role="img" aria-label="Lines of ${days.length} days: spend, in all ${
    escapeHtml(spend)
  }, and net revenue, in all ${escapeHtml(revenue)}. The table below has the figures."></div></figure>
<figure><figcaption>ROAS by day</figcaption>
<div class="chart low" data-currency="${index}" data-kind="roas" role="img" aria-label="Line of net revenue divided by spend, by day. The table below has the figures."></div></figure>
<details><summary>The figures by day as a table</summary>${table}</details>`;
}

function adCells(ad: AdFigures, currency: string): string[] {
  return [
    ad.ad_name ?? ad.fb_ad_id,
    ad.campaign_name ?? "",
    formatMoney(ad.spend, currency),
    formatCount(ad.impressions),
    formatCount(ad.clicks),
    formatCount(ad.sales),
    formatMoney(ad.revenue, currency),
    formatRoas(ad.revenue, ad.spend),
  ];
}

function adsTable({ ads, currency }: CurrencyFigures, index: number): string {
  const caption = ads.length === MOST_ADS
    ? `The ${formatCount(MOST_ADS)} ads with the most spend, sales by the day of the click`
    : "Ads by spend, sales by the day of the click";
  if (ads.length === 0) return emptyNote("No ad spent or sold anything on these days.");
  const head = AD_COLUMNS.map(({ title, numeric }, column) =>
    `<th scope="col"${numeric ? ' class="number"' : ""}${title === "Spend" ? ' aria-sort="descending"' : ""}>` +
    `<button type="button" data-column="${column}">${title}</button></th>`
  ).join("");
  const rows = ads.slice(0, FIRST_ADS).map((ad) => buildRow(adCells(ad, currency), AD_COLUMNS)).join("\n");
  return `<div class="ads" data-currency="${index}" data-step="${FIRST_ADS}">
<p class="filter" hidden><label>Find an ad or a campaign <input type="search" autocomplete="off"></label></p>
<div class="scroll" role="region" aria-label="Ads, ranked" tabindex="0">
<table><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>
${rows}
</tbody></table></div>
<p class="more"><span role="status">${formatCount(Math.min(FIRST_ADS, ads.length))} of ${
    formatCount(ads.length)
  } ads</span> <button type="button" hidden>Show more</button></p>
</div>`;
}

function claimsTable(claims: readonly CampaignClaims[], currency: string, why_claims_differ: string): string {
  if (claims.length === 0) return emptyNote("Neither we nor Meta know of a sale on these days.");
  const money = (amount: string | null) => amount === null ? "–" : formatMoney(amount, currency);
  const total = {
    our_sales: claims.reduce((sum, row) => sum + row.our_sales, 0),
    our_revenue: sumOf(claims.map((row) => row.our_revenue)),
    meta_purchases: sumOf(claims.map((row) => row.meta_purchases ?? "0")) ?? 0,
    meta_value: sumOf(claims.map((row) => row.meta_purchase_value ?? "0")) ?? 0,
  };
  const rows = claims.map((row) => [
    row.campaign_name ?? "",
    formatCount(row.our_sales),
    row.meta_purchases === null ? "–" : formatCount(Number(row.meta_purchases)),
    money(row.our_revenue),
    money(row.meta_purchase_value),
  ]);
  rows.push([
    "All",
    formatCount(total.our_sales),
    formatCount(total.meta_purchases),
    formatMoney(total.our_revenue, currency),
    formatMoney(total.meta_value, currency),
  ]);
  return buildTable("Sales by campaign, by the day of the click", [
    { title: "Campaign" },
    { title: "Our sales", numeric: true },
    { title: "Meta’s purchases", numeric: true },
    { title: "Our net revenue", numeric: true },
    { title: "Meta’s value", numeric: true },
  ], rows) + `<p class="note">${escapeHtml(why_claims_differ)}</p>`;
}
