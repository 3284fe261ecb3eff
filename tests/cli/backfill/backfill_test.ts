/**
 * `npm run backfill`: reads the range, can be interrupted at any time, and goes on where it was.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { formatDuration, formatProgress, type Progress } from "../../../scripts/cli/backfill/progress.ts";
import type { Platform } from "../../../scripts/supabase-local/mod.ts";
import { planAccount, World } from "../../../scripts/meta-emulator/mod.ts";
import { until } from "../../../scripts/supabase-local/waiting.ts";
import { startSuite, sync } from "../../../scripts/dev/testing/suite.ts";
import { outcomeOf, startMetaAds } from "../meta_ads.ts";

const SOME: Progress = {
  days: 200,
  days_done: 50,
  jobs_left: 10,
  jobs_failed: 0,
  rows: 1234,
  graph_calls: 56,
  quota_percent: 41.6,
  throttled_until: null,
  is_running: true,
};

function start({ dbUrl, secretKey }: Platform, args: string[]): Deno.ChildProcess {
  return startMetaAds(["backfill", ...args], { DB_URL: dbUrl, SECRET_KEY: secretKey });
}

Deno.test("`formatProgress()` tells days, rows, calls, quota and time left at the pace that was seen", () => {
  assertEquals(
    formatProgress(SOME, { days_done: 20, seconds: 60 }, 10),
    "[###-------] 25 %  50/200 days  1234 rows  56 calls  quota 42 %  5 min left",
  );
  assertStringIncludes(formatProgress(SOME, { days_done: 50, seconds: 60 }), "working");
  const throttled = { ...SOME, is_running: false, throttled_until: new Date("2026-11-22T19:05:00Z") };
  assertStringIncludes(formatProgress(throttled, { days_done: 20, seconds: 60 }), "quota spent, goes on at 19:05 UTC");
  assertStringIncludes(
    formatProgress({ ...SOME, days_done: 200, jobs_left: 0 }, { days_done: 0, seconds: 9 }),
    "100 %",
  );
});

Deno.test("`formatDuration()` says seconds, minutes and hours", () => {
  assertEquals([0.2, 59, 300, 9000].map(formatDuration), ["1 s", "59 s", "5 min", "2.5 h"]);
});

Deno.test("`npm run backfill` goes on after Ctrl-C where it was, and ends when every day is read", async () => {
  const now = new Date();
  const world = new World({ accounts: [planAccount(0, { account_id: "1001", history_days: 200 })], now });
  await using suite = await startSuite({ graph: { world } });
  const { platform, graph } = suite;
  await platform.sql`update fb_ads.settings set insights_backfill_days = 0`;
  await sync(platform, "fb-sync-metadata");
  const day = (ago: number) => new Date(now.getTime() - ago * 86_400_000).toISOString().slice(0, 10);
  const args = ["--since", day(150), "--until", day(60), "--account", "act_1001"];

  graph.faults.add({ match: { route: "insights" }, action: { kind: "hold" }, skip: 2 });
  const first = start(platform, args);
  await until("the first rows are stored", async () => (await platform.sql`select from public.ad_spend`).length > 0);
  first.kill("SIGINT");
  const interrupted = await outcomeOf(first);
  assertEquals(interrupted.code, 130, interrupted.output);
  assertStringIncludes(interrupted.output, "It goes on without you");
  const [plan] = await platform.sql`select plan_id::text from fb_ads.insight_backfills where reason = 'request'`;

  // Reads are held until the second look has found the plan, which would be over otherwise.
  const second = start(platform, args);
  const lines = second.stdout.pipeThrough(new TextDecoderStream());
  let output = "";
  for await (const text of lines) {
    output += text;
    graph.faults.clear();
  }
  const [{ code }, complaints] = [await second.status, await new Response(second.stderr).text()];
  assertEquals(code, 0, output + complaints);
  assertMatch(output, /100 % {2}91\/91 days {2}\d+ rows .*done/);
  const plans = await platform.sql`select plan_id::text from fb_ads.insight_backfills where reason = 'request'`;
  assertEquals([...plans].map((row) => row.plan_id), [plan?.plan_id]);
  const [stored] = await platform
    .sql`select count(distinct date)::int as days, min(date)::text as first, max(date)::text as last from public.ad_spend`;
  assert(Number(stored?.days) > 80, String(stored?.days));
  assert(String(stored?.first) >= day(150) && String(stored?.last) <= day(60));
});

Deno.test("`npm run backfill` as the first command of all waits for the accounts to be known", async () => {
  const now = new Date();
  const world = new World({ accounts: [planAccount(0, { account_id: "1001", ads: 10 })], now });
  await using suite = await startSuite({ graph: { world } });
  suite.graph.faults.add({ match: { route: "me.adaccounts" }, action: { kind: "slow", ms: 1_500 } });
  const day = (ago: number) => new Date(now.getTime() - ago * 86_400_000).toISOString().slice(0, 10);
  const child = start(suite.platform, ["--since", day(20), "--until", day(10)]);
  const { code, output } = await outcomeOf(child);
  assertEquals(code, 0, output);
  assertMatch(output, /100 % {2}11\/11 days/);
});
