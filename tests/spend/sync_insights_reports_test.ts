/**
 * `fb-sync-insights` and asynchronous reports: every state and race of a report, ranges that are too large however they
 * are asked for, and what is remembered of an account. Whatever Meta does, the figures end exact.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dayText, planAccount, type ReportOutcome, smallWorld, World } from "../../scripts/meta-emulator/mod.ts";
import { answerIfAny, startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";
import { accountAt, startOver } from "../catalogue/metadata_expectations.ts";
import { shortenReportPauses } from "./report_pauses.ts";
import {
  adCalls,
  assertSpend,
  expectedRows,
  jobsOf,
  rangeOf,
  SLUG,
  today,
  windowOnly,
} from "./sync_insights_expectations.ts";

const FIRST = "102938475000001";

/** The most rows that a day has. */
function fullestDay(rows: string[]): number {
  return Math.max(...Object.values(Object.groupBy(rows, (row) => row.slice(0, 10))).map((day) => day?.length ?? 0));
}

/** How reports go wrong and come right, and how many are made for the account's five ranges. */
const COURSES: [string, ReportOutcome, { times?: number; reports: number }][] = [
  ["100 % that still runs", { polls: 0, polls_at_100: 2 }, { reports: 5 }],
  ["an id that Meta does not know yet", { polls: 0, missing_polls: 2 }, { reports: 5 }],
  ["results that are not ready (2601)", { polls: 0, read_error: "2601/1815107", read_errors: 2 }, { reports: 5 }],
  ["results that are missing (100/33)", { polls: 0, read_error: "100/33", read_errors: 2 }, { reports: 5 }],
  ["a report that is lost for good", { polls: 0, missing_polls: 99 }, { times: 1, reports: 6 }],
  ["results that are lost for good", { polls: 0, read_error: "100/33", read_errors: 99 }, { times: 1, reports: 6 }],
  ["Job Failed once", { polls: 0, end: "failed" }, { times: 1, reports: 6 }],
  ["Job Failed without a reason", { polls: 0, end: "failed", error_code: -99, error_subcode: 1 }, {
    times: 1,
    reports: 6,
  }],
  ["Job Skipped", { polls: 1, end: "skipped" }, { times: 1, reports: 6 }],
  ["Job Failed twice, which splits the range by date", { polls: 0, end: "failed" }, { times: 2, reports: 8 }],
];

