/**
 * How well Meta recognises the people behind the events, read once a night by the metadata sync: after everything else,
 * and with the pixel's own token.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { PIXEL, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";
import { sync } from "../../scripts/dev/testing/suite.ts";
import { nightPasses, openJobs, qualityCalls, qualityRows, sendEvents, SLUG, view } from "./quality_reads.ts";

const SECOND_PIXEL = "800000000000002";

Deno.test("the metadata sync reads what Meta says of the events, after everything else", async (t) => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  const { sql } = platform;

  await t.step("nothing is asked of a pixel that nothing was sent to", async () => {
    await sync(platform, SLUG);
    assertEquals([qualityCalls(suite).length, await qualityRows(suite)], [0, []]);
    graph.ledger.reset();
  });

  await sendEvents(suite, [
    view("a", { em: "siti@example.com" }),
    view("b", { em: "budi@example.com", fbp: "fb.1.1795300000000.1098115397" }),
  ]);
  const diagnostics = [{ name: "Mismatched IP addresses", description: "...", solution: "Send the buyer's address." }];
  graph.capi.planQuality(PIXEL, "ViewContent", { browser_events: 4, diagnostics });

  await t.step("score, keys, coverage, deduplication, freshness and diagnostics are stored", async () => {
    const { jobs } = await sync(platform, SLUG);
    assertEquals([jobs.left, jobs.failed], [0, 0]);
    assertEquals(await qualityRows(suite), [{
      pixel_id: PIXEL,
      event_name: "ViewContent",
      // Two e-mail addresses, one fbp, two user agents: 2.5 + 0.25 + 0.5, to one decimal.
      composite_score: 3.3,
      match_key_coverage: { email: 100, fbp: 50, user_agent: 100 },
      event_coverage: 50,
      event_coverage_goal: 75,
      dedupe_key_feedback: {
        event_id: {
          browser_events_with_dedupe_key: 100,
          server_events_with_dedupe_key: 100,
          overall_browser_coverage_from_dedupe_key: 50,
        },
        fbp: {
          browser_events_with_dedupe_key: 100,
          server_events_with_dedupe_key: 50,
          overall_browser_coverage_from_dedupe_key: 25,
        },
      },
      upload_frequency: "real_time",
      diagnostics,
    }]);
    const calls = graph.ledger.calls;
    assertEquals(calls.at(-1)?.route, "dataset_quality", "it comes last");
    assertEquals([qualityCalls(suite).length, calls.at(-1)?.token], [1, "capi"]);
  });

  await t.step("a second read of the same day writes nothing that it would not change", async () => {
    const versions = () =>
      sql`select xmin::text, updated_at::text from public.ad_event_quality`.then((rows) => [...rows]);
    const before = await versions();
    await sync(platform, SLUG);
    assertEquals([qualityCalls(suite).length, await versions()], [2, before]);
  });

  await t.step("the next night has rows of its own", async () => {
    await nightPasses(suite);
    await sendEvents(suite, [view("c", { ph: "+628123456789" })]);
    await sync(platform, SLUG);
    const rows = await sql`select composite_score::float8 as score from public.ad_event_quality order by date`;
    assertEquals(rows.length, 2);
    assertEquals(rows[0]?.score, 3.3);
  });

  await t.step("a run of one account's lists, and the tick, plan no such read", async () => {
    graph.ledger.reset();
    await sync(platform, SLUG, { account_ids: ["102938475000001"] });
    await sync(platform, SLUG, { resume: true });
    assertEquals([qualityCalls(suite).length, await openJobs(suite)], [0, []]);
  });
});

Deno.test("a pixel of which Meta says nothing is one finding, and no failure of the sync", async (t) => {
  await using suite = await startCapiSuite({ pixels: [PIXEL, SECOND_PIXEL] });
  const { platform, graph } = suite;
  const { sql } = platform;
  await sendEvents(suite, [view("a", { em: "siti@example.com" })]);
  const refusals = async () =>
    (await sql`select pixel_id, error ->> 'reason' as reason, error ->> 'meta_code' as code from fb_ads.quality_refusals
      order by pixel_id`).map((row) => `${row.pixel_id} ${row.reason} ${row.code}`);

  await t.step("the other pixel is read, nothing is stopped, nothing has failed", async () => {
    graph.faults.add({
      match: { route: "dataset_quality", params_contain: PIXEL },
      action: { kind: "error", error: "10" },
    });
    const { jobs } = await sync(platform, SLUG);
    assertEquals([jobs.left, jobs.failed], [0, 0]);
    assertEquals(await refusals(), [`${PIXEL} permission_missing 10`]);
    assertEquals((await qualityRows(suite)).map(({ pixel_id }) => pixel_id), [SECOND_PIXEL]);
    const [stopped] = await sql`select count(*)::int as n from fb_ads.quotas where stopped_at is not null`;
    assertEquals(stopped?.n, 0);
  });

  await t.step("it is not asked again the next night", async () => {
    await nightPasses(suite);
    await sync(platform, SLUG);
    assertEquals(qualityCalls(suite).map(({ params }) => params.dataset_id), [SECOND_PIXEL]);
    assertEquals(await refusals(), [`${PIXEL} permission_missing 10`]);
  });

  await t.step("after a week it is, and stays one finding while Meta refuses", async () => {
    await nightPasses(suite);
    await sql`update fb_ads.quality_refusals set tried_at = now() - interval '7 days', refused_at = now() - interval '7 days'`;
    await sync(platform, SLUG);
    assertEquals(qualityCalls(suite).length, 2);
    const [kept] = await sql`
      select refused_at < now() - interval '6 days' as is_old, tried_at > now() - interval '1 day' as is_tried
      from fb_ads.quality_refusals`;
    assertEquals({ ...kept }, { is_old: true, is_tried: true });
  });

  await t.step("another token is tried at once, and an answer ends the finding", async () => {
    await nightPasses(suite);
    graph.faults.clear();
    graph.tokens.add("another-capi-token", { name: "another", scopes: [] });
    await sql`select vault.create_secret('another-capi-token', ${`meta_capi_access_token_${PIXEL}`})`;
    await sync(platform, SLUG);
    assertEquals(qualityCalls(suite).map(({ token }) => token).sort(), ["another", "capi"]);
    assertEquals(await refusals(), []);
  });
});
