/**
 * The migrations make the database that the schema files describe, compared by the CLI's own tool in both directions.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import postgres from "postgres";
import { buildBaseline } from "../../scripts/dev/baseline.ts";
import { repositoryRoot, runSupabaseCli, startPlatform } from "../../scripts/supabase-local/mod.ts";

/** What the CLI prints before the first difference. */
const PREAMBLE = "SET local check_function_bodies = off;";

async function findDifferences(from: string, to: string): Promise<string> {
  const { code, stdout, stderr } = await runSupabaseCli(repositoryRoot, [
    ...["db", "diff", "--from", from, "--to", to, "--strict-coverage"],
  ]);
  assertEquals(code, 0, stdout + stderr);
  return stdout.replace(PREAMBLE, "").trim();
}

Deno.test("the migrations and the schema files make the same database", async (t) => {
  await using migrated = await startPlatform({ schedule: false });
  await using described = await startPlatform({ schedule: false, migrations: false });
  const sql = postgres(described.hostDbUrl, { max: 1, onnotice: () => undefined });
  await sql.unsafe(buildBaseline()).simple();

  await t.step("nothing is only in the schema files", async () => {
    assertEquals(await findDifferences(migrated.hostDbUrl, described.hostDbUrl), "");
  });
  await t.step("nothing is only in the migrations", async () => {
    assertEquals(await findDifferences(described.hostDbUrl, migrated.hostDbUrl), "");
  });
  await t.step("a comment that differs is found", async () => {
    await sql`comment on column fb_ads.settings.id is 'Something else.'`;
    assertEquals((await findDifferences(migrated.hostDbUrl, described.hostDbUrl)).includes("Something else."), true);
  });
  await sql.end();
});
