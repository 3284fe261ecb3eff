/**
 * Waiting for what no event tells: a fact in the database, in a page, of a process; and tables that nobody is writing
 * to.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import type { Platform } from "./mod.ts";

const LOOK_AGAIN_MS = 20;
/** Longer than anything here takes on a machine that is busy with other things. */
const PATIENCE_MS = 180_000;

/** Resolves when `isTrue` says so; rejects with `what` when it never does. Polls. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await isTrue()) {
    if (performance.now() > deadline) throw new Error(`waited ${PATIENCE_MS} ms in vain until ${what}`);
    await delay(LOOK_AGAIN_MS);
  }
}

/**
 * The database's present time. A test reads it before the function sets a wait, and again after: the wait's end lies as
 * long after the first as after the second at most, however long the machine takes between.
 */
export async function databaseNow(sql: Platform["sql"]): Promise<Date> {
  const [row] = await sql<{ at: Date }[]>`select clock_timestamp() as at`;
  if (row === undefined) throw new Error("the database tells no time");
  return row.at;
}

/**
 * Empties tables, and what refers to them, beside functions that may still be ending what they began. Takes all locks
 * at once or none, and tries again: who waits for one table while it holds another ends in a deadlock with them.
 */
export async function emptyTables(sql: Platform["sql"], tables: string[]): Promise<void> {
  const names = tables.join(", ");
  await until(`nobody uses ${names}`, async () => {
    try {
      await sql.begin(async (transaction) => {
        await transaction.unsafe(`lock table ${names} in access exclusive mode nowait`);
        await transaction.unsafe("set local lock_timeout = '100ms'");
        await transaction.unsafe(`truncate ${names} cascade`);
      });
      return true;
    } catch (error) {
      if (error instanceof postgres.PostgresError && error.code === LOCK_NOT_AVAILABLE) return false;
      throw error;
    }
  });
}

/** https://www.postgresql.org/docs/17/errcodes-appendix.html */
const LOCK_NOT_AVAILABLE = "55P03";
