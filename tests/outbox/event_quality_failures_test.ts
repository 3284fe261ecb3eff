/**
 * Match quality is never read at the cost of anything else: what Meta answers to a pixel's token is that read's alone.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { PIXEL, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";
import { sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";
import { nightPasses, openJobs, qualityCalls, qualityRows, sendEvents, SLUG, view } from "./quality_reads.ts";

Deno.test("what Meta answers to a pixel's token changes nothing for the other jobs", async (t) => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  await sendEvents(suite, [view("a", { em: "siti@example.com" })]);

  await t.step("a throttled read waits by itself, and the next one of the night goes on", async () => {
    for (const error of ["4", "17"]) {
      graph.faults.add({ match: { route: "dataset_quality" }, action: { kind: "error", error } });
      const { jobs } = await sync(platform, SLUG);
      assertEquals([jobs.left, jobs.failed], [1, 0], error);
      const [throttled] = await sql`select count(*)::int as n from fb_ads.quotas where throttled_until is not null`;
      assertEquals(throttled?.n, 0, error);
      graph.faults.clear();
      await syncToEnd(platform, SLUG, { resume: true });
      assertEquals((await qualityRows(suite)).length, 1, error);
      await nightPasses(suite);
      await sql`delete from public.ad_event_quality`;
    }
  });

  await t.step("one that fails otherwise ends: nothing is known, and no sync waits for it", async () => {
    const actions = [
      { kind: "error", error: "2" },
      { kind: "html", status: 404 },
      { kind: "empty" },
      { kind: "reset" },
      { kind: "body", body: { web: "none" } },
    ] as const;
    await sql`insert into fb_ads.quality_refusals (pixel_id, error, learned_with) values (${PIXEL}, '{}', 'another')`;
    for (const action of actions) {
      graph.faults.add({ match: { route: "dataset_quality" }, action });
      const { jobs } = await sync(platform, SLUG);
      assertEquals([jobs.left, jobs.failed], [0, 0], action.kind);
      assert(qualityCalls(suite).length > 0, action.kind);
      assertEquals(await qualityRows(suite), [], action.kind);
      assertEquals((await sql`select from fb_ads.quality_refusals`).length, 1, action.kind);
      graph.faults.clear();
      await nightPasses(suite);
    }
    await sync(platform, SLUG);
    assertEquals((await qualityRows(suite)).length, 1);
    assertEquals((await sql`select from fb_ads.quality_refusals`).length, 0);
    await nightPasses(suite);
    await sql`delete from public.ad_event_quality`;
  });

  await t.step("while Meta throttles the app it waits with everything else", async () => {
    await sql`insert into fb_ads.quotas (scope, key, throttled_until) values ('app', 'default', now() + interval '1 hour')
      on conflict (scope, key, use_case) do update set throttled_until = excluded.throttled_until`;
    await sync(platform, SLUG);
    assertEquals([graph.ledger.count, await openJobs(suite)], [0, ["pending"]]);
    await sql`delete from fb_ads.quotas`;
    await syncToEnd(platform, SLUG, { resume: true });
    assertEquals((await qualityRows(suite)).length, 1);
    await nightPasses(suite);
    await sql`delete from public.ad_event_quality`;
  });

  await t.step("a good answer does not revive the Marketing API's token", async () => {
    const stop = () =>
      sql`
      insert into fb_ads.quotas (scope, key, stopped_at, stop_error, probe_after)
      select 'token', token_fingerprint, now(), '{"reason": "token_expired"}', now() - interval '1 second'
      from fb_ads.sync_runs limit 1
      on conflict (scope, key, use_case) do update set stopped_at = excluded.stopped_at, stop_error = excluded.stop_error,
        probe_after = excluded.probe_after`;
    await sql`insert into fb_ads.sync_jobs (kind, priority, object_ids) values ('event_quality', 900, array[${PIXEL}])`;
    await stop();
    await sync(platform, SLUG, { resume: true });
    assertEquals((await qualityRows(suite)).length, 1);
    const [token] = await sql`select stopped_at is not null as is_stopped, probe_after <= now() as is_due
      from fb_ads.quotas where scope = 'token'`;
    assertEquals({ ...token }, { is_stopped: true, is_due: true });
    await sql`delete from fb_ads.quotas`;
  });

  await t.step("a refused Marketing API token is told though the pixel's is good, and nothing is read", async () => {
    await nightPasses(suite);
    await sql`delete from public.ad_event_quality`;
    graph.faults.add({ match: { route: "me.adaccounts" }, action: { kind: "error", error: "190/463" } });
    const response = await platform.invoke(SLUG, {});
    assertEquals([response.status, (await response.json()).error.code], [502, "meta_token_invalid"]);
    assertEquals([qualityCalls(suite).length, await openJobs(suite)], [0, ["pending"]]);
    graph.faults.clear();
    await sql`update fb_ads.quotas set probe_after = now() where scope = 'token'`;
    await syncToEnd(platform, SLUG, { resume: true });
    assertEquals((await qualityRows(suite)).length, 1);
  });

  await t.step("a field that Meta does not know costs that field alone", async () => {
    await nightPasses(suite);
    await sql`delete from public.ad_event_quality`;
    graph.faults.add({
      match: { route: "dataset_quality" },
      action: {
        kind: "error",
        error: {
          code: 100,
          message: "(#100) Tried accessing nonexisting field (acr) on node type (DatasetQuality)",
        },
      },
      times: 1,
    });
    await sync(platform, SLUG);
    assertEquals(qualityCalls(suite).map(({ params }) => String(params.fields).includes(",acr")), [true, false]);
    assertEquals((await qualityRows(suite)).map(({ composite_score }) => typeof composite_score), ["number"]);
  });

  await t.step("a killed worker's read is taken up by the next", async () => {
    await nightPasses(suite);
    await sql`delete from public.ad_event_quality`;
    graph.faults.add({ match: { route: "dataset_quality" }, action: { kind: "hold" }, times: 1 });
    const killed = platform.invoke(SLUG, {}).then(() => "answered", () => "killed");
    await until("the read is under way", () => qualityCalls(suite).length === 1);
    await platform.killFunction(SLUG);
    graph.faults.clear();
    assert(["answered", "killed"].includes(await killed));
    assertEquals(await openJobs(suite), ["running"]);
    await syncToEnd(platform, SLUG, { resume: true });
    assertEquals((await qualityRows(suite)).length, 1);
  });
});
