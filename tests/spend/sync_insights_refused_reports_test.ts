/**
 * `fb-sync-insights` and reports that Meta refuses to begin, to tell of, or to finish: what a refusal means, it means
 * wherever it stands. No report is dropped that gets on, no refused one is asked for again and again.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dayText, type ReportOutcome, smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { DEFAULT_API_VERSION } from "../../shared/edge/config.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { accountAt, startOver } from "../catalogue/metadata_expectations.ts";
import { shortenReportPauses } from "./report_pauses.ts";
import { assertSpend, expectedRows, jobsOf, SLUG, today, windowOnly } from "./sync_insights_expectations.ts";

const FIRST = "102938475000001";

Deno.test("fb-sync-insights takes a refused report for what it is refused for", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await shortenReportPauses(platform);

  async function begin() {
    await startOver(suite, atNoon(smallWorld));
    await windowOnly(platform);
    await sql`update fb_ads.settings set insights_sync_rows = 0, insights_page_size = 50, insights_page_size_max = 50, insights_window_days = 9`;
    graph.settings.reports = { ...graph.settings.reports, polls: 0, polls_at_100: 0, duration_ms: 0 };
    await sync(platform, "fb-sync-metadata");
    graph.ledger.reset();
  }
  const calls = (route: string) => graph.ledger.calls.filter((call) => call.route === route && call.account === FIRST);
  const failReports = (outcome: ReportOutcome, times?: number) =>
    graph.faults.add({
      match: { route: "insights.create", account: FIRST },
      action: { kind: "report", outcome: { polls: 0, end: "failed", ...outcome } },
      ...(times === undefined ? {} : { times }),
    });
  const jobs = () =>
    sql`select j.* from fb_ads.sync_jobs j join public.ad_accounts a on a.id = j.account_id
      where a.fb_account_id = ${FIRST} and j.kind = 'insights'`;

  await t.step("a range whose report Meta will not begin is split in the end", async () => {
    await begin();
    const oldest = dayText(today(graph, accountAt(graph.world, 0)) - 8);
    const newest = dayText(today(graph, accountAt(graph.world, 0)) - 2);
    graph.faults.add({
      match: { route: "insights.create", account: FIRST, params_contain: `"since":"${oldest}","until":"${newest}"` },
      action: { kind: "error", error: "1/99" },
    });
    await syncToEnd(platform, SLUG, {}, 10);
    await assertSpend(suite, 9);
  });

  await t.step("a look that Meta answers with 1/99 does not cost the report", async () => {
    await begin();
    graph.faults.add({
      match: { route: "report_run", account: FIRST },
      action: { kind: "error", error: "1/99" },
      times: 5,
    });
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 9);
    assertEquals(calls("insights.create").length, 2);
  });

  await t.step("a report that failed for a quota throttles the account and splits nothing", async () => {
    await begin();
    failReports({ error_code: 80000, error_subcode: 2446079, error_message: "too many calls from this ad-account" }, 2);
    const begun = Date.now();
    const answer = await sync(platform, SLUG);
    assertEquals(answer.jobs.failed, 0);
    const created = calls("insights.create").length;
    assert(created <= 2, `${created} reports while the account is blocked`);
    const waiting = (await jobs()).filter((job) => job.state === "pending");
    assertEquals(waiting.length, 2);
    for (const job of waiting) assert(job.not_before.getTime() > begun + 40_000, "the account is throttled");
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 9);
    assertEquals((await sql`select from fb_ads.sync_jobs where params ? 'is_part'`).length, 0);
  });

  await t.step("a report that failed for its first day (3018) begins a day later", async () => {
    await begin();
    const oldest = dayText(today(graph, accountAt(graph.world, 0)) - 8);
    graph.faults.add({
      match: { route: "insights.create", account: FIRST, params_contain: oldest },
      action: { kind: "report", outcome: { polls: 0, end: "failed", error_code: 3018, error_subcode: 0 } },
    });
    await syncToEnd(platform, SLUG);
    assertEquals(calls("insights.create").length, 3);
    const [row] = await sql`select count(distinct s.date)::int as days from public.ad_spend s
      join public.ad_accounts a on a.id = s.account_id where a.fb_account_id = ${FIRST}`;
    assertEquals(row?.days, 8);
  });

  await t.step("a report that failed for a field is made anew without it", async () => {
    await begin();
    graph.faults.add({
      match: { route: "insights.create", account: FIRST, params_contain: "inline_link_clicks" },
      action: {
        kind: "report",
        outcome: {
          polls: 0,
          end: "failed",
          error_code: 100,
          error_subcode: 0,
          error_message: "(#100) Tried accessing nonexisting field (inline_link_clicks)",
        },
      },
    });
    await syncToEnd(platform, SLUG);
    // The other range may have been asked for before it was known.
    assert(calls("insights.create").length <= 4);
    const rows = await sql`select distinct s.missing_fields, s.reach is not null as reach from public.ad_spend s
      join public.ad_accounts a on a.id = s.account_id where a.fb_account_id = ${FIRST}`;
    assertEquals(rows.map((row) => ({ ...row })), [{ missing_fields: ["inline_link_clicks"], reach: true }]);
  });

  await t.step("a quota that the answer to a POST calls nearly spent is left alone", async () => {
    await begin();
    const usage = { app_id_util_pct: 3, acc_id_util_pct: 95.5, ads_api_access_tier: "development_access" };
    graph.faults.add({
      match: { route: "insights.create", account: FIRST },
      action: { kind: "headers", headers: { "x-fb-ads-insights-throttle": JSON.stringify(usage) } },
      times: 1,
    });
    const answer = await sync(platform, SLUG);
    assert(answer.jobs.left > 0);
    assertEquals([calls("insights.create").length, calls("report_run").length], [1, 0]);
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 9);
    assertEquals(calls("insights.create").length, 2);
  });

  await t.step("a range that is split while a quota is spent waits in all its parts", async () => {
    await begin();
    const usage = {
      type: "ads_insights",
      call_count: 104,
      total_cputime: 1,
      total_time: 1,
      estimated_time_to_regain_access: 7,
    };
    const match = { route: "insights.create", account: FIRST };
    const headers = { "x-business-use-case-usage": JSON.stringify({ [FIRST]: [usage] }) };
    graph.faults.add({ match, action: { kind: "error", error: "100/1487534" }, times: 1 });
    graph.faults.add({ match, action: { kind: "headers", headers }, times: 1 });
    const begun = Date.now();
    await sync(platform, SLUG);
    assertEquals(calls("insights.create").length, 1);
    const waiting = (await jobs()).map((job) => [job.state, job.not_before.getTime() > begun + 300_000]);
    assertEquals(waiting, [["pending", true], ["pending", true], ["pending", true]]);
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 9);
  });

  await t.step("a report that is done and never becomes readable is made anew after an hour", async () => {
    await begin();
    graph.faults.add({
      match: { route: "insights.create", account: FIRST },
      action: { kind: "report", outcome: { polls: 0, read_error: "2601/1815107", read_errors: Infinity } },
      times: 1,
    });
    const running = sync(platform, SLUG);
    await until(
      "the report is done",
      async () =>
        (await sql`update fb_ads.sync_jobs set params = jsonb_set(params, '{report,moved_at}', '1')
        where state = 'pending' and params -> 'report' ->> 'percent' = '100' returning id`).length > 0,
    );
    await running;
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 9);
    assertEquals(calls("insights.create").length, 3);
  });

  await t.step("where Meta will not leave ads out, the difference is told and the account goes on", async () => {
    await begin();
    await sql`update fb_ads.settings set insights_window_days = 3`;
    const [row = ""] = expectedRows(graph, accountAt(graph.world, 0), 3);
    await sql`delete from public.ad_ads where fb_ad_id = ${row.split(" ")[1] ?? ""}`;
    graph.settings.call_max_rows = 20;
    graph.faults.add({
      match: { route: "insights*", account: FIRST, params_contain: "NOT_IN" },
      action: {
        kind: "error",
        error: { code: 100, message: "(#100) Param filtering[1] must have a field and an operator." },
      },
    });
    await syncToEnd(platform, SLUG, {}, 20);
    graph.settings.call_max_rows = 0;
    const off =
      await sql`select distinct state from fb_ads.reconciliations r join public.ad_accounts a on a.id = r.account_id
      where a.fb_account_id = ${FIRST} and state not in ('equal', 'young')`;
    assertEquals(off.map((day) => day.state), ["off"]);
    assertEquals((await sql`select from fb_ads.quotas where stopped_at is not null`).length, 0);
  });

  await t.step("a database that does not take a report's id costs that report and nothing else", async () => {
    await begin();
    await sql`create function fb_ads.refuse_report() returns trigger language plpgsql set search_path = '' as $$ begin raise exception 'no'; end $$`;
    await sql`create trigger refuse_report before update on fb_ads.sync_jobs for each row
      when (old.report_run_id is null and new.report_run_id is not null) execute function fb_ads.refuse_report()`;
    const answer = await sync(platform, SLUG);
    assertEquals([answer.jobs.left, answer.jobs.failed], [4, 0]);
    assertEquals((await sql`select from fb_ads.sync_jobs where state = 'running'`).length, 0);
    await sql`drop function fb_ads.refuse_report cascade`;
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 9);
  });

  await t.step("a row that could not be read outlives a report whose reading was interrupted", async () => {
    await begin();
    await sql`update fb_ads.settings set insights_window_days = 2`;
    await syncToEnd(platform, SLUG);
    const [kept] =
      await sql`select s.id, a.fb_ad_id, s.date::text from public.ad_spend s join public.ad_ads a on a.id = s.ad_id
      join public.ad_accounts c on c.id = s.account_id where c.fb_account_id = ${FIRST} order by s.date limit 1`;
    const row = {
      ad_id: kept?.fb_ad_id,
      adset_id: "5",
      campaign_id: "1",
      date_start: kept?.date,
      date_stop: kept?.date,
      spend: "n/a",
    };
    const next = `${graph.url}/${DEFAULT_API_VERSION}/1/insights?after=MAZDZD`;
    const readings = { route: "insights.read", account: FIRST };
    graph.faults.add({
      match: readings,
      action: { kind: "body", body: { data: [row], paging: { cursors: { after: "MAZDZD" }, next } } },
      times: 1,
    });
    graph.faults.add({ match: readings, action: { kind: "error", error: "2601/1815107" }, times: 2 });
    graph.faults.add({ match: readings, action: { kind: "body", body: { data: [] } } });
    await syncToEnd(platform, SLUG);
    assertEquals((await sql`select from public.ad_spend where id = ${kept?.id}`).length, 1);
    assertEquals((await jobsOf(platform)).filter((job) => job.state !== "done"), []);
  });
});
