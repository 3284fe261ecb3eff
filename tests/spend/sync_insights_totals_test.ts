/**
 * `fb-sync-insights` and the account's totals where Meta does not give them at once: they are had by the same reports
 * as the ads' figures, whatever becomes of those, and when even a day's report is refused the comparison ends and says
 * so.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dayText, type ReportOutcome, smallWorld } from "../../scripts/meta-emulator/mod.ts";
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
  storedRows,
  today,
  windowOnly,
} from "./sync_insights_expectations.ts";

const FIRST = "102938475000001";
const DAYS = 4;

/** How the report of a total goes wrong and comes right, and how many are made for the first account. */
const COURSES: [string, ReportOutcome, { times?: number; reports: number }][] = [
  ["100 % that still runs", { polls: 0, polls_at_100: 2 }, { reports: 1 }],
  ["an id that Meta does not know yet", { polls: 0, missing_polls: 2 }, { reports: 1 }],
  ["results that are not ready (2601)", { polls: 0, read_error: "2601/1815107", read_errors: 2 }, { reports: 1 }],
  ["results that are missing (100/33)", { polls: 0, read_error: "100/33", read_errors: 2 }, { reports: 1 }],
  ["a report that is lost for good", { polls: 0, missing_polls: 99 }, { times: 1, reports: 2 }],
  ["Job Failed once", { polls: 0, end: "failed" }, { times: 1, reports: 2 }],
  ["Job Skipped", { polls: 1, end: "skipped" }, { times: 1, reports: 2 }],
  ["Job Failed twice, which splits the range by date", { polls: 0, end: "failed" }, { times: 2, reports: 4 }],
];

