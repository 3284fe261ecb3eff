/**
 * Tables of the report. A wide one scrolls in a region of its own that the keyboard reaches; its first column stays.
 *
 * @module
 */

import { escapeHtml, type Formats, type Kind } from "./format.ts";
import type { Column } from "./tables.ts";

/** Builds a table from rows and columns; columns without a title are for files. */
export function makeTable<Row>(
  caption: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  formats: Formats,
): string {
  const shown = columns.filter(({ title }) => title !== undefined);
  return buildTable(
    caption,
    shown.map(({ title = "", kind }) => ({ title, kind })),
    rows.map((row) =>
      shown.map(({ kind, value }) => kind === undefined ? `${value(row) ?? ""}` : formats.figure(value(row), kind))
    ),
  );
}

/** A column of ready texts; one with a kind is aligned as numbers. */
export interface Heading {
  /** Its heading. */
  title: string;
  /** What its figures are. */
  kind?: Kind | undefined;
}

const alignment = (kind: Kind | undefined): string => kind === undefined ? "" : ' class="number"';

/** Builds a table from ready texts; the first cell of a row is its heading. */
export function buildTable(caption: string, columns: readonly Heading[], rows: readonly (readonly string[])[]): string {
  const head = columns.map(({ title, kind }) => `<th scope="col"${alignment(kind)}>${escapeHtml(title)}</th>`).join("");
  const body = rows.map((cells) =>
    `<tr>${
      cells.map((cell, index) => {
        const align = alignment(columns[index]?.kind);
        return index === 0
          ? `<th scope="row"${align}>${escapeHtml(cell)}</th>`
          : `<td${align}>${escapeHtml(cell)}</td>`;
      }).join("")
    }</tr>`
  );
  return `<div class="scroll" role="region" aria-label="${escapeHtml(caption)}" tabindex="0">
<table><caption>${escapeHtml(caption)}</caption><thead><tr>${head}</tr></thead><tbody>
${body.join("\n")}
</tbody></table></div>`;
}

/** A sentence in the place of a table or chart that has nothing to show. */
export function emptyNote(text: string): string {
  return `<p class="empty">${escapeHtml(text)}</p>`;
}