Deno.test("fb-sync-insights reads through reports whatever state they are in", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await shortenReportPauses(platform);

  async function begin(world = atNoon(smallWorld)) {
    await startOver(suite, world);
    await windowOnly(platform);
    await sql`update fb_ads.settings set insights_sync_rows = 0, insights_page_size = 50, insights_page_size_max = 50`;
    graph.settings.reports = { ...graph.settings.reports, polls: 0, polls_at_100: 0, duration_ms: 0 };
    Object.assign(graph.settings, { sync_max_rows: 0, call_max_rows: 0, report_max_rows: 0 });
    await sync(platform, "fb-sync-metadata");
    graph.ledger.reset();
  }
  const created = (account = FIRST) =>
    graph.ledger.calls.filter((call) => call.route === "insights.create" && call.account === account);

  for (const [name, outcome, { times, reports }] of COURSES) {
    await t.step(`${name}: figures exact, ${reports} reports`, async () => {
      await begin();
      const newest = dayText(today(graph, accountAt(graph.world, 0)) - 1);
      graph.faults.add({
        // Where only some reports are to go wrong, it is those of the newest range.
        match: { route: "insights.create", account: FIRST, ...(times === undefined ? {} : { params_contain: newest }) },
        action: { kind: "report", outcome },
        ...(times === undefined ? {} : { times }),
      });
      await syncToEnd(platform, SLUG);
      await assertSpend(suite, 28);
      assertEquals(created().length, reports);
      assertEquals((await jobsOf(platform)).filter((job) => job.state !== "done"), []);
    });
  }

  await t.step("a report that stands still for an hour is begun anew", async () => {
    await begin();
    graph.faults.add({
      match: { route: "insights.create", account: FIRST },
      action: { kind: "report", outcome: { end: "never" } },
      times: 1,
    });
    const running = sync(platform, SLUG);
    await until(
      "the report was looked at",
      async () =>
        (await sql`update fb_ads.sync_jobs set params = jsonb_set(params, '{report,moved_at}', '1')
        where state = 'pending' and (params -> 'report' ->> 'looks')::int >= 3 returning id`).length > 0,
    );
    await running;
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 28);
    assertEquals(created().length, 6);
  });

  await t.step("a worker killed between POST and the first look finds its reports again", async () => {
    await begin();
    // None is done before the worker is dead, however slow the machine.
    graph.settings.reports.duration_ms = 3_600_000;
    const running = answerIfAny(platform, SLUG);
    await until(
      "the reports' ids are stored",
      async () => (await sql`select from fb_ads.sync_jobs where report_run_id is not null`).length >= 3,
    );
    await platform.killFunction(SLUG);
    await running;
    graph.settings.reports.duration_ms = 0;
    const stored = await sql`select report_run_id from fb_ads.sync_jobs where report_run_id is not null`;
    await sql`update fb_ads.sync_jobs set lease_until = now() where state = 'running'`;
    await syncToEnd(platform, SLUG, { resume: true });
    await assertSpend(suite, 28);
    const used = new Set((await jobsOf(platform)).map((job) => job.report_run_id));
    for (const { report_run_id } of stored) assert(used.has(report_run_id), "a stored report is read, not made again");
    assert(created().length <= 6, "at most the report of the killed POST is made twice");
  });

  await t.step(
    "a range that Meta does not answer at once becomes a report, and the account is remembered",
    async () => {
      await begin();
      await sql`update fb_ads.settings set insights_sync_rows = 5000`;
      graph.settings.sync_max_rows = 150;
      await syncToEnd(platform, SLUG);
      await assertSpend(suite, 28);
      const refused = graph.ledger.calls.filter((call) => call.error_subcode === 1504018);
      assert(refused.length >= 1 && refused.length <= 6, `${refused.length} refusals`);
      graph.ledger.reset();
      await syncToEnd(platform, SLUG);
      await assertSpend(suite, 28);
      assertEquals(graph.ledger.calls.filter((call) => call.error_subcode === 1504018).length, 0);
      assert(adCalls(graph).some((call) => call.route === "insights.create"));
      assert(adCalls(graph).some((call) => call.route === "insights"), "short ranges are still read at once");
    },
  );

  for (
    const [name, limit] of [
      ["a report that is too large", "report_max_rows"],
      ["a call that holds too much data", "call_max_rows"],
    ] as const
  ) {
    await t.step(`${name} is split by date, then by ads, with the filter kept`, async () => {
      await begin();
      await sql`update fb_ads.settings set insights_window_days = 4`;
      // One row less than the fullest of the four days has.
      graph.settings[limit] = fullestDay(expectedRows(graph, accountAt(graph.world, 0), 4)) - 1;
      await syncToEnd(platform, SLUG);
      await assertSpend(suite, 4);
      const calls = adCalls(graph).filter((call) => call.account === FIRST);
      assert(calls.some((call) => rangeOf(call).slice(0, 10) === rangeOf(call).slice(12)), "single days");
      assert(calls.some((call) => JSON.stringify(call.params).includes("ad.id")), "parts of the ads");
      for (const call of calls) {
        for (const status of ["DELETED", "ARCHIVED", "ACTIVE"]) {
          assert(JSON.stringify(call.params.filtering).includes(status), `filter without ${status}`);
        }
      }
      const [row] = await sql`select count(*) filter (where state <> 'equal')::int as off from fb_ads.reconciliations`;
      assertEquals(row?.off, 0);
      await sql`update fb_ads.settings set insights_window_days = 28`;
    });
  }

  await t.step("a field that spoils every report is left out at one ad and day, and the row says so", async () => {
    const account = planAccount(0, { campaigns: 1, adsets: 1, ads: 2, plain: true, density: 100 });
    await begin(atNoon((now) => new World({ now, accounts: [account] })));
    await sql`update fb_ads.settings set insights_window_days = 2`;
    graph.faults.add({
      match: { route: "insights.create", params_contain: "action_values" },
      action: { kind: "report", outcome: { polls: 0, end: "failed" } },
    });
    await syncToEnd(platform, SLUG, {}, 10);
    await assertSpend(suite, 2);
    const rows =
      await sql`select missing_fields, actions is not null as actions, reach is not null as reach from public.ad_spend`;
    assertEquals(rows.length, 4);
    for (const row of rows) assertEquals({ ...row }, { missing_fields: ["action_values"], actions: true, reach: true });
    const [run] =
      await sql`select warnings from fb_ads.sync_runs where warnings @> '[{"code": "fields_left_out"}]' limit 1`;
    assert(run !== undefined, "the run tells of it");
    await sql`update fb_ads.settings set insights_window_days = 28`;
  });
});
