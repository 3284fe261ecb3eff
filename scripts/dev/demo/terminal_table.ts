/**
 * Tables for a terminal: numbers with separators, to the right; texts to the left, cut where a line would be longer
 * than a terminal is wide.
 *
 * @module
 */

/** A cell: numbers are formatted here, null is not known. */
export type Cell = string | number | null;

/** The longest line, in columns of a terminal. */
export const MOST_COLUMNS = 100;

const INDENT = "  ";
const GAP = "  ";

/** A column narrower than this says nothing. */
const LEAST_WIDTH = 8;

/** Symbols that take two columns: pictures, flags, and the scripts of East Asia. */
const WIDE =
  /[\p{Extended_Pictographic}\p{Regional_Indicator}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/u;

/** How many columns of a terminal a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** Writes the numbers of a column alike: whole where all are, else with two digits. */
function writeColumn(cells: readonly Cell[]): string[] {
  const isWhole = cells.every((cell) => typeof cell !== "number" || Number.isInteger(cell));
  const digits = isWhole ? 0 : 2;
  const numbers = new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return cells.map((cell) => cell === null ? "–" : typeof cell === "number" ? numbers.format(cell) : cell);
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (widthOf(kept + segment) >= width) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Formats rows; the keys of the first are the headings. */
export function formatTable(rows: readonly Readonly<Record<string, Cell>>[]): string {
  const columns = Object.keys(rows[0] ?? {}).map((title) => {
    const cells = rows.map((row) => row[title] ?? null);
    const texts = [title, ...writeColumn(cells)];
    return {
      texts,
      isNumeric: cells.some((cell) => typeof cell === "number"),
      width: Math.max(...texts.map(widthOf)),
    };
  });
  const texts = columns.filter(({ isNumeric }) => !isNumeric);
  const excess = () =>
    INDENT.length + GAP.length * (columns.length - 1) + columns.reduce((sum, { width }) => sum + width, 0) -
    MOST_COLUMNS;
  while (excess() > 0) {
    const [widest] = texts.toSorted((one, other) => other.width - one.width);
    if (widest === undefined || widest.width <= LEAST_WIDTH) break;
    widest.width -= 1;
  }
  const line = (index: number) =>
    INDENT + columns.map(({ texts, isNumeric, width }) => {
      const text = cut(texts[index] ?? "", width);
      const room = " ".repeat(width - widthOf(text));
      return isNumeric ? room + text : text + room;
    }).join(GAP).trimEnd();
  const rule = INDENT + columns.map(({ width }) => "─".repeat(width)).join(GAP);
  return [line(0), rule, ...rows.map((_, index) => line(index + 1))].join("\n");
}
