/**
 * Who may execute what: `service_role` its RPCs and what these call, and nobody more than that.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Sql, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { type DatabaseObject, readObjects } from "./references.ts";

/** Functions that the reporting views of `fb_ads_reader` and its report call. */
const OF_THE_READER = ["fb_ads.claimed_value", "fb_ads.current_alerts", "fb_ads.local_day"];

/** Functions that run with the caller's rights once one of `names` is called or read. */
function reach(objects: Map<string, DatabaseObject>, names: Iterable<string>): Set<string> {
  const reached = new Set<string>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const object = objects.get(name);
    if (object === undefined || reached.has(name)) continue;
    reached.add(name);
    if (!object.is_definer) open.push(...object.references);
  }
  return new Set([...reached].filter((name) => objects.get(name)?.kind === "function"));
}

async function executableBy(sql: Sql, role: string): Promise<string[]> {
  const rows = await sql`
    select n.nspname || '.' || p.proname as name
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('fb_ads', 'public') and has_function_privilege(${role}, p.oid, 'execute')`;
  return [...rows].map((row) => String(row.name)).sort();
}

async function readableBy(sql: Sql, role: string): Promise<string[]> {
  const rows = await sql`
    select n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('fb_ads', 'public') and c.relkind = 'v' and has_table_privilege(${role}, c.oid, 'select')`;
  return [...rows].map((row) => String(row.name));
}

Deno.test("the roles execute what they need and nothing else", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  const objects = await readObjects(sql);

  await t.step("service_role executes the RPCs and what they and its views call", async () => {
    const rpcs = [...objects].filter(([name, { kind }]) => kind === "function" && name.startsWith("public."));
    const needed = reach(objects, [...rpcs.map(([name]) => name), ...await readableBy(sql, "service_role")]);
    assertEquals(await executableBy(sql, "service_role"), [...needed].sort());
  });

  await t.step("fb_ads_reader executes what its views and the report call", async () => {
    const needed = reach(objects, await readableBy(sql, "fb_ads_reader"));
    assertEquals([...needed].filter((name) => !OF_THE_READER.includes(name)), []);
    assertEquals(await executableBy(sql, "fb_ads_reader"), OF_THE_READER);
  });

  await t.step("anon and authenticated execute nothing", async () => {
    assertEquals([await executableBy(sql, "anon"), await executableBy(sql, "authenticated")], [[], []]);
  });
});
