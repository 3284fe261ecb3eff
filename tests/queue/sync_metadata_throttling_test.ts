/**
 * Who else stays away once a quota is spent, and which invocations count as live meanwhile.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { manyAccountsWorld, smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { databaseNow } from "../../scripts/supabase-local/waiting.ts";
import { accountAt, assertTree, startOver } from "../catalogue/metadata_expectations.ts";

const NOW = new Date("2026-11-22T03:00:00Z");
const SLUG = "fb-sync-metadata";
const FIRST = "102938475000001";

Deno.test("fb-sync-metadata leaves a spent quota alone", async (t) => {
  await using suite = await startSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  await sql`update fb_ads.settings set metadata_page_size = 20, metadata_page_size_max = 20`;

  await t.step(
    "a refusal whose headers say that the quota is spent is not repeated before the quota is back",
    async () => {
      await startOver(suite, smallWorld(NOW));
      const usage = JSON.stringify({
        [FIRST]: [{
          type: "ads_management",
          call_count: 100,
          total_cputime: 1,
          total_time: 1,
          estimated_time_to_regain_access: 7,
        }],
      });
      const match = { route: "ads", page: 2, account: FIRST };
      graph.faults.add({ match, action: { kind: "headers", headers: { "X-Business-Use-Case-Usage": usage } } });
      graph.faults.add({ match, action: { kind: "error", error: "1/reduce" } });
      const begun = await databaseNow(sql);
      await sync(platform, SLUG);
      assertEquals(
        graph.ledger.calls.filter((call) => call.account === FIRST && call.page === 2 && call.route === "ads").length,
        1,
      );
      const [job] = await sql`
      select page_size, last_error ->> 'reason' as reason,
        not_before between ${begun}::timestamptz + interval '7 minutes'
        and clock_timestamp() + interval '7 minutes' as is_throttled
      from fb_ads.sync_jobs where state = 'pending'`;
      assertEquals({ ...job }, { page_size: 10, reason: "too_much_data", is_throttled: true });
      graph.faults.clear();
      await syncToEnd(platform, SLUG, { resume: true });
      await assertTree(platform, graph.world.accounts);
    },
  );

  await t.step("a use case that another one's answer tells is blocked is left alone", async () => {
    await startOver(suite, smallWorld(NOW));
    await sync(platform, SLUG);
    await sql`
      insert into fb_ads.sync_jobs (account_id, kind, since, until, purpose, plan_id)
      select id, 'insights', '2026-11-01', '2026-11-01', 'window', gen_random_uuid() from public.ad_accounts where fb_account_id = ${FIRST}`;
    const usage = JSON.stringify({
      [FIRST]: [
        { type: "ads_management", call_count: 3, total_cputime: 1, total_time: 1, estimated_time_to_regain_access: 0 },
        { type: "ads_insights", call_count: 100, total_cputime: 1, total_time: 1, estimated_time_to_regain_access: 12 },
      ],
    });
    graph.faults.add({
      match: { route: "campaigns", account: FIRST },
      action: { kind: "headers", headers: { "X-Business-Use-Case-Usage": usage } },
      times: 1,
    });
    const begun = await databaseNow(sql);
    assertEquals((await sync(platform, SLUG)).jobs, { done: 7, left: 0, failed: 0 });
    const [job] = await sql`
      select not_before between ${begun}::timestamptz + interval '12 minutes'
        and clock_timestamp() + interval '12 minutes' as is_throttled
      from fb_ads.sync_jobs where kind = 'insights'`;
    assertEquals(job?.is_throttled, true);
  });

  await t.step("ids that were read before a refusal are not read again", async () => {
    for (const [error, calls] of [["80004", 6], ["2", 6]] as const) {
      const world = smallWorld(NOW);
      await startOver(suite, world);
      await sync(platform, SLUG);
      const ads = accountAt(world, 0).ads.filter((ad) => ad.status === "ACTIVE" && !ad.hidden).slice(0, 5);
      for (const ad of ads) world.edit(ad.id, { status: "DELETED" }, null);
      graph.faults.add({ match: { route: "object" }, action: { kind: "error", error }, skip: 3, times: 1 });
      await syncToEnd(platform, SLUG);
      assertEquals(graph.ledger.calls.filter((call) => call.route === "object").length, calls);
      const [deleted] = await sql`select count(*)::int as n from public.ad_ads where effective_status = 'DELETED'`;
      assertEquals(deleted?.n, 5);
    }
  });

  await t.step("the app's limit ends the reading of the accounts that others hold too", async () => {
    await startOver(suite, manyAccountsWorld(NOW, { accounts: 3, ads: 60, plain: true }));
    await sql`update fb_ads.settings set metadata_page_size = 2, metadata_page_size_max = 2`;
    graph.settings.latency_ms = { min: 15, max: 15 };
    graph.faults.add({ match: { route: "ads", page: 2 }, action: { kind: "error", error: "4" }, times: 1 });
    const answer = await sync(platform, SLUG);
    graph.settings.latency_ms = { min: 0, max: 0 };
    const refused = graph.ledger.calls.find((call) => call.fault !== null);
    assert(refused && refused.ended !== null);
    const { ended } = refused;
    // The other two have a call under way, and perhaps one more before they hear of it.
    const later = graph.ledger.calls.filter((call) => call.started > ended);
    assert(later.length <= 6, `${later.length} calls after the refusal`);
    assertEquals([answer.jobs.left, answer.jobs.failed], [3, 0]);
    const throttled =
      await sql`select from fb_ads.sync_jobs where state = 'pending' and not_before > now() + interval '50 seconds'`;
    assertEquals(throttled.length, 3);
    await syncToEnd(platform, SLUG, { resume: true });
    await assertTree(platform, graph.world.accounts);
  });
});

Deno.test("an invocation is live while it waits for a report, and claims nothing once it was taken for dead", async () => {
  await using suite = await startSuite();
  const { sql } = suite.platform;
  const call = async (name: string, request: Record<string, unknown>) => {
    const [row] = await sql.unsafe(`select public.${name}($1::text::jsonb) as answer`, [JSON.stringify(request)]);
    return row?.answer;
  };
  const start = async () => {
    const request = {
      function_slug: SLUG,
      token_fingerprint: "0",
      resume: true,
      configured: { mode: "none", ids: [] },
    };
    return (await call("fb_start_sync_run", request)).run_id;
  };
  const claim = (run_id: string) => call("fb_claim_sync_job", { run_id, function_slug: SLUG, token_fingerprint: "0" });
  await sql`insert into fb_ads.sync_jobs (kind, not_before, params)
    values ('accounts', now() + interval '10 minutes', '{"report": true}')`;

  const waiting = await start();
  await sql`update fb_ads.sync_runs set lease_until = now()`;
  const begun = await databaseNow(sql);
  assertEquals((await claim(waiting)).reason, "nothing_claimable");
  const [run] = await sql`
    select lease_until between ${begun}::timestamptz + interval '5 seconds'
        and clock_timestamp() + interval '5 seconds' as is_renewed
    from fb_ads.sync_runs where id = ${waiting}`;
  assertEquals(run?.is_renewed, true);

  await sql`update fb_ads.sync_runs set lease_until = now() where id = ${waiting}`;
  const [second, third] = [await start(), await start()];
  await sql`update fb_ads.sync_jobs set not_before = now()`;
  assertEquals(await claim(waiting), { job: null, reason: "run_ended" });
  // With a free slot it may go on.
  await call("fb_finish_sync_run", { run_id: third });
  const { job } = await claim(waiting);
  assertEquals(job.kind, "accounts");
  assertEquals((await sql`select fb_ads.free_slots(${SLUG}) as free`)[0]?.free, 0);
  await call("fb_finish_sync_run", { run_id: second });

  // A list that has to begin again under a spent quota waits with its first page.
  await sql`update fb_ads.sync_jobs set page_count = 5`;
  const throttle = { scope: "app", use_case: "", seconds: 60, error: null };
  const page = { rows: [], fb_ids: [], next_cursor: null, done: true, row_count: 0, usage: [], throttle };
  const stored = await call("fb_store_ad_tree_page", { job_id: job.id, lease_id: job.lease_id, ...page });
  assertEquals(stored, { state: "throttled", next_job: null });
  const [list] = await sql`select state, page_count, not_before > now() as waits from fb_ads.sync_jobs`;
  assertEquals({ ...list }, { state: "pending", page_count: 0, waits: true });
});
