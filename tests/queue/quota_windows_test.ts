/**
 * The brake never reaches the block: whatever a call costs, the syncs stay away for as long as the quota needs, and are
 * through in about as many minutes as the quota allows. The hour of the emulator is a rolling one.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { planAccount, World } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, type Suite, sync } from "../../scripts/dev/testing/suite.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { startOver } from "../catalogue/metadata_expectations.ts";
import { assertSpend, windowOnly } from "../spend/sync_insights_expectations.ts";

const METADATA = "fb-sync-metadata";
const INSIGHTS = "fb-sync-insights";
const ADS = 20;

const accounts = (count: number) =>
  atNoon((now) =>
    new World({
      now,
      accounts: Array.from(
        { length: count },
        (_, seq) => planAccount(seq, { campaigns: 1, adsets: 1, ads: ADS, plain: true, density: 100 }),
      ),
    })
  );

/** Moves both clocks to the end of the shortest wait; returns its minutes. */
async function waitItOut({ platform, graph }: Suite): Promise<number> {
  const { sql } = platform;
  const [wait] = await sql`select greatest(0, extract(epoch from min(not_before) - now()))::float as seconds
    from fb_ads.sync_jobs where state = 'pending'`;
  const seconds = wait?.seconds ?? 0;
  graph.clock.advance(seconds * 1000 + 1000);
  await sql`update fb_ads.sync_jobs set not_before = not_before - make_interval(secs => ${seconds}) where state = 'pending'`;
  await sql`update fb_ads.quotas set rising_since = rising_since - make_interval(secs => ${seconds}),
    updated_at = updated_at - make_interval(secs => ${seconds}),
    throttled_until = throttled_until - make_interval(secs => ${seconds})`;
  return seconds / 60;
}

/** Reads to the end; returns the minutes that went by. */
async function readThrough(suite: Suite): Promise<number> {
  let minutes = 0;
  let answer = await sync(suite.platform, INSIGHTS);
  while (answer.jobs.left > 0) {
    minutes += await waitItOut(suite);
    assert(minutes < 24 * 60, "it is through within a day");
    answer = await sync(suite.platform, INSIGHTS, { resume: true });
  }
  return minutes;
}

Deno.test("a quota that is nearly spent is left alone for its window", async (t) => {
  await using suite = await startSuite({ graph: { world: accounts(1) } });
  const { platform, graph } = suite;
  const { sql } = platform;

  async function begin(count: number, page_size: number) {
    await startOver(suite, accounts(count));
    await windowOnly(platform);
    await sql`update fb_ads.settings set insights_page_size = ${page_size}, insights_page_size_max = ${page_size}`;
    graph.quota.reset();
    graph.settings.quota.enforced = false;
    await sync(platform, METADATA);
    Object.assign(graph.settings.quota, { enforced: true, rolling: true, block_minutes: 60, prolong_minutes: 10 });
    graph.quota.reset();
    graph.ledger.reset();
  }
  const refused = () => graph.ledger.calls.filter((call) => call.code !== null).length;

  for (const [percent, page_size] of [[1, 3], [4, 9]] as const) {
    await t.step(`an account at ${percent} % a call`, async () => {
      // 600 calls an hour and 400 for each active ad make 100 %.
      graph.settings.quota.tier = "development_access";
      graph.settings.quota.scale = 100 / percent / (600 + 400 * ADS);
      await begin(1, page_size);
      const minutes = await readThrough(suite);
      assertEquals(refused(), 0);
      await assertSpend(suite, 28);
      const calls = graph.ledger.calls.length;
      const hours = Math.ceil(calls / Math.ceil(90 / percent)) - 1;
      assert(hours >= 1, `${calls} calls need more than one hour`);
      assert(minutes <= hours * 61, `${calls} calls in ${minutes} minutes`);
    });
  }

  await t.step("an app at 4 % a call, three accounts at once", async () => {
    graph.settings.quota.scale = 1;
    graph.settings.quota.tier = "standard_access";
    graph.settings.quota.app_users = 25 / 200;
    await begin(3, 50);
    graph.settings.latency_ms = { min: 15, max: 15 };
    await readThrough(suite);
    graph.settings.latency_ms = { min: 0, max: 0 };
    assertEquals(refused(), 0);
    await assertSpend(suite, 28);
  });
});