Deno.test("fb-sync-insights compares with totals that Meta does not give at once", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await shortenReportPauses(platform);

  async function begin(error: string | null = "100/1504018", match: object = {}) {
    await startOver(suite, atNoon(smallWorld));
    await windowOnly(platform);
    await sql`update fb_ads.settings set insights_window_days = ${DAYS}`;
    graph.settings.reports = { ...graph.settings.reports, polls: 0, polls_at_100: 0, duration_ms: 0 };
    await sync(platform, "fb-sync-metadata");
    graph.ledger.reset();
    if (error !== null) graph.faults.add({ match: { route: "insights", ...match }, action: { kind: "error", error } });
  }
  const TOTALS = { route: "insights.create", account: FIRST, params_contain: '"level":"account"' };
  const calls = (route: string) => graph.ledger.calls.filter((call) => call.route === route && call.account === FIRST);
  const totals = (route: string) => calls(route).filter((call) => call.params.level === "account");

  async function assertCompared(): Promise<void> {
    await assertSpend(suite, DAYS);
    const [row] = await sql`
      select count(*)::int as days, count(*) filter (where state = 'equal')::int as equal from fb_ads.reconciliations`;
    const days = DAYS * graph.world.accounts.length;
    assertEquals({ ...row }, { days, equal: days });
    assertEquals((await jobsOf(platform, "reconciliation")).filter((job) => job.state !== "done"), []);
  }

  for (const error of ["100/1504018", "2/1504038", "2/1504044"]) {
    await t.step(`${error} to every read at once: every day compared by reports, and remembered`, async () => {
      await begin(error);
      await syncToEnd(platform, SLUG);
      await assertCompared();
      assertEquals(totals("insights.create").length, 1);
      assertEquals(totals("insights").length, 0, "what the ads' ranges were refused is not asked for again");
      graph.ledger.reset();
      await syncToEnd(platform, SLUG);
      await assertCompared();
      assertEquals(calls("insights").length, 0);
    });
  }

  await t.step("a total that alone is refused becomes a report of the same days, at one call's cost", async () => {
    await begin("100/1504018", { params_contain: '"level":"account"' });
    await syncToEnd(platform, SLUG);
    await assertCompared();
    assertEquals(totals("insights").length, 1);
    assertEquals(totals("insights.create").map(rangeOf), totals("insights").map(rangeOf));
    graph.ledger.reset();
    await syncToEnd(platform, SLUG);
    await assertCompared();
    assertEquals(totals("insights").length, 0);
    assert(calls("insights").length > 0, "shorter ranges are still read at once");
  });

  await t.step("a total of one day that is too much data at once becomes a report", async () => {
    await begin("100/1487534", { params_contain: '"level":"account"' });
    await syncToEnd(platform, SLUG);
    await assertCompared();
  });

  for (const [name, outcome, { times, reports }] of COURSES) {
    await t.step(`${name}: every day compared, ${reports} reports`, async () => {
      await begin();
      graph.faults.add({
        match: TOTALS,
        action: { kind: "report", outcome },
        ...(times === undefined ? {} : { times }),
      });
      await syncToEnd(platform, SLUG);
      await assertCompared();
      assertEquals(totals("insights.create").length, reports);
    });
  }

  await t.step("a worker killed between POST and the first look finds the report of the total again", async () => {
    await begin();
    // Of the totals none is done before the worker is dead, however slow the machine.
    graph.settings.reports.duration_ms = 3_600_000;
    graph.faults.add({
      match: { route: "insights.create", params_contain: '"level":"ad"' },
      action: { kind: "report", outcome: { polls: 0 } },
    });
    const stored = () =>
      sql`select report_run_id from fb_ads.sync_jobs where kind = 'reconciliation' and report_run_id is not null`;
    const running = answerIfAny(platform, SLUG);
    await until("the report's id is stored", async () => (await stored()).length > 0);
    await platform.killFunction(SLUG);
    await running;
    graph.settings.reports.duration_ms = 0;
    const kept = (await stored()).map((job) => job.report_run_id);
    await sql`update fb_ads.sync_jobs set lease_until = now() where state = 'running'`;
    await syncToEnd(platform, SLUG, { resume: true });
    await assertCompared();
    const used = new Set((await stored()).map((job) => job.report_run_id));
    for (const report_run_id of kept) assert(used.has(report_run_id), "a stored report is read, not made again");
  });

  await t.step(
    "an ad of a status that no filter names keeps its spend, and from then on costs one call a range",
    async () => {
      await begin(null);
      const account = accountAt(graph.world, 0);
      const settled = (rows: string[]) => rows.filter((one) => one.slice(0, 10) <= dayText(today(graph, account) - 2));
      // One that has spent on each of the settled days.
      const spent = settled(expectedRows(graph, account, DAYS)).filter((one) => Number(one.split(" ")[2]) > 0);
      const ad = account.ads.find((one) => spent.filter((row) => row.includes(one.id)).length === DAYS - 2);
      assert(ad !== undefined);
      Object.assign(ad, { status: "ON_HOLIDAY" });
      graph.world.touch();
      await syncToEnd(platform, SLUG);
      assertEquals(settled(await storedRows(platform, account)), settled(expectedRows(graph, account, DAYS)));
      assertEquals((await sql`select from public.fb_alerts where key like 'reconciliation_off:%'`).length, 0);

      graph.ledger.reset();
      await syncToEnd(platform, SLUG);
      await assertSpend(suite, DAYS);
      assertEquals(adCalls(graph).filter((call) => call.account === FIRST).length, 4, "two ranges");
    },
  );

  const REFUSALS: [string, Parameters<typeof graph.faults.add>[0]["action"], string][] = [
    ["reports that fail", { kind: "report", outcome: { polls: 0, end: "failed" } }, "report_failed"],
    ["reports that Meta will not begin", { kind: "error", error: "100/1487534" }, "data_limit"],
  ];
  for (const [name, action, reason] of REFUSALS) {
    await t.step(`${name}, of one day even: the comparison ends as failed and says why`, async () => {
      await begin();
      graph.faults.add({ match: TOTALS, action });
      const answers = await syncToEnd(platform, SLUG, {}, 5);
      assertEquals(answers.at(-1)?.jobs.left, 0);
      await assertSpend(suite, DAYS);
      const failed = (await jobsOf(platform, "reconciliation")).filter((job) => job.state !== "done");
      assertEquals(failed.map((job) => [job.state, job.reason]), Array(DAYS).fill(["failed", reason]));
      assertEquals(new Set(failed.map((job) => job.since)).size, DAYS);
      const compared = await sql`select from fb_ads.reconciliations r join public.ad_accounts a on a.id = r.account_id
        where a.fb_account_id = ${FIRST}`;
      assertEquals(compared.length, 0);
      const warnings =
        await sql`select one from fb_ads.sync_runs, jsonb_array_elements(warnings) one where one ->> 'code' = 'day_not_compared'`;
      assertEquals(warnings.length, DAYS);
      graph.faults.remove(graph.faults.list().at(-1)?.id ?? "");
      await syncToEnd(platform, SLUG);
      await assertSpend(suite, DAYS);
      const [row] = await sql`select count(*)::int as days from fb_ads.reconciliations where state = 'equal'`;
      assertEquals(row?.days, DAYS * graph.world.accounts.length);
    });
  }
});
