/**
 * `fb-sync-metadata` against everything that Meta answers instead of a page: the tree ends exact, nothing is hammered,
 * and what a person must do is visible in SQL.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type FaultAction, smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { databaseNow } from "../../scripts/supabase-local/waiting.ts";
import { accountAt, assertTree, startOver } from "./metadata_expectations.ts";

const NOW = new Date("2026-11-22T03:00:00Z");
const SLUG = "fb-sync-metadata";
const FIRST = "102938475000001";
const SECOND = "102938475000002";

/** What passes within seconds: another try in place, nothing throttled. */
const PASSING: [string, FaultAction][] = [
  ["1/99", { kind: "error", error: "1/99" }],
  ["1 without subcode", { kind: "error", error: "1/unknown" }],
  ["2", { kind: "error", error: "2" }],
  ["2/1504043", { kind: "error", error: "2/1504043" }],
  ["960", { kind: "error", error: "960" }],
  ["104", { kind: "error", error: "104" }],
  ["a negative code", { kind: "error", error: "-1" }],
  ["an error inside HTTP 200", { kind: "error", error: "2", status: 200 }],
  ["truncated JSON on HTTP 200", { kind: "truncate" }],
  ["an HTML page", { kind: "html" }],
  ["text on HTTP 200", { kind: "text" }],
  ["an empty body", { kind: "empty" }],
  ["a reset connection", { kind: "reset" }],
  ["a connection cut inside the answer", { kind: "cut" }],
];

/** Throttles, and what of the database they throttle. */
const THROTTLES: [string, "account" | "app"][] = [
  ["80004", "account"],
  ["80004/2446079", "account"],
  ["80003/2446079", "account"],
  ["80014", "account"],
  ["17", "account"],
  ["17/2446079", "account"],
  ["613", "account"],
  ["613/1487742", "account"],
  ["613/1996", "account"],
  ["32", "account"],
  ["4", "app"],
  ["341", "app"],
];

