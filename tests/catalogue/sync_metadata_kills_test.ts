/**
 * `fb-sync-metadata` killed at any instant, started twice at once, and robbed of its lease: the tree ends exact, and no
 * page is read more often than the kills explain.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { manyAccountsWorld, smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { answerIfAny, startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { howMany } from "../../scripts/dev/testing/thorough.ts";
import { momentOfKill } from "../kill_moments.ts";
import { seededFraction } from "../seeded_random.ts";
import { assertTree, pageReads, startOver } from "./metadata_expectations.ts";

const NOW = new Date("2026-11-22T03:00:00Z");
const SLUG = "fb-sync-metadata";
const KILLS = howMany({ usually: 10, thoroughly: 60 });

Deno.test(`fb-sync-metadata survives ${KILLS} kills at random moments`, async () => {
  const world = manyAccountsWorld(NOW, { accounts: 12, ads: 40, plain: true });
  await using suite = await startSuite({ graph: { world } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await sql`update fb_ads.settings set metadata_page_size = 4, metadata_page_size_max = 4`;
  graph.settings.latency_ms = { min: 1, max: 12 };
  const random = seededFraction(20261122);
  const open = async () => (await sql`select from fb_ads.sync_jobs where state in ('pending', 'running')`).length;
  let kills = 0;
  let nights = 0;
  while (kills < KILLS) {
    const isNight = await open() > 0;
    const running = answerIfAny(platform, SLUG, isNight ? { resume: true } : {});
    const ended = await Promise.race([running, momentOfKill(graph, random).then(() => "kill")]);
    if (ended === "kill") {
      await platform.killFunction(SLUG);
      await running;
      kills += 1;
    }
    if (!isNight && (ended !== "kill" || await open() > 0)) nights += 1;
    await sql`update fb_ads.sync_jobs set lease_until = now() where state = 'running'`;
  }
  graph.settings.latency_ms = { min: 0, max: 0 };
  if (await open() === 0) nights += 1;
  await syncToEnd(platform, SLUG, await open() === 0 ? {} : { resume: true });
  await assertTree(platform, world.accounts);
  assertEquals((await sql`select from fb_ads.sync_jobs where state in ('pending', 'running')`).length, 0);
  const reads = [...pageReads(graph).values()];
  const again = reads.reduce((sum, count) => sum + Math.max(0, count - nights), 0);
  // A kill interrupts at most one page of each of the three accounts in flight, and the one read ahead of it.
  assert(again <= kills * 6, `${again} repeated reads after ${kills} kills`);
  assertEquals(graph.ledger.maxInFlightOfAnyAccount(), 1);
});

Deno.test("fb-sync-metadata shares the work of simultaneous starts", async (t) => {
  const world = manyAccountsWorld(NOW, { accounts: 10, ads: 30, plain: true });
  await using suite = await startSuite({ graph: { world } });
  const { platform, graph } = suite;
  graph.settings.latency_ms = { min: 5, max: 20 };
  await platform.sql`update fb_ads.settings set metadata_page_size = 5, metadata_page_size_max = 5`;

  await t.step("three at once read every page once, two are live, one account has one request in flight", async () => {
    const answers = await Promise.all([sync(platform, SLUG), sync(platform, SLUG), sync(platform, SLUG)]);
    await syncToEnd(platform, SLUG, { resume: true });
    await assertTree(platform, world.accounts);
    assertEquals([...pageReads(graph).values()].filter((reads) => reads > 1), []);
    assertEquals(graph.ledger.maxInFlightOfAnyAccount(), 1);
    assertEquals(answers.every((answer) => answer.jobs.failed === 0), true);
    const [most] = await platform.sql`
      select max(live.runs)::int as runs
      from fb_ads.sync_runs as one
      cross join lateral (
        select count(*) as runs from fb_ads.sync_runs as other
        where other.error is null and other.started_at <= one.started_at and other.finished_at > one.started_at
      ) as live
      where one.error is null`;
    assert(most?.runs <= 2, `${most?.runs} invocations were live at once`);
  });

  await t.step("a stale lease is refused and nothing of its page is kept", async () => {
    await startOver(suite, smallWorld(NOW));
    const { sql } = platform;
    const call = async (name: string, request: Record<string, unknown>) => {
      const [row] = await sql.unsafe(`select public.${name}($1::text::jsonb) as answer`, [JSON.stringify(request)]);
      return row?.answer;
    };
    const start = await call("fb_start_sync_run", {
      function_slug: SLUG,
      token_fingerprint: "0",
      configured: { mode: "all", ids: [] },
    });
    const claim = { run_id: start.run_id, function_slug: SLUG, token_fingerprint: "0" };
    const first = (await call("fb_claim_sync_job", claim)).job;
    await sql`update fb_ads.sync_jobs set lease_until = now() where id = ${first.id}`;
    const second = (await call("fb_claim_sync_job", claim)).job;
    assertEquals(second.id, first.id);
    const page = (job: { id: number; lease_id: string }) =>
      call("fb_store_ad_tree_page", {
        job_id: job.id,
        lease_id: job.lease_id,
        rows: [{ fb_account_id: "7", name: "stale", configured: false }],
        fb_ids: ["7"],
        next_cursor: "x",
        done: false,
        row_count: 1,
        usage: [],
      });
    const refused = await page(first).then(() => "stored", (error) => error.code);
    assertEquals(refused, "PT409");
    assertEquals((await sql`select from public.ad_accounts where fb_account_id = '7'`).length, 0);
    await page(second);
    assertEquals((await sql`select from public.ad_accounts where fb_account_id = '7'`).length, 1);
  });
});
