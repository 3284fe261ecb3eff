/**
 * What may be asked of `fb-sync-insights`: ranges, accounts, two starts at once, an account that was never read, the
 * schedule. Nothing is started for a request that is wrong.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dayText, planAccount, smallWorld, World } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { accountAt, startOver } from "../catalogue/metadata_expectations.ts";
import {
  adCalls,
  assertSpend,
  expectedRows,
  jobsOf,
  rangeOf,
  SLUG,
  storedRows,
  today,
  windowOnly,
} from "./sync_insights_expectations.ts";

const FIRST = "102938475000001";
const SECOND = "102938475000002";

/** Wrong bodies and the paths that the answer names. */
const WRONG: [string, unknown, string[]][] = [
  ["a day that does not exist", { since: "2026-02-30" }, ["since"]],
  ["a year that never was", { since: "0000-06-01" }, ["since"]],
  ["a day in another form", { since: "01.02.2026", until: "2026-2-1" }, ["since", "until"]],
  ["the future", { until: "2999-01-01" }, ["until"]],
  ["since after until", { since: "2026-03-02", until: "2026-03-01" }, ["since"]],
  ["account ids with act_", { account_ids: ["act_1"] }, ["account_ids[0]"]],
  ["no account at all", { account_ids: [] }, ["account_ids"]],
  ["everything wrong at once", { account_ids: "1", since: 5, until: "x", colour: "red" }, [
    "account_ids",
    "since",
    "until",
    "colour",
  ]],
];

function decodePaths(body: unknown): string[] {
  const { error } = body as { error: { details: { path: string }[] } };
  return error.details.map((detail) => detail.path);
}

Deno.test("fb-sync-insights checks what it is asked for", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await sync(platform, "fb-sync-metadata");
  await windowOnly(platform);
  graph.ledger.reset();

  for (const [name, body, paths] of WRONG) {
    await t.step(`${name} is refused with every wrong field by name`, async () => {
      const response = await platform.invoke(SLUG, body);
      assertEquals(response.status, 400);
      assertEquals(decodePaths(await response.json()).sort(), [...paths].sort());
    });
  }

  await t.step("an unknown and a disabled account are refused, and nothing is started", async () => {
    await sql`update public.ad_accounts set enabled = false where fb_account_id = ${SECOND}`;
    const response = await platform.invoke(SLUG, { account_ids: [FIRST, "999", SECOND] });
    assertEquals(response.status, 400);
    assertEquals(decodePaths(await response.json()), ["account_ids[1]", "account_ids[2]"]);
    assertEquals(await jobsOf(platform), []);
    assertEquals(graph.ledger.calls, []);
    await sql`update public.ad_accounts set enabled = true`;
  });

  await t.step("a range is read in weeks, newest first, of the named account alone, and nothing else", async () => {
    const last = today(graph, accountAt(graph.world, 0)) - 40;
    const body = { account_ids: [FIRST], since: dayText(last - 29), until: dayText(last) };
    const [answer] = await syncToEnd(platform, SLUG, body);
    assertEquals([answer?.jobs.left, answer?.jobs.failed], [0, 0]);
    const ranges = adCalls(graph).map(rangeOf);
    assertEquals(
      ranges,
      [[0, 6], [7, 13], [14, 20], [21, 27], [28, 29]].map(([from = 0, to = 0]) =>
        `${dayText(last - to)}..${dayText(last - from)}`
      ),
    );
    assertEquals(adCalls(graph).filter((call) => call.account !== FIRST), []);
    const stored = await storedRows(platform, accountAt(graph.world, 0));
    const days = new Set(ranges.flatMap((range) => range.split("..")));
    assertEquals(
      stored,
      expectedRows(graph, accountAt(graph.world, 0), 90).filter((row) =>
        row.slice(0, 10) >= dayText(last - 29) && row.slice(0, 10) <= dayText(last)
      ),
    );
    assert(days.size > 0);
    const [progress] = await sql`select reason, days, days_done from fb_ads.backfill_progress`;
    assertEquals({ ...progress }, { reason: "request", days: 30, days_done: 30 });
  });

  await t.step("a range beyond 37 months is clamped by the account's own date", async () => {
    graph.ledger.reset();
    await sync(platform, SLUG, { account_ids: [FIRST], since: "2019-01-01", until: "2019-12-31" });
    assertEquals(graph.ledger.calls, []);
    await sql`update fb_ads.settings set insights_sync_rows = 100000`;
    const [answer] = await syncToEnd(platform, SLUG, { account_ids: [FIRST], since: "2019-01-01" });
    assertEquals(answer?.jobs.failed, 0);
    const [clamped] = await sql`
      select plan.since::text, (fb_ads.local_day(account.timezone_name) - interval '37 months')::date + 1 - plan.since as off
      from fb_ads.insight_backfills as plan join public.ad_accounts as account on account.id = plan.account_id
      order by plan.requested_at desc limit 1`;
    assertEquals(clamped?.off, 0);
    const calls = graph.ledger.calls.length;
    assert(calls <= 600, `${calls} calls for 37 months`);
    assertEquals(graph.ledger.calls.filter((call) => call.code !== null), []);
  });
});