Deno.test("fb-sync-metadata meets Meta's errors", async (t) => {
  await using suite = await startSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  await sql`update fb_ads.settings set metadata_page_size = 20, metadata_page_size_max = 20`;

  for (const [name, action] of PASSING) {
    await t.step(`${name} is retried at once and loses nothing`, async () => {
      await startOver(suite, smallWorld(NOW));
      graph.faults.add({ match: { route: "ads", page: 2, account: FIRST }, action, times: 2 });
      const answer = await sync(platform, SLUG);
      assertEquals(answer.jobs, { done: 7, left: 0, failed: 0 });
      await assertTree(platform, graph.world.accounts);
      assertEquals(graph.faults.list()[0]?.acted, 2);
    });
  }

  for (const [error, scope] of THROTTLES) {
    await t.step(`${error} throttles the ${scope} at once, and the rest goes on`, async () => {
      await startOver(suite, smallWorld(NOW));
      graph.faults.add({
        match: { route: "ads", page: 2, account: FIRST },
        action: { kind: "error", error },
        times: 1,
      });
      const begun = await databaseNow(sql);
      const answer = await sync(platform, SLUG);
      assertEquals(answer.jobs.failed, 0);
      const throttled = await sql`
        select a.fb_account_id, extract(epoch from j.not_before - ${begun}::timestamptz)::int as seconds
        from fb_ads.sync_jobs j join public.ad_accounts a on a.id = j.account_id
        where j.state = 'pending' and j.not_before > ${begun}::timestamptz + interval '40 seconds' order by 1`;
      assertEquals(throttled[0]?.fb_account_id, FIRST);
      assert(throttled.every((job) => job.seconds >= 55), JSON.stringify(throttled));
      if (scope === "account") {
        assertEquals(throttled.length, 1);
        await sync(platform, SLUG, { resume: true });
        const calls = graph.ledger.calls.filter((call) => call.account === FIRST);
        assertEquals(calls.at(-1)?.fault !== null, true, "no call after the refusal");
      }
      const [quota] =
        await sql`select throttled_until > now() as throttled from fb_ads.quotas where scope = ${scope} and throttled_until is not null`;
      assertEquals(quota?.throttled, true);
      await syncToEnd(platform, SLUG, { resume: true });
      await assertTree(platform, graph.world.accounts);
    });
  }

  await t.step('"reduce the amount of data" halves on the same cursor and grows again', async () => {
    await startOver(suite, smallWorld(NOW));
    graph.settings.reduce_above.ads = 3;
    await sync(platform, SLUG);
    delete graph.settings.reduce_above.ads;
    await assertTree(platform, graph.world.accounts);
    const limits = graph.ledger.calls.filter((call) =>
      call.route === "ads" && call.account === FIRST && call.page === 1
    );
    assertEquals(limits.map((call) => call.params.limit), ["20", "10", "5", "2"]);
    const good = graph.ledger.calls.filter((call) =>
      call.route === "ads" && call.account === FIRST && call.code === null
    );
    assert(good.some((call) => call.params.limit === "3"), "the page grew after good pages");
  });

  await t.step("a page of one object that is still too much is tried again later, not for ever", async () => {
    await startOver(suite, smallWorld(NOW));
    graph.faults.add({ match: { route: "ads", account: FIRST }, action: { kind: "error", error: "1/reduce" } });
    const answer = await sync(platform, SLUG);
    assertEquals(answer.jobs, { done: 6, left: 1, failed: 0 });
    const [job] =
      await sql`select attempts, page_size, last_error ->> 'reason' as reason from fb_ads.sync_jobs where state = 'pending'`;
    assertEquals({ attempts: job?.attempts, page_size: job?.page_size }, { attempts: 1, page_size: 1 });
    await sql`update fb_ads.sync_jobs set attempts = 11, not_before = now() where state = 'pending'`;
    assertEquals((await sync(platform, SLUG, { resume: true })).jobs.failed, 1);
  });

  await t.step("usage headers near the limit throttle before Meta blocks; minutes are minutes", async () => {
    await startOver(suite, smallWorld(NOW));
    const usage = JSON.stringify({
      [FIRST]: [
        { type: "ads_insights", call_count: 1, total_cputime: 1, total_time: 1, estimated_time_to_regain_access: 0 },
        {
          type: "ads_management",
          call_count: 3,
          total_cputime: 97,
          total_time: 5,
          estimated_time_to_regain_access: 12,
        },
      ],
    });
    graph.faults.add({
      match: { route: "campaigns", account: FIRST },
      action: { kind: "headers", headers: { "X-Business-Use-Case-Usage": usage } },
      times: 1,
    });
    const begun = await databaseNow(sql);
    await sync(platform, SLUG);
    const [campaigns] =
      await sql`select count(*)::int as n from public.ad_campaigns c join public.ad_accounts a on a.id = c.account_id where a.fb_account_id = ${FIRST}`;
    assert(campaigns?.n > 0, "the page that brought the header is kept");
    const [job] = await sql`select kind, not_before between ${begun}::timestamptz + interval '12 minutes'
        and clock_timestamp() + interval '12 minutes' as is_throttled
        from fb_ads.sync_jobs where state = 'pending'`;
    assertEquals({ ...job }, { kind: "adsets", is_throttled: true });
    const [quota] =
      await sql`select usage_percent::text from fb_ads.quotas where key = ${FIRST} and use_case = 'ads_management'`;
    assertEquals(quota?.usage_percent, "97");
    await syncToEnd(platform, SLUG, { resume: true });
    await assertTree(platform, graph.world.accounts);
  });

  await t.step("malformed and missing usage headers change nothing", async () => {
    await startOver(suite, smallWorld(NOW));
    for (const name of Object.keys(graph.settings.headers)) graph.settings.headers[name] = "malformed";
    assertEquals((await sync(platform, SLUG)).jobs, { done: 7, left: 0, failed: 0 });
    for (const name of Object.keys(graph.settings.headers)) graph.settings.headers[name] = "normal";
    await assertTree(platform, graph.world.accounts);
  });

  for (const error of ["10", "200", "294", "190/permission", "100/permissions", "100/33"]) {
    await t.step(`${error} ends one account with its reason; the others end exact`, async () => {
      await startOver(suite, smallWorld(NOW));
      graph.faults.add({
        match: { route: ["campaigns", "account"], account: FIRST },
        action: { kind: "error", error },
      });
      const answer = await syncToEnd(platform, SLUG);
      assertEquals(answer.at(-1)?.jobs.left, 0);
      await assertTree(platform, [accountAt(graph.world, 1)]);
      const [stop] =
        await sql`select stop_error ->> 'code' as code from fb_ads.quotas where scope = 'account' and key = ${FIRST} and stopped_at is not null`;
      const [job] =
        await sql`select j.state, j.last_error ->> 'message' as message from fb_ads.sync_jobs j join public.ad_accounts a on a.id = j.account_id where a.fb_account_id = ${FIRST} and j.kind = 'campaigns'`;
      assertEquals(job?.state, "failed");
      assert(job?.message !== null);
      if (error !== "100/33") assertEquals(stop?.code, "meta_permission");
      // Once the permission is there again, the next sync clears the stop.
      graph.faults.clear();
      await syncToEnd(platform, SLUG);
      await assertTree(platform, graph.world.accounts);
      assertEquals((await sql`select from fb_ads.quotas where stopped_at is not null`).length, 0);
    });
  }

  await t.step("a field that Meta refuses is left out once, and its old values stay", async () => {
    await startOver(suite, smallWorld(NOW));
    await sync(platform, SLUG);
    graph.world.refusedFields.add("objective");
    await sync(platform, SLUG);
    graph.world.refusedFields.delete("objective");
    const [kept] = await sql`select count(*)::int as n from public.ad_campaigns where objective is null`;
    assertEquals(kept?.n, 0);
    const [run] = await sql`select warnings from fb_ads.sync_runs order by started_at desc limit 1`;
    assertEquals(run?.warnings.map((warning: { code: string }) => warning.code).includes("field_refused"), true);
  });

  await t.step("2642 reads the list from its beginning", async () => {
    await startOver(suite, smallWorld(NOW));
    graph.faults.add({
      match: { route: "ads", page: 3, account: FIRST },
      action: { kind: "error", error: "2642" },
      times: 1,
    });
    await syncToEnd(platform, SLUG);
    await assertTree(platform, graph.world.accounts);
  });

  await t.step("a list that breaks off each time is given up, not begun for ever", async () => {
    await startOver(suite, smallWorld(NOW));
    graph.faults.add({
      match: { route: "ads", page: 2, account: FIRST },
      action: { kind: "error", error: "2642" },
      times: 99,
    });
    await syncToEnd(platform, SLUG);
    const open = await sql`select state, params -> 'restarts' as restarts from fb_ads.sync_jobs where state <> 'done'`;
    assertEquals(open.map((job) => ({ ...job })), [{ state: "failed", restarts: 12 }]);
    graph.faults.clear();
  });

  await t.step("short and empty pages in the middle of a list are not its end", async () => {
    await startOver(suite, smallWorld(NOW));
    graph.faults.add({ match: { route: "ads", page: 1, account: FIRST }, action: { kind: "short_page", rows: 0 } });
    graph.faults.add({ match: { route: "ads", page: 2, account: FIRST }, action: { kind: "short_page", rows: 1 } });
    await sync(platform, SLUG);
    const [stored] =
      await sql`select count(*)::int as n from public.ad_ads a join public.ad_accounts x on x.id = a.account_id where x.fb_account_id = ${SECOND}`;
    assert(stored?.n > 0);
    assertEquals(graph.ledger.calls.filter((call) => call.route === "ads" && call.account === FIRST).length >= 3, true);
    assertEquals((await sql`select from fb_ads.sync_jobs where state <> 'done'`).length, 0);
  });
});
