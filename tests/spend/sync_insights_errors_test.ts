/**
 * `fb-sync-insights` against everything that Meta answers instead of figures: throttles in each disguise, broken
 * answers, fields and versions that end, tokens that die. Nothing is hammered, nothing is lost, nothing is split for
 * it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  currenciesWorld,
  dayText,
  type FaultAction,
  type FaultMatch,
  smallWorld,
} from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { databaseNow } from "../../scripts/supabase-local/waiting.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { accountAt, startOver } from "../catalogue/metadata_expectations.ts";
import { adCalls, assertSpend, expectedRows, SLUG, today, windowOnly } from "./sync_insights_expectations.ts";

const FIRST = "102938475000001";
const SECOND = "102938475000002";

/** What passes within seconds. */
const PASSING: [string, FaultAction][] = [
  ["1/99", { kind: "error", error: "1/99" }],
  ["2", { kind: "error", error: "2" }],
  ["2/1504043", { kind: "error", error: "2/1504043" }],
  ["an error inside HTTP 200", { kind: "error", error: "2", status: 200 }],
  ["truncated JSON on HTTP 200", { kind: "truncate" }],
  ["an HTML page", { kind: "html" }],
  ["text on HTTP 200", { kind: "text" }],
  ["a reset connection", { kind: "reset" }],
  ["a connection cut inside the answer", { kind: "cut" }],
];

/** Throttles, whom they throttle, and at least how many seconds. */
const THROTTLES: [string, "account" | "app", number][] = [
  ["80000", "account", 55],
  ["80000/2446079", "account", 55],
  ["80004/2446079", "account", 55],
  ["17", "account", 55],
  ["17/2446079", "account", 55],
  ["613/1487742", "account", 55],
  ["613/1996", "account", 800],
  ["4", "app", 55],
  ["4/1504022", "app", 55],
  ["4/1504039", "app", 55],
  ["341", "app", 290],
];

/** Steps of reading at which a throttle may come. */
const STEPS: [string, FaultMatch, boolean][] = [
  ["a page read at once", { route: "insights", page: 2 }, false],
  ["the start of a report", { route: "insights.create" }, true],
  ["a look at a report", { route: "report_run" }, true],
  ["a page of a report", { route: "insights.read", page: 2 }, true],
];

