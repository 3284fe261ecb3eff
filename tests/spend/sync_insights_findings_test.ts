/**
 * What Meta refuses of an account is learned once: by one job, for its siblings, for the next night. The ledger of the
 * emulator tells what each thing to learn costs.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dayText, planAccount, smallWorld, World } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import { atNoon } from "../../scripts/dev/testing/worlds.ts";
import { accountAt, startOver } from "../catalogue/metadata_expectations.ts";
import { shortenReportPauses } from "./report_pauses.ts";
import { adCalls, assertSpend, SLUG, today, windowOnly } from "./sync_insights_expectations.ts";

const METADATA = "fb-sync-metadata";

/** One account with so many ads, each of which spends on each of the last 28 days. */
const oneAccount = (ads: number) =>
  atNoon((now) =>
    new World({ now, accounts: [planAccount(0, { campaigns: 2, adsets: 4, ads, plain: true, density: 100 })] })
  );

Deno.test("fb-sync-insights learns once what Meta refuses", async (t) => {
  await using suite = await startSuite({ graph: { world: atNoon(smallWorld) } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await shortenReportPauses(platform);

  async function begin(world: World, reports: boolean) {
    await startOver(suite, world);
    await windowOnly(platform);
    await sql`update fb_ads.settings set insights_sync_rows = ${reports ? 0 : 5000}, insights_window_days = 28`;
    graph.settings.reports = { ...graph.settings.reports, polls: 0, polls_at_100: 0, duration_ms: 0 };
    await sync(platform, METADATA);
    graph.ledger.reset();
  }
  const refused = () => graph.ledger.calls.filter((call) => call.code !== null);
  const posts = () => adCalls(graph).filter((call) => call.route === "insights.create");
  const alerts = async (kind: string) =>
    (await sql<{ key: string }[]>`select key from public.fb_alerts where key like ${kind + ":%"} order by key`)
      .map(({ key }) => key);
  const aWeekPasses = () =>
    sql`update fb_ads.account_reads set fields_refused_at = fields_refused_at - interval '8 days',
      ad_fields_refused_at = ad_fields_refused_at - interval '8 days',
      insights_refused_at = insights_refused_at - interval '8 days'`;

  for (const reports of [false, true]) {
    await t.step(
      `a field: one refusal in 37 months, none the next night (${reports ? "reports" : "at once"})`,
      async () => {
        await begin(oneAccount(3), reports);
        graph.world.refusedFields.add("inline_link_clicks");
        await syncToEnd(platform, SLUG, { since: dayText(today(graph, accountAt(graph.world, 0)) - 1120) });
        assertEquals(refused().length, 1);
        assert(adCalls(graph).length > 160, "all ranges were read");
        assertEquals(await alerts("fields_refused"), ["fields_refused:102938475000001"]);
        graph.ledger.reset();
        await syncToEnd(platform, SLUG);
        assertEquals(refused().length, 0);
        const [row] = await sql`select count(*)::int as rows,
        count(*) filter (where missing_fields = '{inline_link_clicks}')::int as marked from public.ad_spend`;
        assertEquals(row?.marked, row?.rows);

        graph.world.refusedFields.clear();
        await aWeekPasses();
        await syncToEnd(platform, SLUG);
        const [again] = await sql`select count(*)::int as rows from public.ad_spend
          where missing_fields is not null and date > ${dayText(today(graph, accountAt(graph.world, 0)) - 28)}`;
        assertEquals(again?.rows, 0);
        assertEquals(await alerts("fields_refused"), []);
      },
    );
  }

  await t.step("a token that was renewed tries a refused field again at once", async () => {
    await begin(oneAccount(3), false);
    graph.world.refusedFields.add("reach");
    await syncToEnd(platform, SLUG);
    graph.world.refusedFields.clear();
    await sql`update fb_ads.account_reads set learned_with = 'another token'`;
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 28);
  });

  await t.step("sizes: 60 ads and 28 days with reports of at most 25 ads and 7 days take 60 POSTs", async () => {
    await begin(oneAccount(60), true);
    graph.settings.report_max_ads = 25;
    graph.settings.report_max_days = 7;
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 28);
    const first = posts().length;
    assert(first <= 60, `${first} POSTs`);
    assertEquals(refused().length, 0);
    const before = graph.reports.list().length;
    graph.ledger.reset();
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 28);
    const failed = graph.reports.list().slice(before).filter((report) => report.outcome.end === "failed");
    assertEquals([refused().length, failed.length], [0, 0]);
    assert(posts().length <= 25, `${posts().length} POSTs the second night`);
    graph.settings.report_max_ads = 0;
    graph.settings.report_max_days = 0;
  });

  await t.step("a page size: the second night asks for no page that was too large", async () => {
    await begin(oneAccount(20), false);
    graph.settings.reduce_above = { insights: 60 };
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 28);
    assert(refused().length <= 4, `${refused().length} refusals`);
    graph.ledger.reset();
    await syncToEnd(platform, SLUG);
    await assertSpend(suite, 28);
    assertEquals(refused().length, 0);
    graph.settings.reduce_above = {};
  });

  await t.step("an account without insights costs three refusals a week, and its alert lasts as long", async () => {
    await begin(oneAccount(3), false);
    graph.faults.add({ match: { route: "insights" }, action: { kind: "error", error: "2/1504042" } });
    await syncToEnd(platform, SLUG);
    assertEquals(refused().length, 3);
    assertEquals(await alerts("insights_refused"), ["insights_refused:102938475000001"]);
    assertEquals(await alerts("sync_failed"), [], "one alert");
    graph.ledger.reset();
    await syncToEnd(platform, SLUG);
    await syncToEnd(platform, SLUG, { refresh: true });
    assertEquals(graph.ledger.calls.length, 0);

    graph.faults.clear();
    await syncToEnd(platform, SLUG, { account_ids: ["102938475000001"] });
    await assertSpend(suite, 28);
    assertEquals(await alerts("insights_refused"), []);
  });

  await t.step("one ad whose actions Meta cannot give is read without them, and all others whole", async () => {
    await begin(oneAccount(40), false);
    const odd = accountAt(graph.world, 0).ads[16]?.id ?? "";
    graph.settings.spoiled = { ad: odd, field: "actions" };
    await syncToEnd(platform, SLUG);
    const spoiled = async () =>
      [
        ...await sql`select a.fb_ad_id, s.missing_fields, count(*)::int as rows
        from public.ad_spend s join public.ad_ads a on a.id = s.ad_id
        where s.missing_fields is not null group by 1, 2`,
      ].map((row) => ({ ...row }));
    await assertSpend(suite, 28);
    assertEquals(await spoiled(), [{ fb_ad_id: odd, missing_fields: ["actions"], rows: 28 }]);
    const first = adCalls(graph).length;
    assert(first <= 5 + 40, `${first} calls while the ad is found`);
    graph.ledger.reset();
    await syncToEnd(platform, SLUG);
    assertEquals(await spoiled(), [{ fb_ad_id: odd, missing_fields: ["actions"], rows: 28 }]);
    assertEquals(refused().length, 0);
    // A 28-day window is five ranges: each costs one call more.
    assertEquals(adCalls(graph).length, 10);
    delete graph.settings.spoiled;
  });
});