Deno.test("fb-sync-insights plans once, whoever starts it", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;

  await t.step("three starts at once read every range once", async () => {
    await sync(platform, "fb-sync-metadata");
    graph.ledger.reset();
    graph.settings.latency_ms = { min: 5, max: 20 };
    await Promise.all([sync(platform, SLUG), sync(platform, SLUG), sync(platform, SLUG)]);
    graph.settings.latency_ms = { min: 0, max: 0 };
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 90);
    const reads = adCalls(graph).map((call) => `${call.account} ${rangeOf(call)} ${call.params.after ?? ""}`);
    assertEquals(new Set(reads).size, reads.length);
    assertEquals(graph.ledger.maxInFlightOfAnyAccount(), 1);
  });

  await t.step("a call that finds an open window goes on with it", async () => {
    await startOver(suite, atNoon(smallWorld));
    await windowOnly(platform);
    await sync(platform, "fb-sync-metadata");
    graph.faults.add({
      match: { route: "insights", account: FIRST },
      action: { kind: "error", error: "80000" },
      times: 1,
    });
    const first = await sync(platform, SLUG);
    assert(first.jobs.left > 0);
    const second = await sync(platform, SLUG);
    assertEquals(second.jobs.left, first.jobs.left);
    await syncToEnd(platform, SLUG);
    const windows = await sql`
      select distinct j.plan_id from fb_ads.sync_jobs j join public.ad_accounts a on a.id = j.account_id
      where j.purpose = 'window' and j.kind = 'insights' and a.fb_account_id = ${FIRST}`;
    assertEquals(windows.length, 1, "one plan an account");
    await assertSpend(suite, 28);
  });

  await t.step("the fresh days of one account come before the backfill of another", async () => {
    await startOver(suite, atNoon(smallWorld));
    await sync(platform, "fb-sync-metadata");
    await sql`update fb_ads.settings set insights_backfill_days = 90, accounts_in_flight = 1`;
    graph.ledger.reset();
    await syncToEnd(platform, SLUG);
    const newest = dayText(today(graph, accountAt(graph.world, 0)) - 28);
    const order = adCalls(graph).map((call) => rangeOf(call).slice(12) > newest ? "fresh" : "old");
    assertEquals(order, [...order].sort());
    await sql`update fb_ads.settings set accounts_in_flight = 3`;
  });

  await t.step("ranges of a backfill that were given up are tried again by the next full run", async () => {
    const given_up = await sql`
      update fb_ads.sync_jobs set state = 'failed', finished_at = now() - interval '1 minute'
      where purpose = 'backfill' and kind = 'insights' and until = (select max(until) from fb_ads.sync_jobs where purpose = 'backfill') returning id`;
    assert(given_up.length > 0);
    await sql`delete from public.ad_spend where date <= (select max(until) from fb_ads.sync_jobs where purpose = 'backfill')
      and date > (select max(until) - 3 from fb_ads.sync_jobs where purpose = 'backfill')`;
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 90);
    assertEquals((await jobsOf(platform)).filter((job) => job.state !== "done"), []);
  });

  await t.step("the hourly refresh reads today and yesterday, and can be switched off", async () => {
    const queued = async () => (await sql`select count(*)::int as calls from net.http_request_queue`)[0]?.calls;
    await sql`update fb_ads.settings set insights_hourly_refresh = false`;
    await platform.runCronJob("fb-sync-insights-hourly");
    assertEquals(await queued(), 0);
    await sql`update fb_ads.settings set insights_hourly_refresh = true`;
    graph.ledger.reset();
    await sync(platform, SLUG, { refresh: true });
    for (const account of graph.world.accounts) {
      const ranges = adCalls(graph).filter((call) => call.account === account.plan.account_id).map(rangeOf);
      assertEquals(ranges, [`${dayText(today(graph, account) - 1)}..${dayText(today(graph, account))}`]);
    }
    const schedules =
      await sql`select jobname, schedule from cron.job where jobname like 'fb-sync-insights%' order by 1`;
    assertEquals([...schedules].map((job) => `${job.jobname} ${job.schedule}`), [
      "fb-sync-insights 45 18 * * *",
      "fb-sync-insights-hourly 7 * * * *",
    ]);
  });
});

Deno.test("fb-sync-insights as the first call ever, with every account enabled", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform } = suite;

  await t.step("discovers the accounts and reads their days in one go", async () => {
    const answer = await sync(platform, SLUG);
    assertEquals([answer.jobs.left, answer.jobs.failed], [0, 0]);
    await assertSpend(suite, 90);
  });

  await t.step("says that something is left when Meta does not tell the accounts yet", async () => {
    await startOver(suite, atNoon(smallWorld));
    suite.graph.faults.add({ match: { route: "me.adaccounts" }, action: { kind: "error", error: "17" }, times: 1 });
    const answer = await sync(platform, SLUG);
    assertEquals([answer.jobs, answer.rows], [{ done: 0, left: 1, failed: 0 }, { insights: 0 }]);
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 90);
  });

  await t.step("reads the range that was asked for, and no other", async () => {
    await startOver(suite, atNoon(smallWorld));
    const [account] = suite.graph.world.accounts;
    assert(account !== undefined);
    const day = dayText(today(suite.graph, account) - 3);
    await sync(platform, SLUG, { since: day, until: day });
    assertEquals(
      await storedRows(platform, account),
      expectedRows(suite.graph, account, 4).filter((row) => row.startsWith(day)),
    );
  });
});

Deno.test("fb-sync-insights reads an account that was enabled before it was ever read", async () => {
  const world = atNoon((now) => new World({ now, accounts: [planAccount(0, { ads: 20, currency: "NZD" })] }));
  await using suite = await startSuite({ graph: { world }, functionEnv: { FB_ADS_ACCOUNT_IDS: FIRST } });
  const { platform } = suite;
  await syncToEnd(platform, SLUG);
  await assertSpend(suite, 90);
  const [account] = await platform.sql`select timezone_name, currency from public.ad_accounts`;
  assertEquals({ ...account }, { timezone_name: accountAt(world, 0).plan.timezone_name, currency: "NZD" });
});
