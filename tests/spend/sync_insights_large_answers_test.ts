/**
 * `fb-sync-insights` and answers that are larger than a worker may take: the rest is never received, the page is asked
 * for again in halves, and the spend is whole.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type FaultMatch, smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { startOver } from "../catalogue/metadata_expectations.ts";
import { assertSpend, SLUG, windowOnly } from "./sync_insights_expectations.ts";

const DAYS = 9;

Deno.test("fb-sync-insights reads no answer that is too large, and misses no row for it", async (t) => {
  await using suite = await startSuite();
  const { platform, graph } = suite;

  /** Begins anew, with pages of 50, and returns which calls a fault is to meet. */
  async function begin(): Promise<FaultMatch> {
    const world = smallWorld(new Date());
    await startOver(suite, world);
    await windowOnly(platform);
    await platform.sql`update fb_ads.settings
      set insights_sync_rows = 5000, insights_page_size = 50, insights_page_size_max = 50, insights_window_days = ${DAYS}`;
    await sync(platform, "fb-sync-metadata");
    graph.ledger.reset();
    return { route: "insights", account: world.accounts[0]?.plan.account_id ?? "" };
  }
  async function assertWhole(): Promise<void> {
    const answers = await syncToEnd(platform, SLUG);
    assertEquals(answers.map(({ jobs }) => jobs.failed).filter((failed) => failed > 0), []);
    await assertSpend(suite, DAYS);
  }
  const limits = () =>
    graph.ledger.calls.filter((call) => call.fault !== null).map((call) => Number(call.params.limit));

  await t.step("rows of 400 kB come some twenty at a time", async () => {
    graph.faults.add({ match: await begin(), action: { kind: "pad", bytes_per_row: 400_000 } });
    await assertWhole();
    assertEquals(limits().slice(0, 3), [50, 25, 12]);
  });

  await t.step("a page without end is asked for again in halves, and ends when Meta does", async () => {
    graph.faults.add({ match: { ...await begin(), page: 2 }, action: { kind: "endless" }, times: 2 });
    await assertWhole();
    assertEquals(limits(), [50, 25]);
  });
});
