/**
 * Released migrations never change, and what comes behind them keeps what a database holds.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { join } from "node:path";
import postgres from "postgres";
import { buildBaseline, readReleased } from "../../scripts/dev/baseline.ts";
import { repositoryRoot, runSupabaseCli, type Sql, startPlatform } from "../../scripts/supabase-local/mod.ts";

const DIRECTORY = join(repositoryRoot, "supabase/migrations");

/** The repository's migrations: name → text, in their order. */
function readMigrations(): [string, string][] {
  const names = [...Deno.readDirSync(DIRECTORY)].map(({ name }) => name).filter((name) => name.endsWith(".sql"));
  return names.sort().map((name) => [name, Deno.readTextFileSync(join(DIRECTORY, name))]);
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Names of released migrations that are gone or have another text now. */
function findChanged(released: Record<string, string>, migrations: [string, string][]): string[] {
  const digests = new Map(migrations.map(([name, text]) => [name, digestOf(text)]));
  return Object.entries(released).filter(([name, digest]) => digests.get(name) !== digest).map(([name]) => name);
}

Deno.test("a released migration keeps its text", async (t) => {
  const migrations = readMigrations();
  await t.step("those of released.json do", () => assertEquals(findChanged(readReleased(), migrations), []));
  await t.step("one that changed or is gone is named", () => {
    const released = { "1_kept.sql": digestOf("select 1;"), "2_changed.sql": digestOf("select 2;"), "3_gone.sql": "" };
    const found: [string, string][] = [["1_kept.sql", "select 1;"], ["2_changed.sql", "select 3;"]];
    assertEquals(findChanged(released, found), ["2_changed.sql", "3_gone.sql"]);
  });
  await t.step("one migration at most is not released", () => {
    const released = Object.keys(readReleased());
    assertEquals(migrations.map(([name]) => name).slice(0, released.length), released);
    assertEquals(migrations.length - released.length <= 1, true);
  });
  await t.step("the baseline is what the schema files say, until it is released", () => {
    if (Object.keys(readReleased()).length > 0) return;
    assertEquals(migrations.map(([, text]) => digestOf(text)), [digestOf(buildBaseline())], "npm run baseline");
  });
});

async function push(databaseUrl: string, migrations: [string, string][]): Promise<void> {
  const project = await Deno.makeTempDir({ prefix: "release-" });
  try {
    await Deno.mkdir(join(project, "supabase/migrations"), { recursive: true });
    await Deno.writeTextFile(join(project, "supabase/config.toml"), 'project_id = "release"\n');
    for (const [name, text] of migrations) {
      await Deno.writeTextFile(join(project, "supabase/migrations", name), text);
    }
    const { code, stdout, stderr } = await runSupabaseCli(project, ["db", "push", "--yes", `--remote=${databaseUrl}`]);
    assertEquals(code, 0, stdout + stderr);
  } finally {
    await Deno.remove(project, { recursive: true });
  }
}

/** Every table of ours with the list of its columns. */
async function readColumns(sql: Sql): Promise<Map<string, string>> {
  const rows = await sql<{ name: string; columns: string }[]>`
    select c.oid::regclass::text as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace in ('fb_ads'::regnamespace, 'public'::regnamespace) and c.relkind = 'r'
    group by c.oid`;
  return new Map(rows.map(({ name, columns }) => [name, columns]));
}

/** The rows of these tables in these columns, as sorted JSON. */
async function readRows(sql: Sql, tables: Map<string, string>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [name, columns] of tables) {
    const [row] = await sql.unsafe(
      `select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)), '[]')::text as rows
       from (select ${columns} from ${name}) t`,
    );
    found.set(name, String(row?.rows));
  }
  return found;
}

Deno.test("an upgrade from the previous release keeps what a filled database holds", async () => {
  const migrations = readMigrations();
  const released = Object.keys(readReleased());
  // Before the first release the baseline stands for it, and a made-up migration for the one behind it.
  const previous = migrations.slice(0, Math.max(released.length, 1));
  const made_up: [string, string] = [
    "29991231000000_made_up.sql",
    "alter table fb_ads.settings add column made_up integer not null default 7;\n",
  ];
  const all = migrations.length > previous.length ? migrations : [...migrations, made_up];

  await using platform = await startPlatform({ schedule: false, migrations: false });
  const { sql } = platform;
  await push(platform.hostDbUrl, previous);
  const host = postgres(platform.hostDbUrl, { max: 1, onnotice: () => undefined });
  await host.unsafe(await Deno.readTextFile(new URL("fixtures/filled.sql", import.meta.url))).simple();
  await host.end();
  const tables = await readColumns(sql);
  const before = await readRows(sql, tables);
  assertEquals([...before].filter(([, rows]) => rows === "[]").map(([name]) => name), [], "tables without a row");

  await push(platform.hostDbUrl, all);
  assertEquals(await readRows(sql, tables), before);
});
