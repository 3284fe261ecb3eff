/**
 * Tables of the report. A wide one scrolls in a region of its own that the keyboard reaches.
 *
 * @module
 */

import { escapeHtml } from "./format.ts";

/** A column: its heading, and whether it holds numbers. */
export interface Column {
  /** Its heading. */
  title: string;
  /** Whether it is aligned as numbers. */
  numeric?: boolean;
}

/** Builds a table from plain texts. */
export function buildTable(caption: string, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const head = columns.map(({ title, numeric }) =>
    `<th scope="col"${numeric ? ' class="number"' : ""}>${escapeHtml(title)}</th>`
  ).join("");
  return `<div class="scroll" role="region" aria-label="${escapeHtml(caption)}" tabindex="0">
<table><caption>${escapeHtml(caption)}</caption><thead><tr>${head}</tr></thead><tbody>
${rows.map((cells) => buildRow(cells, columns)).join("\n")}
</tbody></table></div>`;
}

/** Builds a row; the first cell is its heading. */
export function buildRow(cells: readonly string[], columns: readonly Column[]): string {
  const built = cells.map((cell, index) => {
    const style = columns[index]?.numeric ? ' class="number"' : "";
    return index === 0 ? `<th scope="row"${style}>${escapeHtml(cell)}</th>` : `<td${style}>${escapeHtml(cell)}</td>`;
  });
  return `<tr>${built.join("")}</tr>`;
}

/** A sentence in the place of a table or chart that has nothing to show. */
export function emptyNote(text: string): string {
  return `<p class="empty">${escapeHtml(text)}</p>`;
}
