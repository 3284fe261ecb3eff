/**
 * The table of ads, ad sets or campaigns: sorted by any column, searched, a few rows at a time. The first rows are
 * there without the script, which has the others as data.
 *
 * @module
 */

import type { Level } from "./data.ts";
import { escapeHtml, type Figure, type Formats, type Kind } from "./format.ts";
import { emptyNote } from "./table.ts";
import { isLive, type Judged, spenderColumns, stateWords } from "./tables.ts";

/** Rows that are there without the script, and that it adds at a time. */
const FIRST_ROWS = 25;

/** Digits that the script needs to show and sort a figure: there may be thousands of rows. */
const DIGITS: Readonly<Record<Kind, number>> = { money: 9, count: 12, share: 6, ratio: 6, change: 6 };

/** A figure as page and script show it: both round the same number. */
function trim(figure: Figure, kind: Kind): number | null {
  return figure === null ? null : Number(Number(figure).toPrecision(DIGITS[kind]));
}

/** What a table lists. */
export interface SpenderTable {
  /** Unique on the page. */
  id: string;
  /** Of what. */
  level: Level;
  /** ISO 4217. */
  currency: string;
  /** What it lists, in words. */
  caption: string;
  /** Them, the worst first. */
  rows: readonly Judged[];
}

const IN_ADS_MANAGER: Readonly<Record<Level, readonly [page: string, parameter: string]>> = {
  ad: ["ads", "selected_ad_ids"],
  adset: ["adsets", "selected_adset_ids"],
  campaign: ["campaigns", "selected_campaign_ids"],
};

/** Where Ads Manager shows an object of a level; `{id}` and `{account}` stand for its ids. */
function adsManagerUrl(level: Level): string {
  const [page, parameter] = IN_ADS_MANAGER[level];
  return `https://adsmanager.facebook.com/adsmanager/manage/${page}?act={account}&${parameter}={id}`;
}

/** Where it stands, and its state unless it runs. */
function pathOf(row: Judged): string {
  const path = [row.campaign_name, row.adset_name].filter((name) => name !== null).join(" › ");
  return [isLive(row) ? "" : stateWords(row.effective_status), path].filter((part) => part !== "").join(": ");
}

function shownColumns({ level, currency }: SpenderTable) {
  return spenderColumns(level, currency).filter(({ title }) => title !== undefined);
}

/** Builds it. */
export function spenderTable(table: SpenderTable, formats: Formats): string {
  const { id, rows, caption, level } = table;
  if (rows.length === 0) return emptyNote("None spent or sold anything on these days.");
  const columns = shownColumns(table);
  const head = columns.map(({ key, title = "", kind }, index) =>
    `<th scope="col"${kind === undefined ? "" : ' class="number"'}${
      key === "earned_or_lost" ? ' aria-sort="ascending"' : ""
    }><button type="button" data-column="${index}">${title}<span aria-hidden="true"></span></button></th>`
  ).join("");
  const url = adsManagerUrl(level);
  const body = rows.slice(0, FIRST_ROWS).map((row) => {
    const cells = columns.slice(1).map(({ key, kind, value }) => {
      const text = kind === undefined ? `${value(row) ?? ""}` : formats.figure(trim(value(row), kind), kind);
      return `<td class="${cellClass(key, kind)}">${escapeHtml(text)}</td>`;
    });
    const link = url.replace("{account}", row.fb_account_id).replace("{id}", row.fb_id);
    const path = pathOf(row);
    return `<tr${row.verdict === null ? "" : ` data-verdict="${row.verdict}"`}><th scope="row"><a href="${
      escapeHtml(link)
    }">${escapeHtml(row.name ?? row.fb_id)}</a>${
      path === "" ? "" : `<span class="path">${escapeHtml(path)}</span>`
    }</th>${cells.join("")}</tr>`;
  });
  return `<div class="spenders" data-table="${id}" data-step="${FIRST_ROWS}">
<p class="filter" hidden><label>Find by name <input type="search" autocomplete="off"></label></p>
<div class="scroll" role="region" aria-label="${escapeHtml(caption)}" tabindex="0">
<table><caption>${escapeHtml(caption)}</caption><thead><tr>${head}</tr></thead><tbody>
${body.join("\n")}
</tbody></table></div>
<p class="more"><span role="status">${formats.count(Math.min(FIRST_ROWS, rows.length))} of ${
    formats.count(rows.length)
  }</span> <button type="button" hidden>Show more</button></p>
</div>`;
}

/** How a cell looks: figures to the right, what the verdict says in its colour. */
function cellClass(key: string, kind: Kind | undefined): string {
  return [kind === undefined ? "" : "number", ["verdict", "earned_or_lost", "roas"].includes(key) ? "judged" : ""]
    .filter((name) => name !== "").join(" ");
}

/** What the script needs of a table. */
export interface SpenderData {
  /** Where Ads Manager shows one. */
  url: string;
  /** Meta's ids of the ad accounts, each once. */
  accounts: string[];
  /** The columns after the name: kind (null: text) and class. */
  columns: [kind: Kind | null, style: string][];
  /** Rows: name, path, id, position of the account, verdict, then the cells. */
  rows: (Figure)[][];
}

/** Makes it. Figures are numbers here: the script only shows and sorts them. */
export function spenderData(table: SpenderTable): SpenderData {
  const columns = shownColumns(table).slice(1);
  const accounts = [...new Set(table.rows.map(({ fb_account_id }) => fb_account_id))];
  const positions = new Map(accounts.map((id, position) => [id, position]));
  return {
    url: adsManagerUrl(table.level),
    accounts,
    columns: columns.map(({ key, kind }) => [kind ?? null, cellClass(key, kind)]),
    rows: table.rows.map((row) => [
      row.name ?? row.fb_id,
      pathOf(row),
      row.fb_id,
      positions.get(row.fb_account_id) ?? null,
      row.verdict,
      ...columns.map(({ kind, value }) => {
        return kind === undefined ? value(row) : trim(value(row), kind);
      }),
    ]),
  };
}
