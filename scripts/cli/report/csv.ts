/**
 * The report's tables as files: one a table, with the figures as they are stored, a point before decimals and an empty
 * cell where something is not known.
 *
 * @module
 */

import { stringify } from "@std/csv";
import type { Level, ReportData } from "./data.ts";
import type { Figure } from "./format.ts";
import { KEY_COLUMNS, keyLines, RECOGNITION_COLUMNS } from "./recognition.ts";
import {
  type Column,
  coverageLines,
  FUNNEL_COLUMNS,
  judgeAll,
  periodColumns,
  PERIODS,
  spenderColumns,
  usualValue,
} from "./tables.ts";

/** A cell. Text that a spreadsheet would run as a formula gets an apostrophe before it. */
function writeCell(cell: Figure): Figure {
  if (typeof cell === "number") return Number(cell.toFixed(6));
  return cell !== null && /^[=+@\t\r]|^-(?![\d.])/.test(cell) ? `'${cell}` : cell;
}

/** A file, with the mark by which spreadsheets know UTF-8. */
function makeFile<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => writeCell(column.value(row))));
  return stringify([columns.map(({ key }) => key), ...cells], { headers: false, crlf: true, bom: true });
}

const FILES: Readonly<Record<Level, string>> = { ad: "ads", adset: "ad_sets", campaign: "campaigns" };

/** The files by name. */
export function makeCsvFiles(data: ReportData): Record<string, string> {
  const files: Record<string, string> = {};
  for (const figures of data.currencies) {
    const { currency, periods, ads, adsets, campaigns } = figures;
    const place = currency.replace(/[^A-Z]/g, "other");
    for (const period of PERIODS) {
      files[`${period}s_${place}.csv`] = makeFile(periodColumns(period), periods[period]);
    }
    for (const [level, spenders] of [["ad", ads], ["adset", adsets], ["campaign", campaigns]] as const) {
      const judged = judgeAll(spenders, data.break_even_roas, usualValue(figures));
      files[`${FILES[level]}_${place}.csv`] = makeFile(spenderColumns(level, currency), judged);
    }
  }
  files["funnel.csv"] = makeFile(FUNNEL_COLUMNS, data.funnel);
  files["sales_found.csv"] = makeFile([
    { key: "outcome", value: (row) => row.outcome },
    { key: "sales", value: (row) => row.sales },
  ], coverageLines(data.coverage));
  files["match_quality.csv"] = makeFile(RECOGNITION_COLUMNS, data.recognition);
  files["match_keys.csv"] = makeFile(KEY_COLUMNS, keyLines(data.recognition));
  return files;
}
