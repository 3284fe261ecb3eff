/**
 * Several currencies in one report: converted day by day into the home currency, or kept apart where a rate is missing.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { PeriodFigures, ReportData } from "../../../scripts/cli/report/data.ts";
import { buildReportPage } from "../../../scripts/cli/report/page.ts";
import { readReport } from "../../../scripts/cli/report/queries.ts";
import { type Platform, startPlatform } from "../../../scripts/supabase-local/mod.ts";
import { AD, CAMPAIGN, makeAttributionShop, MANILA_AD } from "../../attribution/attribution_shop.ts";
import { credit, spend } from "../../attribution/credited_sales.ts";

// The 20th of November 2026 is a Friday, the 1st of December a Tuesday.
const RANGE = { since: "2026-11-20", until: "2026-12-01" };

async function readIn({ sql }: Platform, home_currency?: string): Promise<ReportData> {
  return await readReport(sql, { ...RANGE, home_currency }, new Date("2026-12-02T00:00:00Z"));
}

async function addRate({ sql }: Platform, date: string, rate: string): Promise<void> {
  await sql`insert into fb_ads.exchange_rates (date, from_currency, to_currency, rate) values (${date}, 'PHP', 'IDR', ${rate})`;
}

const shown = (periods: PeriodFigures[] = []) =>
  periods
    .filter(({ spend, paid_sales }) => Number(spend) > 0 || paid_sales > 0)
    .map((row) => [
      row.since,
      row.until,
      Number(row.spend),
      row.click_sales,
      Number(row.click_revenue),
      row.paid_sales,
      Number(row.paid_revenue),
    ]);

Deno.test("readReport() adds currencies up only where every day has a rate into the home currency", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  await makeAttributionShop(platform);
  await spend(platform, AD, "2026-11-20", "100000");
  for (
    const [date, amount] of [["2026-11-18", "10"], ["2026-11-20", "200"], ["2026-11-22", "100.50"], [
      "2026-12-01",
      "50",
    ]]
  ) {
    await spend(platform, MANILA_AD, date ?? "", amount ?? "");
  }
  await credit(platform, {
    ref: "jakarta",
    clicked_at: "2026-11-20T04:00Z",
    paid_at: "2026-11-20T05:00Z",
    value: "150000",
  });
  await credit(platform, {
    ref: "manila",
    ad: MANILA_AD,
    clicked_at: "2026-11-20T04:00Z",
    paid_at: "2026-11-22T05:00Z",
    value: "500",
    currency: "PHP",
  });

  await t.step("without rates each currency stands for itself", async () => {
    const report = await readIn(platform);
    // Manila has figures on three days, Jakarta on one.
    assertEquals(report.home, {
      currency: "PHP",
      converted: [],
      missing_rates: [{ from_currency: "IDR", first_date: "2026-11-20", days: 1 }],
    });
    assertEquals(report.currencies.map(({ currency, before }) => [currency, before.spend]), [["PHP", "10"], [
      "IDR",
      "0",
    ]]);
    const [manila, jakarta] = report.currencies;
    assertEquals(shown(manila?.periods.month), [
      ["2026-11-20", "2026-11-30", 300.5, 1, 500, 1, 500],
      ["2026-12-01", "2026-12-01", 50, 0, 0, 0, 0],
    ]);
    assertEquals(shown(jakarta?.periods.week), [["2026-11-20", "2026-11-22", 100000, 1, 150000, 1, 150000]]);
    assertStringIncludes(
      buildReportPage(report),
      "Amounts are not combined into PHP: no exchange rate is known from IDR for Nov 20, 2026. Rates stand in",
    );
  });

  await t.step("one day without a rate keeps them apart, in the days before, too", async () => {
    // The newest rate before the 18th is 8 days old, as old as none.
    await addRate(platform, "2026-11-10", "1");
    await addRate(platform, "2026-11-19", "280");
    await addRate(platform, "2026-11-21", "300");
    await addRate(platform, "2026-11-30", "310");
    const report = await readIn(platform, "IDR");
    assertEquals(report.home, {
      currency: "IDR",
      converted: [],
      missing_rates: [{ from_currency: "PHP", first_date: "2026-11-18", days: 1 }],
    });
    assertEquals(report.currencies.map(({ currency }) => currency), ["PHP", "IDR"]);
  });

  await t.step("with all rates there is one currency, and every table adds up to the same", async () => {
    await addRate(platform, "2026-11-15", "270");
    const report = await readIn(platform, "IDR");
    assertEquals(report.home, { currency: "IDR", converted: ["PHP"], missing_rates: [] });
    const [figures, ...more] = report.currencies;
    assertEquals([figures?.currency, more], ["IDR", []]);
    // The 20th: 100,000 and 200 at 280; 150,000 and 500 at 280. The 22nd: 100.50 at 300, and 500 at 300 are paid.
    assertEquals(shown(figures?.periods.day), [
      ["2026-11-20", "2026-11-20", 156000, 2, 290000, 1, 150000],
      ["2026-11-22", "2026-11-22", 30150, 0, 0, 1, 150000],
      // 50 at 310.
      ["2026-12-01", "2026-12-01", 15500, 0, 0, 0, 0],
    ]);
    assertEquals(shown(figures?.periods.week), [
      ["2026-11-20", "2026-11-22", 186150, 2, 290000, 2, 300000],
      ["2026-11-30", "2026-12-01", 15500, 0, 0, 0, 0],
    ]);
    assertEquals(shown(figures?.periods.month), [
      ["2026-11-20", "2026-11-30", 186150, 2, 290000, 2, 300000],
      ["2026-12-01", "2026-12-01", 15500, 0, 0, 0, 0],
    ]);
    assertEquals([figures?.periods.day.length, figures?.periods.week.length], [12, 3]);
    // 10 at 270.
    assertEquals([Number(figures?.before.spend), figures?.before.sales], [2700, 0]);
    // 56,000 and 30,150 and 15,500; 290,000 less Jakarta's 150,000.
    assertEquals(
      figures?.ads.map((ad) => [ad.fb_id, Number(ad.spend), Number(ad.revenue), Number(ad.spend_before)]),
      [[MANILA_AD, 101650, 140000, 2700], [AD, 100000, 150000, 0]],
    );
    assertEquals(figures?.campaigns.map(({ fb_id, spend }) => [fb_id, Number(spend)]), [
      ["120210000000000199", 101650],
      [CAMPAIGN, 100000],
    ]);
    assertStringIncludes(buildReportPage(report), "Amounts in PHP are converted into IDR, each day by its rate in");
  });

  await t.step("a currency in which no account spends is reached by the same rates", async () => {
    await platform.sql`
      insert into fb_ads.exchange_rates (date, from_currency, to_currency, rate)
      select day, pair.from_currency, 'USD', pair.rate
      from (values ('PHP', 0.02), ('IDR', 0.0001)) as pair (from_currency, rate)
      cross join (values (date '2026-11-14'), (date '2026-11-20'), (date '2026-12-01')) as known (day)`;
    const report = await readIn(platform, "USD");
    assertEquals(report.currencies.map(({ currency }) => currency), ["USD"]);
    // 200 at .02 and 100,000 at .0001; 100.50 at .02; 50 at .02.
    assertEquals(shown(report.currencies[0]?.periods.day).map(([day, , spend]) => [day, spend]), [
      ["2026-11-20", 14],
      ["2026-11-22", 2.01],
      ["2026-12-01", 1],
    ]);
  });
});
