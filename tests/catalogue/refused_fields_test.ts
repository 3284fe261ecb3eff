/**
 * An optional field never costs the rows: whatever Meta refuses while such fields are asked for is asked for without
 * them, their loss is told, and only a refusal that stays stops the account.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { assertSpend, SLUG as INSIGHTS, windowOnly } from "../spend/sync_insights_expectations.ts";
import { assertTree, startOver } from "./metadata_expectations.ts";

const METADATA = "fb-sync-metadata";
const FIRST = "102938475000001";

/** Which calls Meta refuses, with what, and what is told of it. */
const REFUSALS: [string, string, string, string, string][] = [
  ["ads", "creative", "100/permissions", METADATA, "ads.creative"],
  ["ads", "creative", "10", METADATA, "ads.creative"],
  ["adsets", "targeting", "294", METADATA, "adsets.targeting"],
  ["insights", "actions", "200", INSIGHTS, "insights.actions"],
  ["insights.create", "actions", "200", INSIGHTS, "insights.actions"],
];

Deno.test("an optional field never costs the rows", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;
  graph.settings.reports = { ...graph.settings.reports, polls: 0, polls_at_100: 0 };
  await sql`update fb_ads.settings set insights_window_days = 3`;
  await windowOnly(platform);

  for (const [route, field, error, slug, told] of REFUSALS) {
    await t.step(`${error} on ${field} of ${route} costs one call and that field`, async () => {
      await startOver(suite, atNoon(smallWorld));
      await sql`update fb_ads.settings set insights_sync_rows = ${route === "insights.create" ? 0 : 5000}`;
      graph.faults.add({
        match: { route, account: FIRST, params_contain: field },
        action: { kind: "error", error },
      });
      await syncToEnd(platform, METADATA);
      // Insights speak of ads that no list shows, too.
      await assertTree(platform, graph.world.accounts);
      await syncToEnd(platform, INSIGHTS);
      assertEquals(graph.ledger.calls.filter((call) => call.code !== null).length, 1);
      assertEquals((await sql`select from fb_ads.quotas where stopped_at is not null`).length, 0);
      const [stored] = await sql`select count(distinct s.ad_id)::int as ads from public.ad_spend s
        join public.ad_accounts a on a.id = s.account_id where a.fb_account_id = ${FIRST}`;
      assertEquals((stored?.ads ?? 0) > 0, true, "its spend is read");
      const alerts = await sql`select key, problem like ${`%${told}%`} as names_it from public.fb_alerts
        where key like 'fields_refused:%' or key like 'permission_lost:%'`;
      assertEquals(alerts.map((alert) => ({ ...alert })), [{ key: `fields_refused:${FIRST}`, names_it: true }]);

      graph.ledger.reset();
      await syncToEnd(platform, slug);
      assertEquals(graph.ledger.calls.filter((call) => call.code !== null).length, 0, "the next night knows");
    });
  }

  await t.step("a refusal that stays without them stops the account, and no field is blamed", async () => {
    await startOver(suite, atNoon(smallWorld));
    await syncToEnd(platform, METADATA);
    await sql`update fb_ads.settings set insights_sync_rows = 5000`;
    graph.ledger.reset();
    graph.faults.add({ match: { route: "insights", account: FIRST }, action: { kind: "error", error: "200" } });
    await syncToEnd(platform, INSIGHTS);
    assertEquals(graph.ledger.calls.filter((call) => call.code !== null).length, 2);
    const alerts = await sql`select key from public.fb_alerts where key ~ '^(fields_refused|permission_lost):'`;
    assertEquals(alerts.map((alert) => alert.key), [`permission_lost:${FIRST}`]);
    graph.faults.clear();
    await syncToEnd(platform, INSIGHTS);
    await assertSpend(suite, 3);
  });
});
