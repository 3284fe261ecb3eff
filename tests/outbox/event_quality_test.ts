/**
 * How well Meta recognises the people behind the events, read once a night by the metadata sync: after everything else,
 * with the pixel's own token, and never at the cost of anything else.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dispatchAll, nowSeconds, PIXEL, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";
import { type Suite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";

const SLUG = "fb-sync-metadata";
const SECOND_PIXEL = "800000000000002";

/** A view of a page, told by the shop's server. */
function view(event_id: string, user_data: Record<string, unknown>): Record<string, unknown> {
  return {
    event_name: "ViewContent",
    event_id,
    event_time: nowSeconds(),
    action_source: "website",
    event_source_url: "https://shop.example/",
    user_data: { client_user_agent: "Mozilla/5.0 (test)", ...user_data },
    consent: "granted",
  };
}

async function sendEvents({ platform }: Suite, events: Record<string, unknown>[]): Promise<void> {
  const response = await platform.invoke("capi-event", { events });
  assertEquals(response.status, 202, await response.text());
  await dispatchAll(platform);
}

async function qualityRows({ platform }: Suite) {
  const rows = await platform.sql`
    select pixel_id, event_name, composite_score::float8, match_key_coverage, event_coverage::float8,
      event_coverage_goal::float8, dedupe_key_feedback, upload_frequency, diagnostics
    from public.ad_event_quality order by pixel_id, event_name`;
  return rows.map((row) => ({ ...row }));
}

const qualityCalls = ({ graph }: Suite) => graph.ledger.calls.filter(({ route }) => route === "dataset_quality");

/** The next night: what was planned today is a day old. */
async function nightPasses({ platform, graph }: Suite): Promise<void> {
  // In two steps, so that no day meets its neighbour.
  await platform.sql`update public.ad_event_quality set date = date - 1000`;
  await platform.sql`update public.ad_event_quality set date = date + 999`;
  await platform.sql`update fb_ads.sync_jobs set created_at = created_at - interval '1 day'`;
  graph.ledger.reset();
}

const openJobs = async ({ platform }: Suite) =>
  (await platform
    .sql`select state from fb_ads.sync_jobs where kind = 'event_quality' and state in ('pending', 'running')`)
    .map((row) => String(row.state));

Deno.test("the metadata sync reads what Meta says of the events, after everything else", async (t) => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  // One worker, so that the order of the calls is that of the queue.
  await sql`update fb_ads.settings set accounts_in_flight = 1`;

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

Deno.test("what Meta answers to a pixel's token changes nothing for the other jobs", async (t) => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  await sendEvents(suite, [view("a", { em: "siti@example.com" })]);

  await t.step("a throttled or failing read waits by itself, and the next one of the night goes on", async () => {
    for (const error of ["4", "2", "17"]) {
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
