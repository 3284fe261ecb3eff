/**
 * The installation guide, run block by block on a host of another shape, with the real CLI: install, sell, go on
 * developing, upgrade, and take it all out again.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { type Platform, repositoryRoot, runSupabaseCli, startPlatform } from "../../../scripts/supabase-local/mod.ts";
import { installInto } from "../../../scripts/cli/installer/install.ts";
import { readManifest } from "../../../scripts/cli/installer/manifest.ts";
import { readPayload } from "../../../scripts/cli/installer/payload.ts";
import { metaAds } from "../meta_ads.ts";
import { readCatalogue } from "./fixtures/catalogue.ts";
import { readBlocks, runBlock } from "./fixtures/guide.ts";
import { LATER_MIGRATION, makeHost, readFiles, writeFiles } from "./fixtures/host.ts";

async function push(host: string, platform: Platform): Promise<void> {
  const remote = platform.hostDbUrl;
  const { code, stdout, stderr } = await runSupabaseCli(host, ["db", "push", "--yes", `--remote=${remote}`]);
  assertEquals(code, 0, stdout + stderr);
}

const isLater = (text: string) => text.includes("coupons");

Deno.test("the guide installs the suite into a foreign host, which goes on as before and gets all of it out again", async (t) => {
  await using host = await makeHost();
  await using platform = await startPlatform({ migrations: false, projectRoot: host.path, schedule: false });
  const { sql } = platform;
  await sql`delete from vault.secrets`;
  await push(host.path, platform);
  const before = await readCatalogue(sql);
  const filesBefore = await readFiles(host.path);
  const guideText = await Deno.readTextFile(`${repositoryRoot}/docs/guides/install.md`);
  const blocks = readBlocks(guideText);
  const hostSql = postgres(platform.hostDbUrl, { onnotice: () => undefined });
  const setting = { env: { HOST: host.path, REMOTE: platform.hostDbUrl }, sql: hostSql };
  const runSection = async (heading: RegExp) => {
    const section = blocks.filter((block) => heading.test(block.heading));
    assert(section.length > 0, String(heading));
    for (const block of section) await runBlock(block, setting);
  };

  try {
    await t.step("1. files are copied, and the host's are as they were", async () => {
      await runSection(/^1\./);
      const files = await readFiles(host.path);
      for (const [path, text] of Object.entries(filesBefore)) {
        if (path !== "supabase/config.toml") assertEquals(files[path], text, path);
      }
      const config = files["supabase/config.toml"] ?? "";
      assert(config.startsWith(filesBefore["supabase/config.toml"] ?? "?"));
      assertStringIncludes(config, "[functions.capi-event]\nenabled = true\nverify_jwt = false\n");
      assert("shared/errors.ts" in files && "supabase/functions/fb-sync-metadata/index.ts" in files);
      const migrations = Object.keys(files).filter((path) => path.startsWith("supabase/migrations/")).sort();
      assertEquals(migrations[3], "supabase/migrations/20250312080201_fb_ads_0_1_0.sql");
    });

    await t.step("2. migrations are pushed in order, without --include-all", () => runSection(/^2\./));

    await t.step("3. a table with a counting key and other names is attached", async () => {
      await runSection(/^3\./);
      await hostSql.unsafe(`insert into public.members (mail, full_name) values ('buyer@example.com', 'Sri Rahayu');
        insert into public.orders (buyer, total) select member_no, 150000 from public.members;
        update public.orders set state = 'paid'`).simple();
      const noted = await sql`select event_id, transaction_ref from fb_ads.conversion_events`;
      assertEquals([...noted].map((row) => ({ ...row })), [{ event_id: "1", transaction_ref: "1" }]);
      const [found] = await sql`select fb_ads.find_purchases(array['1']) as sale`;
      assertEquals([found?.sale.value, found?.sale.email, found?.sale.last_name], [
        "150000.00",
        "buyer@example.com",
        "Rahayu",
      ]);
    });

    await t.step("5. what is left to do is said", async () => {
      await runSection(/^5\./);
      const keys = await sql`select key from public.fb_alerts order by key`;
      assertEquals([...keys].map((row) => row.key).filter((key) => !key.startsWith("secret_missing:")), []);
    });

    await t.step("the host's next migration is pushed as ever", async () => {
      await writeFiles(host.path, { [`supabase/migrations/${LATER_MIGRATION.name}`]: LATER_MIGRATION.text });
      await push(host.path, platform);
      const [table] = await sql`select to_regclass('public.coupons')::text as name`;
      assertEquals(table?.name, "coupons");
    });

    await t.step("running the upgrade without a new version changes nothing", async () => {
      const files = await readFiles(host.path);
      await runSection(/^Upgrading/);
      assertEquals(await readFiles(host.path), files);
    });

    await t.step("an upgrade's new migration comes after the host's newest and is pushed as it is", async () => {
      const { plan } = await installInto(host.path, {
        payload: (directory) => {
          const payload = readPayload(directory);
          const text = "alter table fb_ads.settings add column added_later integer;\n";
          const migrations = [...payload.migrations, { name: "20261201000000_add_setting.sql", text }];
          return { ...payload, version: "99.0.0", migrations };
        },
      });
      assertEquals([plan.conflicts, plan.new_migrations], [[], ["20250313090001_add_setting.sql"]]);
      await push(host.path, platform);
      await sql`select added_later from fb_ads.settings`;
    });

    await t.step("a function of the suite runs from the host's repo", async () => {
      const response = await platform.invoke("fb-sync-metadata", {}, { apikey: "wrong" });
      const body = await response.text();
      assertEquals([response.status, /unauthorized/.test(body)], [401, true], body);
    });

    await t.step("uninstalling refuses while a view of the host's needs the suite", async () => {
      await hostSql`create view shop.spend_by_day as select date, sum(spend) as spend from public.ad_spend group by date`;
      const { code, output } = await metaAds(["uninstall", "--path", host.path, "--yes"], {
        DB_URL: platform.hostDbUrl,
      });
      assertEquals(code, 1);
      assertStringIncludes(output, "view shop.spend_by_day");
      assert(readManifest(host.path) !== null);
      await hostSql`drop view shop.spend_by_day`;
    });

    await t.step("uninstalling leaves the catalogue and the repo as they were", async () => {
      const { code, output } = await metaAds(["uninstall", "--path", host.path, "--yes"], {
        DB_URL: platform.hostDbUrl,
      });
      assertEquals(code, 0, output);
      assertEquals((await readCatalogue(sql)).filter((line) => !isLater(line)), before);
      const files = await readFiles(host.path);
      delete files[`supabase/migrations/${LATER_MIGRATION.name}`];
      assertEquals(files, filesBefore);
      assertEquals((await sql`select count(*)::int as sold from public.orders`)[0]?.sold, 1);
    });

    await t.step("the host's history fits its files again", () => push(host.path, platform));
  } finally {
    await hostSql.end();
  }
});
