/**
 * `fb-sync-insights` killed at any instant: the figures end exact, at most a page is read again for each kill, and a
 * worker whose lease is another's changes nothing.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { manyAccountsWorld } from "../../scripts/meta-emulator/mod.ts";
import { answerIfAny, startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { howMany } from "../../scripts/dev/testing/thorough.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { momentOfKill } from "../kill_moments.ts";
import { seededFraction } from "../seeded_random.ts";
import { adCalls, assertSpend, jobsOf, SLUG, windowOnly } from "./sync_insights_expectations.ts";

const KILLS = howMany({ usually: 5, thoroughly: 20 });

for (const reports of [false, true]) {
  Deno.test(`fb-sync-insights survives ${KILLS} kills, read ${reports ? "by reports" : "at once"}`, async () => {
    const world = atNoon((now) => manyAccountsWorld(now, { accounts: 5, ads: 30 }));
    await using suite = await startSuite({ graph: { world } });
    const { platform, graph } = suite;
    const { sql } = platform;
    await windowOnly(platform);
    await sql`update fb_ads.settings set insights_page_size = 20, insights_page_size_max = 20, insights_sync_rows = ${
      reports ? 0 : 5000
    }`;
    await sync(platform, "fb-sync-metadata");
    graph.settings.latency_ms = { min: 2, max: 15 };
    graph.settings.reports = { ...graph.settings.reports, polls: 0, polls_at_100: 0 };
    graph.ledger.reset();
    const random = seededFraction(2026);
    const open = async () => (await sql`select from fb_ads.sync_jobs where state in ('pending', 'running')`).length;
    let kills = 0;
    let windows = 0;
    while (kills < KILLS) {
      const isPlanned = await open() > 0;
      const running = answerIfAny(platform, SLUG, isPlanned ? { resume: true } : {});
      const ended = await Promise.race([running, momentOfKill(graph, random).then(() => "kill")]);
      if (ended === "kill") {
        await platform.killFunction(SLUG);
        await running;
        kills += 1;
      }
      if (!isPlanned && (ended !== "kill" || await open() > 0)) windows += 1;
      await sql`update fb_ads.sync_jobs set lease_until = now() where state = 'running'`;
    }
    graph.settings.latency_ms = { min: 0, max: 0 };
    if (await open() === 0) windows += 1;
    await syncToEnd(platform, SLUG, await open() === 0 ? {} : { resume: true });
    await assertSpend(suite, 28);
    assertEquals((await jobsOf(platform)).filter((job) => job.state !== "done"), []);
    assertEquals(graph.ledger.maxInFlightOfAnyAccount(), 1);
    const reads = new Map<string, number>();
    for (const call of [...adCalls(graph), ...graph.ledger.calls.filter((call) => call.route === "insights.read")]) {
      const key = `${call.path} ${JSON.stringify(call.params)}`;
      reads.set(key, (reads.get(key) ?? 0) + 1);
    }
    const again = [...reads.values()].reduce((sum, count) => sum + Math.max(0, count - windows), 0);
    // A kill interrupts the request of each of three accounts and the page read ahead of it.
    assert(again <= kills * 6, `${again} repeated reads after ${kills} kills`);
    const [row] = await sql`select count(*) filter (where state <> 'equal')::int as off from fb_ads.reconciliations`;
    assertEquals(row?.off, 0);
  });
}

Deno.test("fb-sync-insights: a write without the lease is refused and nothing of it is kept", async () => {
  await using suite = await startSuite({
    graph: { world: atNoon((now) => manyAccountsWorld(now, { accounts: 1, ads: 5 })) },
  });
  const { platform } = suite;
  const { sql } = platform;
  await sync(platform, "fb-sync-metadata");
  await syncToEnd(platform, SLUG);
  const before = await sql`select id, xmin::text from public.ad_spend order by id`;
  const [ad] = await sql`
    select a.fb_ad_id, s.fb_adset_id, c.fb_campaign_id from public.ad_ads a
    join public.ad_adsets s on s.id = a.adset_id join public.ad_campaigns c on c.id = s.campaign_id limit 1`;
  const [job] = await sql`select id from fb_ads.sync_jobs where kind = 'insights' limit 1`;
  const stale = { job_id: job?.id, lease_id: "00000000-0000-4000-8000-000000000000" };
  const row = { ...ad, date: "2026-11-01", spend: "1.00", impressions: 1, clicks: 1 };
  for (
    const [operation, request] of [
      ["fb_store_insights_page", { rows: [row], done: true, row_count: 1 }],
      ["fb_store_account_days", { rows: [{ date: "2026-11-01", spend: "1" }], done: true, row_count: 1 }],
      ["fb_store_report", { report_run_id: "1", params: {}, wait_seconds: 1 }],
      ["fb_reshape_insights", { how: "split" }],
      ["fb_replan_insights", { account: { fb_account_id: "7" } }],
    ] as const
  ) {
    const code = await sql.unsafe(`select public.${operation}($1::text::jsonb)`, [
      JSON.stringify({ ...stale, ...request }),
    ])
      .then(() => "stored", (error) => error.code);
    assertEquals(code, "PT409", operation);
  }
  assertEquals(await sql`select id, xmin::text from public.ad_spend order by id`, before);
  assertEquals((await sql`select from public.ad_accounts where fb_account_id = '7'`).length, 0);
});
