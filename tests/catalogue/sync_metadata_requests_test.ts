/**
 * Who may call `fb-sync-metadata`, with what, and how soon it answers.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync } from "../../scripts/dev/testing/suite.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";

const SLUG = "fb-sync-metadata";

Deno.test("fb-sync-metadata answers bad requests clearly and starts nothing", async (t) => {
  await using suite = await startSuite({ graph: { world: smallWorld(new Date("2026-11-22T03:00:00Z")) } });
  const { platform, graph } = suite;
  const url = `${platform.functionsUrl}/${SLUG}`;
  const nothingStarted = async () => {
    assertEquals((await platform.sql`select from fb_ads.sync_runs`).length, 0);
    assertEquals(graph.ledger.count, 0);
  };

  const cases: [string, unknown, number, string[]][] = [
    ["a list that is none and a flag that is none", { account_ids: "1001", full: "yes" }, 400, ["account_ids", "full"]],
    ["ids with letters", { account_ids: ["act_1001", 17, "1001"] }, 400, ["account_ids[0]", "account_ids[1]"]],
    ["an empty list", { account_ids: [] }, 400, ["account_ids"]],
    ["an unknown field", { acount_ids: ["1001"] }, 400, ["acount_ids"]],
    ["an account that nobody knows", { account_ids: ["102938475000099"] }, 400, ["account_ids[0]"]],
    ["a list instead of an object", [1], 400, [""]],
  ];
  for (const [name, body, status, paths] of cases) {
    await t.step(`${name}: ${status}, every wrong field named`, async () => {
      const response = await platform.invoke(SLUG, body);
      assertEquals(response.status, status);
      const { error } = await response.json();
      assertEquals(error.details.map((detail: { path: string }) => detail.path), paths);
      await nothingStarted();
    });
  }

  await t.step("broken JSON is 400, more than 1 MB is 413, PUT is 405", async () => {
    const headers = { apikey: platform.secretKey, "Content-Type": "application/json" };
    const broken = await fetch(url, { method: "POST", headers, body: '{"account_ids": [' });
    assertEquals([broken.status, (await broken.json()).error.code], [400, "invalid_json"]);
    const large = await fetch(url, { method: "POST", headers, body: JSON.stringify({ x: "y".repeat(1_100_000) }) });
    assertEquals([large.status, (await large.json()).error.code], [413, "body_too_large"]);
    const put = await fetch(url, { method: "PUT", headers });
    assertEquals([put.status, (await put.json()).error.code], [405, "method_not_allowed"]);
    await nothingStarted();
  });

  await t.step(
    "no key, a wrong one and the publishable one are refused before any work",
    async () => {
      for (const key of [null, "sb_secret_wrong", platform.publishableKey]) {
        const response = await fetch(url, { method: "POST", headers: key === null ? {} : { apikey: key }, body: "{}" });
        assert(response.status === 401 || response.status === 403, `${response.status}`);
        const text = await response.text();
        assertEquals(/fb_ads|secret|publishable/.test(text), false, text);
      }
      await nothingStarted();
    },
  );

  await t.step("a missing token is named, and nothing is started", async () => {
    await platform.sql`delete from vault.secrets where name = 'meta_marketing_api_token'`;
    const response = await platform.invoke(SLUG, {});
    assertEquals(response.status, 500);
    assertMatch(JSON.stringify(await response.json()), /meta_marketing_api_token/);
    await nothingStarted();
    await platform.sql`select vault.create_secret(${graph.token}, 'meta_marketing_api_token')`;
  });

  await t.step(
    "a token that was stored in quotes is named, and nothing is started; white space is taken off",
    async () => {
      const store = (token: string) =>
        platform
          .sql`select vault.update_secret(id, ${token}) from vault.secrets where name = 'meta_marketing_api_token'`;
      await store(`"${graph.token}"`);
      const response = await platform.invoke(SLUG, {});
      assertEquals(response.status, 500);
      const { error } = await response.json();
      assertEquals([error.code, error.details[0].path], ["config_invalid", "meta_marketing_api_token"]);
      await nothingStarted();
      await store(` ${graph.token}\n`);
    },
  );

  await t.step("Prefer: respond-async answers 202 at once and works on", async () => {
    const hold = graph.faults.add({ action: { kind: "hold" } });
    const response = await platform.invoke(SLUG, {}, { Prefer: "respond-async" });
    assertEquals(response.status, 202);
    const { run_id, ...rest } = await response.json();
    assertEquals(rest, {});
    const [run] = await platform.sql`select finished_at from fb_ads.sync_runs where id = ${run_id}`;
    assertEquals(run?.finished_at, null);
    graph.faults.remove(hold);
    await until("the run has ended", async () => {
      const rows = await platform.sql`select from fb_ads.sync_runs where id = ${run_id} and finished_at is not null`;
      return rows.length > 0;
    });
    assertEquals((await platform.sql`select from public.ad_ads`).length, 103);
  });

  await t.step("the token is in no URL, no log line and no table", async () => {
    await sync(platform, SLUG);
    assertEquals(graph.ledger.calls.some((call) => call.token_in_url), false);
    assertEquals(platform.functionLogs(SLUG).some((line) => line.includes(graph.token)), false);
    const tables = await platform.sql<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'fb_ads', 'net', 'cron')`;
    for (const { name } of tables) {
      const found = await platform.sql.unsafe(`select from ${name} t where t::text like '%' || $1 || '%' limit 1`, [
        graph.token,
      ]);
      assertEquals(found.length, 0, name);
    }
  });
});
