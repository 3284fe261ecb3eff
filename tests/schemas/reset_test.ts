/**
 * Roles belong to the server and outlive a database: the migrations apply where the reader's role is there already.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import postgres from "postgres";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";
import { readPayload } from "../../scripts/cli/installer/payload.ts";
import { buildUninstallStatement } from "../../scripts/cli/uninstaller/statement.ts";
import { readCatalogue } from "../cli/install/fixtures/catalogue.ts";
import { pushMigrations, RESET } from "./emptied_database.ts";

Deno.test("the migrations apply where the role of another time or database is there", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  const before = await readCatalogue(sql);

  await t.step("after a reset, which leaves the roles, everything is made again", async () => {
    await sql.unsafe(RESET).simple();
    assertEquals((await sql`select from pg_roles where rolname = 'fb_ads_reader'`).length, 1);
    assertEquals((await pushMigrations(platform.hostDbUrl)).code, 0);
    assertEquals(await readCatalogue(sql), before);
  });

  // The real pg_cron lives in one database of a server.
  await t.step({
    name: "a second database of the same server",
    ignore: platform.realExtensions.has("pg_cron"),
    fn: async () => {
      await sql`create database second owner postgres`;
      const inSecond = (url: string) => url.replace("/postgres?", "/second?");
      const owner = postgres(inSecond(platform.dbUrl), { max: 1, onnotice: () => undefined });
      await owner.unsafe("create schema extensions authorization postgres").simple();
      const extensions = new URL("../../scripts/supabase-local/sql/extensions.sql", import.meta.url);
      await owner.unsafe(await Deno.readTextFile(extensions)).simple();
      assertEquals((await pushMigrations(inSecond(platform.hostDbUrl))).code, 0);
      const [found] = await owner`
        select has_table_privilege('fb_ads_reader', 'public.fb_ad_performance', 'select') as reads,
          (select count(*)::int from cron.job) as jobs`;
      assertEquals({ ...found }, { reads: true, jobs: 7 });

      const operator = postgres(inSecond(platform.hostDbUrl), { max: 1, onnotice: () => undefined });
      await operator.unsafe(buildUninstallStatement(readPayload())).simple();
      await operator.end();
      assertEquals([...await owner`select to_regnamespace('fb_ads') as gone`], [{ gone: null }]);
      const [kept] =
        await sql`select has_table_privilege('fb_ads_reader', 'public.fb_ad_performance', 'select') as reads`;
      assertEquals({ ...kept }, { reads: true }, "the first database keeps its reader");
      await owner.end();
    },
  });
});
