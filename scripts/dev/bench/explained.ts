/**
 * What a statement costs, as PostgreSQL counts it.
 *
 * @module
 */

import type { PendingQuery, Row } from "postgres";

/** Cost of one statement. */
export interface Cost {
  /** Pages of the database that it looked at, whether they were in memory or not. */
  buffers: number;
  milliseconds: number;
}

interface Explained {
  Plan: { "Shared Hit Blocks": number; "Shared Read Blocks": number };
  "Execution Time": number;
}

/** Reads what `explain (analyze, buffers, format json)` answered; the statement has been done. */
export async function costOf(explain: PendingQuery<Row[]>): Promise<Cost> {
  const [row] = await explain;
  const [explained] = row?.["QUERY PLAN"] as Explained[];
  if (explained === undefined) throw new Error("PostgreSQL explains nothing");
  const { Plan, "Execution Time": milliseconds } = explained;
  return { buffers: Plan["Shared Hit Blocks"] + Plan["Shared Read Blocks"], milliseconds };
}
