/**
 * Which accounts `fb-sync-metadata` reads: those that the configuration names, those that the request names, and what
 * happens when Meta will not list them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { manyAccountsWorld, smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { accountAt, assertTree } from "./metadata_expectations.ts";

const NOW = new Date("2026-11-22T03:00:00Z");
const SLUG = "fb-sync-metadata";

Deno.test("fb-sync-metadata reads the accounts that FB_ADS_ACCOUNT_IDS names and stores the others disabled", async () => {
  await using suite = await startSuite({
    graph: { world: manyAccountsWorld(NOW, { accounts: 60, ads: 2, plain: true }) },
    functionEnv: { FB_ADS_ACCOUNT_IDS: "102938475000002,102938475000060" },
  });
  const { platform, graph } = suite;
  await platform.sql`update fb_ads.settings set metadata_page_size = 25`;
  await sync(platform, SLUG);
  const [counts] = await platform
    .sql`select count(*)::int as stored, count(*) filter (where enabled)::int as enabled from public.ad_accounts`;
  assertEquals({ ...counts }, { stored: 60, enabled: 2 });
  await assertTree(platform, [accountAt(graph.world, 1), accountAt(graph.world, 59)]);
  // A switch set by hand stays while the configuration does.
  await platform.sql`update public.ad_accounts set enabled = true where fb_account_id = '102938475000003'`;
  await platform.sql`update public.ad_accounts set enabled = false where fb_account_id = '102938475000060'`;
  await sync(platform, SLUG);
  const enabled = await platform.sql`select fb_account_id from public.ad_accounts where enabled order by 1`;
  assertEquals([...enabled].map((row) => row.fb_account_id), ["102938475000002", "102938475000003"]);
});

Deno.test("fb-sync-metadata stores every account disabled where nothing is configured", async () => {
  await using suite = await startSuite({ graph: { world: smallWorld(NOW) }, functionEnv: { FB_ADS_ACCOUNT_IDS: "" } });
  const answer = await sync(suite.platform, SLUG);
  assertEquals(answer.jobs, { done: 1, left: 0, failed: 0 });
  const rows = await suite.platform.sql`select enabled, name is not null as named from public.ad_accounts`;
  assertEquals([...rows].map((row) => ({ ...row })), [{ enabled: false, named: true }, {
    enabled: false,
    named: true,
  }]);
});

Deno.test("fb-sync-metadata reads only the accounts of the request", async () => {
  const world = manyAccountsWorld(NOW, { accounts: 3, ads: 4, plain: true });
  await using suite = await startSuite({ graph: { world } });
  await sync(suite.platform, SLUG);
  suite.graph.ledger.reset();
  const answer = await sync(suite.platform, SLUG, { account_ids: ["102938475000002"] });
  assertEquals(answer.jobs, { done: 4, left: 0, failed: 0 });
  assertEquals([...new Set(suite.graph.ledger.calls.map((call) => call.account))], ["102938475000002"]);
});

Deno.test("fb-sync-metadata reads the accounts that are named though the token may not list any", async () => {
  const world = manyAccountsWorld(NOW, { accounts: 2, ads: 4, plain: true });
  await using suite = await startSuite({
    graph: { world },
    functionEnv: { FB_ADS_ACCOUNT_IDS: "102938475000001,102938475000777" },
  });
  const { platform, graph } = suite;
  graph.faults.add({ match: { route: "me.adaccounts" }, action: { kind: "error", error: "200" } });
  await syncToEnd(platform, SLUG);
  await assertTree(platform, [accountAt(world, 0)]);
  const [unreadable] = await platform.sql`
    select j.state, j.last_error ->> 'code' as code from fb_ads.sync_jobs j join public.ad_accounts a on a.id = j.account_id
    where a.fb_account_id = '102938475000777'`;
  assertEquals({ ...unreadable }, { state: "failed", code: "meta_permission" });
});

Deno.test("fb-sync-metadata asks nothing more where Meta blocks the token for policy reasons", async () => {
  await using suite = await startSuite({ functionEnv: { FB_ADS_ACCOUNT_IDS: "102938475000001,102938475000002" } });
  const { platform, graph } = suite;
  graph.faults.add({ match: { route: "me.adaccounts" }, action: { kind: "error", error: "368" } });
  assertEquals((await sync(platform, SLUG)).jobs, { done: 0, left: 0, failed: 1 });
  assertEquals(graph.ledger.count, 1);
});

Deno.test("fb-sync-metadata with full begins half-read lists anew", async () => {
  await using suite = await startSuite({ graph: { world: smallWorld(NOW) } });
  const { platform, graph } = suite;
  await platform.sql`update fb_ads.settings set metadata_page_size = 20, metadata_page_size_max = 20`;
  graph.faults.add({ match: { route: "ads", page: 3 }, action: { kind: "error", error: "17" }, times: 1 });
  await sync(platform, SLUG);
  await platform.sql`update fb_ads.quotas set throttled_until = null`;
  graph.ledger.reset();
  await sync(platform, SLUG, { full: true });
  const pages = graph.ledger.calls.filter((call) => call.route === "ads" && call.account === "102938475000001");
  assertEquals(pages[0]?.page, 1);
  await assertTree(platform, graph.world.accounts);
});