Deno.test("fb-sync-insights meets Meta's errors", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;

  async function begin(reports: boolean) {
    await startOver(suite, atNoon(smallWorld));
    await windowOnly(platform);
    await sql`update fb_ads.settings set insights_sync_rows = ${
      reports ? 0 : 5000
    }, insights_page_size = 50, insights_page_size_max = 50, insights_window_days = 9`;
    graph.settings.reports = { ...graph.settings.reports, polls: 0, polls_at_100: 0 };
    await sync(platform, "fb-sync-metadata");
    graph.ledger.reset();
  }

  for (const [name, action] of PASSING) {
    await t.step(`${name} is retried at once and loses nothing`, async () => {
      await begin(false);
      graph.faults.add({ match: { route: "insights", page: 2, account: FIRST }, action, times: 2 });
      const answer = await sync(platform, SLUG);
      assertEquals({ left: answer.jobs.left, failed: answer.jobs.failed }, { left: 0, failed: 0 });
      await assertSpend(suite, 9);
      assertEquals(graph.faults.list()[0]?.acted, 2);
    });
  }

  for (const [index, [error, scope, seconds]] of THROTTLES.entries()) {
    const [place, match, reports] = STEPS[index % STEPS.length] ?? ["nowhere", {}, false];
    await t.step(`${error} at ${place} throttles the ${scope}, splits nothing, and the rest goes on`, async () => {
      await begin(reports);
      graph.faults.add({ match: { ...match, account: FIRST }, action: { kind: "error", error }, times: 1 });
      const begun = await databaseNow(sql);
      const answer = await sync(platform, SLUG);
      assertEquals(answer.jobs.failed, 0);
      const throttled = await sql`
        select a.fb_account_id, extract(epoch from j.not_before - ${begun}::timestamptz)::int as after_begin,
          extract(epoch from j.not_before - clock_timestamp())::int as from_now
        from fb_ads.sync_jobs j join public.ad_accounts a on a.id = j.account_id
        where j.state = 'pending' and j.kind = 'insights'
          and j.not_before > ${begun}::timestamptz + interval '40 seconds'`;
      assert(throttled.length > 0, "ranges wait");
      const isLongEnough = throttled.every(({ after_begin, from_now }) => after_begin >= seconds && from_now <= 3_700);
      assert(isLongEnough, JSON.stringify([...throttled]));
      if (scope === "account") assert(throttled.every((job) => job.fb_account_id === FIRST));
      const refused = graph.ledger.calls.findIndex((call) => call.fault !== null);
      // Reading an ad by id spends another quota than insights do.
      const after = graph.ledger.calls.slice(refused + 1)
        .filter((call) => call.account === FIRST && call.route !== "object");
      assertEquals(after.map((call) => call.route), [], "no call for the account after the refusal");
      await syncToEnd(platform, SLUG, { resume: true });
      await assertSpend(suite, 9);
      assertEquals((await sql`select from fb_ads.sync_jobs where params ? 'is_part'`).length, 0);
    });
  }

  await t.step("a quota that is nearly spent is left alone before Meta refuses", async () => {
    await begin(false);
    const usage = [{
      type: "ads_insights",
      call_count: 20,
      total_cputime: 97,
      total_time: 5,
      estimated_time_to_regain_access: 0,
    }];
    graph.faults.add({
      match: { route: "insights", account: FIRST },
      action: { kind: "headers", headers: { "x-business-use-case-usage": JSON.stringify({ [FIRST]: usage }) } },
      times: 1,
    });
    const answer = await sync(platform, SLUG);
    assert(answer.jobs.left > 0);
    assertEquals(adCalls(graph).filter((call) => call.account === FIRST).length, 1);
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 9);
  });

  await t.step('"reduce the amount of data" halves the page on the same cursor', async () => {
    await begin(false);
    graph.settings.reduce_above.insights = 20;
    await syncToEnd(platform, SLUG);
    delete graph.settings.reduce_above.insights;
    await assertSpend(suite, 9);
    const limits = adCalls(graph).filter((call) => call.account === FIRST).map((call) => call.params.limit);
    assertEquals(limits.slice(0, 3), ["50", "25", "12"]);
  });

  await t.step("a page that is larger than Meta gives is asked for smaller", async () => {
    await begin(false);
    const error = { code: 100, message: "(#100) Param limit must be at most 30" };
    graph.faults.add({ match: { route: "insights", min_limit: 31 }, action: { kind: "error", error } });
    const answers = await syncToEnd(platform, SLUG);
    assertEquals(answers.map((answer) => answer.jobs.failed), [0]);
    await assertSpend(suite, 9);
  });

  await t.step("2/1504044 that stays becomes a report", async () => {
    await begin(false);
    graph.faults.add({
      match: { route: "insights", account: FIRST, params_contain: '"ad"' },
      action: { kind: "error", error: "2/1504044" },
    });
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 9);
    assert(adCalls(graph).some((call) => call.route === "insights.create" && call.account === FIRST));
  });

  for (const reports of [false, true]) {
    await t.step(
      `a field that Meta no longer knows is left out and the rows say so (${reports ? "report" : "at once"})`,
      async () => {
        await begin(reports);
        await syncToEnd(platform, SLUG);
        graph.world.refusedFields.add("reach");
        graph.ledger.reset();
        await syncToEnd(platform, SLUG);
        // What was known of a field that is refused now stays.
        await assertSpend(suite, 9);
        const [row] =
          await sql`select count(*)::int as rows, count(*) filter (where missing_fields = '{reach}')::int as marked from public.ad_spend`;
        assertEquals(row?.marked, row?.rows);
        const [run] = await sql`select from fb_ads.sync_runs where warnings @> '[{"code": "field_refused"}]'`;
        assert(run !== undefined, "the run tells of it");
        graph.world.refusedFields.clear();
        await sql`update fb_ads.account_reads set fields_refused_at = fields_refused_at - interval '8 days'`;
        await syncToEnd(platform, SLUG);
        assertEquals((await sql`select from public.ad_spend where missing_fields is not null`).length, 0);
      },
    );
  }

  await t.step("an ad whose status is new to us ends nothing and keeps what was stored of it", async () => {
    await begin(false);
    await syncToEnd(platform, SLUG);
    const stored = await sql`select sum(spend)::text as spend, count(*)::int as rows from public.ad_spend`;
    const [row = ""] = expectedRows(graph, accountAt(graph.world, 0), 9);
    const ad = accountAt(graph.world, 0).ads.find((one) => one.id === row.split(" ")[1]);
    assert(ad !== undefined);
    Object.assign(ad, { status: "ON_HOLIDAY" });
    await syncToEnd(platform, "fb-sync-metadata");
    const answers = await syncToEnd(platform, SLUG);
    assertEquals(answers.map((answer) => answer.jobs.failed), [0]);
    assertEquals(
      await sql`select sum(spend)::text as spend, count(*)::int as rows from public.ad_spend`,
      stored,
    );
    const [known] = await sql`select effective_status from public.ad_ads where fb_ad_id = ${ad.id}`;
    assertEquals(known?.effective_status, "ON_HOLIDAY");
  });

  await t.step("a new action type is no error", async () => {
    await begin(false);
    graph.world.extraActionTypes.push("onsite_conversion.hologram");
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 9);
    const [row] =
      await sql`select count(*)::int as rows from public.ad_spend where actions @> '[{"action_type": "onsite_conversion.hologram"}]'`;
    assert(row?.rows > 0);
  });

  await t.step("3018 lets the range begin a day later", async () => {
    await begin(false);
    const oldest = dayText(today(graph, accountAt(graph.world, 0)) - 8);
    graph.faults.add({
      match: { route: "insights", account: FIRST, params_contain: oldest },
      action: { kind: "error", error: "3018" },
    });
    const answers = await syncToEnd(platform, SLUG);
    assertEquals(answers.reduce((sum, answer) => sum + answer.jobs.failed, 0), 0);
    const days = await sql`
      select count(distinct s.date)::int as days from public.ad_spend s join public.ad_accounts a on a.id = s.account_id where a.fb_account_id = ${FIRST}`;
    assertEquals(days[0]?.days, 8);
  });

  await t.step("a lost permission ends the account with a word for its owner, the other goes on", async () => {
    await begin(false);
    graph.faults.add({
      match: { route: "insights", account: FIRST },
      action: { kind: "error", error: "100/permissions" },
    });
    const answer = await sync(platform, SLUG);
    assertEquals(answer.jobs.left, 0);
    // Once more without the optional fields: the permission may be missing for one of them alone.
    assertEquals(adCalls(graph).filter((call) => call.account === FIRST).length, 2);
    assert(adCalls(graph).filter((call) => call.account === SECOND).length > 1);
    const [stop] =
      await sql`select stop_error ->> 'reason' as reason from fb_ads.quotas where scope = 'account' and key = ${FIRST} and stopped_at is not null`;
    assertEquals(stop?.reason, "permission_missing");
  });

  await t.step("a dead token ends everything at once, and nothing is lost", async () => {
    await begin(false);
    graph.faults.add({ match: { route: "insights", page: 2 }, action: { kind: "error", error: "190/463" }, times: 1 });
    await platform.invoke(SLUG, {}).then((response) => response.text());
    const calls = graph.ledger.calls.length;
    assert(calls <= 8, `${calls} calls with a dead token`);
    await sql`update fb_ads.quotas set probe_after = now() where scope = 'token'`;
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 9);
    assertEquals((await sql`select from fb_ads.quotas where stopped_at is not null`).length, 0);
  });

  await t.step("the token is in no URL, no table and no log line", async () => {
    assertEquals(graph.ledger.calls.filter((call) => call.token_in_url).length, 0);
    assert(!platform.functionLogs(SLUG).join("\n").includes(graph.token));
    const [row] = await sql`select count(*)::int as hits from fb_ads.sync_jobs where to_jsonb(sync_jobs)::text like ${
      "%" + graph.token + "%"
    }`;
    assertEquals(row?.hits, 0);
  });
});

