/**
 * How long `fb-sync-insights` leaves a report alone between two looks, and a refusal before it asks again.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { startOver } from "../catalogue/metadata_expectations.ts";
import { assertSpend, SLUG, windowOnly } from "./sync_insights_expectations.ts";

const FIRST = "102938475000001";

Deno.test("fb-sync-insights pauses between two looks at a report", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;

  async function begin(days: number) {
    await startOver(suite, atNoon(smallWorld));
    await windowOnly(platform);
    await platform.sql`update fb_ads.settings set insights_sync_rows = 0, insights_page_size = 50,
      insights_page_size_max = 50, insights_window_days = ${days}`;
    graph.settings.reports = { ...graph.settings.reports, polls: 0, polls_at_100: 0, duration_ms: 0 };
    await sync(platform, "fb-sync-metadata");
    graph.ledger.reset();
  }
  const calls = (route: string) => graph.ledger.calls.filter((call) => call.route === route && call.account === FIRST);

  await t.step("no report is begun anew while it gets on, and its account is left alone between looks", async () => {
    await begin(9);
    graph.settings.reports = { ...graph.settings.reports, duration_ms: 4_000 };
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 9);
    assertEquals(calls("insights.create").length, 2);
    assertEquals(graph.ledger.maxInFlightOfAnyAccount(), 1);
    const looks = calls("report_run");
    assert(looks.length <= 2 * 5, `${looks.length} looks at two reports of four seconds`);
  });

  await t.step("a POST that Meta keeps refusing with 1/99 is not repeated without a pause", async () => {
    await begin(9);
    graph.faults.add({
      match: { route: "insights.create", account: FIRST },
      action: { kind: "error", error: "1/99" },
    });
    await sync(platform, SLUG);
    assert(calls("insights.create").length <= 6, `${calls("insights.create").length} calls for two ranges`);
    graph.faults.clear();
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 9);
  });
});
