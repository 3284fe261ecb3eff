/**
 * Names of ours that the host has taken: the first migration names all of them, and neither makes nor touches anything.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { readPublicNames } from "../../scripts/cli/installer/public_names.ts";
import { BASELINE } from "../../scripts/dev/baseline.ts";
import { repositoryRoot, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { readCatalogue } from "../cli/install/fixtures/catalogue.ts";
import { pushMigrations, RESET } from "./emptied_database.ts";

/** The database without the suite; the CLI's history stays, and is empty. */
const EMPTY = RESET.replace(
  "drop schema supabase_migrations cascade",
  "truncate supabase_migrations.schema_migrations",
);

Deno.test("the first migration names every name that is taken, and leaves the host's own as they are", async (t) => {
  const text = Deno.readTextFileSync(join(repositoryRoot, "supabase/migrations", BASELINE));
  const { relations, functions } = readPublicNames([{ text }]);
  assert(relations.length > 10 && functions.length > 20);
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql.unsafe(EMPTY).simple();

  await t.step("all at once, whatever they are", async () => {
    const [view, sequence, type, ...tables] = relations;
    await sql.unsafe(`
      create view public.${view} as select 'mine' as text;
      create sequence public.${sequence};
      create type public.${type} as enum ('mine');
      create schema fb_ads;
      ${tables.map((name) => `create table public.${name} as select 'mine' as text;`).join("\n")}
      ${functions.map((name) => `create function public.${name}(text) returns text language sql return $1;`).join("\n")}
    `).simple();
    const before = await readCatalogue(sql);
    const { code, stdout, stderr } = await pushMigrations(platform.hostDbUrl);
    assert(code !== 0);
    const said = stdout + stderr;
    for (
      const taken of [
        ...["schema fb_ads", `view public.${view}`, `sequence public.${sequence}`, `type public.${type}`],
        ...tables.map((name) => `table public.${name}`),
        ...functions.map((name) => `function public.${name}(text)`),
      ]
    ) {
      assertStringIncludes(said, taken);
    }
    assertStringIncludes(said, "Nothing was made or changed.");
    assertEquals(await readCatalogue(sql), before);
    for (const name of [view, ...tables]) {
      assertEquals([...await sql.unsafe(`select text from public.${name}`)].map(({ text }) => text), ["mine"]);
    }
    assertEquals((await sql`select from supabase_migrations.schema_migrations`).length, 0);
  });

  await t.step("once they are free, the same push installs the suite", async () => {
    await sql.unsafe(EMPTY).simple();
    for (const name of [relations[1], relations[2]]) {
      await sql.unsafe(`drop sequence if exists public.${name}; drop type if exists public.${name};`).simple();
    }
    const { code, stdout, stderr } = await pushMigrations(platform.hostDbUrl);
    assertEquals(code, 0, stdout + stderr);
    const [made] = await sql`select to_regclass('public.ad_campaigns') is not null as is_made`;
    assertEquals({ ...made }, { is_made: true });
  });
});