Deno.test("fb-sync-insights and versions of the API", async (t) => {
  for (const [outcome, marketing_until] of [["refused", "2000-01-01"], ["warned", "9999-12-31"]] as const) {
    await t.step(`one that ends on ${marketing_until} is ${outcome}`, async () => {
      await using suite = await startSuite({
        graph: { world: atNoon(currenciesWorld) },
        functionEnv: { META_API_VERSION: "v97.0", FB_ADS_ACCOUNT_IDS: FIRST },
      });
      const { platform, graph } = suite;
      graph.settings.versions = [{ name: "v97.0", marketing_until, graph_until: null }];
      const answer = await sync(platform, SLUG);
      if (outcome === "warned") {
        assertEquals(answer.jobs.failed, 0);
        const [run] = await platform
          .sql`select warnings from fb_ads.sync_runs where warnings @> '[{"code": "api_version"}]'`;
        assert(run !== undefined, "the run tells of it");
        return;
      }
      assertEquals(answer.rows, { insights: 0 });
      assert(answer.jobs.failed > 0, "loud");
      const failed = await platform
        .sql`select distinct last_error ->> 'reason' as reason from fb_ads.sync_jobs where state = 'failed'`;
      assertEquals([...failed].map((job) => job.reason), ["version_dead"]);
      assert(graph.ledger.calls.length <= 3, `${graph.ledger.calls.length} calls to a dead version`);
      assertEquals(answer.jobs.left, 0);
    });
  }
});
