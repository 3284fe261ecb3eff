/**
 * What tests draw requests from: values that have no business in most fields, and a dump of what requests leave behind.
 *
 * @module
 */

import type { Platform } from "../scripts/supabase-local/mod.ts";

/** Values that have no business in most fields. */
export const ODD: readonly unknown[] = [
  null,
  "",
  " ",
  0,
  -1,
  1e308,
  1.5,
  true,
  false,
  [],
  {},
  [null],
  [[[]]],
  "\u0000",
  "\ud800",
  "💥",
  "'; drop table x; --",
  "<script>",
  "x".repeat(5_000),
  NaN,
  1795300000000,
  "1795300000",
  "__proto__",
  "9".repeat(40),
  "undefined",
  "%00",
  "١٢٣",
  { a: { b: { c: { d: { e: { f: { g: { h: { i: 1 } } } } } } } } },
];

/** Bodies that are no object of any function's. */
export const ODD_BODIES: readonly string[] = [
  "",
  "{",
  "[]",
  "null",
  "1",
  '"x"',
  "\u0000",
  '{"events":{}}',
  '{"events":[]}',
  "x".repeat(2_000),
];

/** Draws one of several. */
export function pickWith(random: () => number): <Item>(items: readonly Item[]) => Item {
  return (items) => {
    const item = items[Math.floor(random() * items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  };
}

/**
 * Everything that any table of ours holds, as text by table; without the counts of limits, which requests may change.
 */
export async function dumpTables({ sql }: Platform): Promise<Map<string, string>> {
  const tables = await sql`select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('fb_ads', 'public', 'net') and tablename not like 'traffic%' order by 1`;
  const dumps = new Map<string, string>();
  for (const { name } of tables) {
    const [row] = await sql.unsafe(
      `select coalesce(string_agg(t::text, E'\\n' order by t::text), '') as dump from ${name} as t`,
    );
    dumps.set(name, row?.dump);
  }
  return dumps;
}
