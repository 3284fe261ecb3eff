/**
 * What the report says of an ad: verdicts, the interval behind them, and the sentences that the figures carry.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { CurrencyFigures, PeriodFigures, ReportData, Spender } from "../../../scripts/cli/report/data.ts";
import { makeFormats } from "../../../scripts/cli/report/format.ts";
import { makeSentences } from "../../../scripts/cli/report/sentences.ts";
import { judge, salesInterval } from "../../../scripts/cli/report/verdicts.ts";
import { emptyReport, sampleAd, sampleFigures } from "../../../scripts/dev/testing/report_samples.ts";

Deno.test("salesInterval() is the Poisson interval of 90 %", () => {
  // The exact ends, from a table of the chi-squared distribution.
  for (const [sales, low, high] of [[0, 0, 2.996], [1, .051, 4.744], [10, 5.425, 16.962], [100, 84.139, 118.079]]) {
    const [found_low, found_high] = salesInterval(sales ?? 0);
    assertAlmostEquals(found_low, low ?? 0, .05);
    assertAlmostEquals(found_high, high ?? 0, .05);
  }
});

Deno.test("judge() says loses or earns only where the whole interval is on one side of break-even", () => {
  const verdict = (spend: string, sales: number, revenue: string | null, break_even = 1) =>
    judge({ spend, sales, revenue }, break_even, 100).verdict;
  assertEquals(verdict("100", 1, "50"), "open");
  assertEquals(verdict("50000", 500, "40000"), "loses");
  assertEquals(verdict("50000", 500, "60000"), "earns");
  assertEquals(verdict("50000", 500, "60000", 1.5), "loses");
  assertEquals(verdict("100", 0, "0"), "open");
  assertEquals(verdict("400", 0, "0"), "loses");
  assertEquals(verdict("400", 3, null), null);
  assertEquals(verdict("0", 3, "300"), null);
  // What is lost counts what is left of a sale, not its price.
  assertEquals(judge({ spend: "100", sales: 3, revenue: "150" }, 2, null).balance, -25);
});

function reportOf(ads: Spender[], changes: Partial<CurrencyFigures> = {}): [ReportData, CurrencyFigures] {
  const figures = { ...sampleFigures(2, 0), ads, ...changes };
  return [{ ...emptyReport(), since: "2026-11-20", until: "2026-11-21", currencies: [figures] }, figures];
}

const sentencesOf = (...[data, figures]: [ReportData, CurrencyFigures]): string[] =>
  makeSentences(data, figures, makeFormats("en", "UTC"));

const ad = (name: string, changes: Partial<Spender>): Spender => ({ ...sampleAd(0), name, ...changes });

Deno.test("makeSentences() names what was spent and earned, what loses since when, and what earns", () => {
  const loser = ad("Half price", {
    spend: "1000000",
    sales: 1,
    revenue: "100000",
    losing_since: "2026-11-20",
    lost_since: "900000",
  });
  const winner = ad("Rina", { spend: "1000000", sales: 60, revenue: "6000000" });
  const day = {
    since: "2026-11-20",
    until: "2026-11-20",
    spend: "2000000",
    click_sales: 61,
    paid_sales: 61,
    paid_revenue: "6100000",
  };
  const figures = {
    periods: { day: [{ ...day, click_revenue: "6100000" }], week: [], month: [] },
    before: { spend: "100", sales: 1, revenue: "200" },
  };
  const [spent, losing, earning, ...more] = sentencesOf(
    ...reportOf([winner, loser, ad("Paused", { ...loser, name: "Old", effective_status: "PAUSED" })], figures),
  );
  assertEquals(more, []);
  assertEquals(
    spent,
    "From Nov 20, 2026 to Nov 21, 2026 the ads cost IDR 2,000,000 and earned IDR 6,100,000 with 61 sales, " +
      "a ROAS of 3.05, after 2.00 in as many days before.",
  );
  assertEquals(losing, "One live ad loses money: “Half price” has lost IDR 900,000 since Nov 20, 2026 (ROAS 0.10).");
  assertEquals(
    earning,
    "One live ad earns for certain and could have more: “Rina” with a ROAS of 6.00 on 50% of the spend.",
  );
});

Deno.test("makeSentences() says nothing that the figures do not carry", () => {
  // One sale says little of an ad, and an ad that is paused loses nothing more.
  const few = ad("New", { spend: "200000", sales: 1, revenue: "100000" });
  const paused = ad("Old", { spend: "9000000", sales: 1, revenue: "100000", effective_status: "ARCHIVED" });
  assertEquals(sentencesOf(...reportOf([few, paused])).length, 1);
  const none: PeriodFigures = {
    since: "2026-11-20",
    until: "2026-11-20",
    spend: "0",
    click_sales: 0,
    click_revenue: "0",
    paid_sales: 0,
    paid_revenue: "0",
  };
  const periods = (day: PeriodFigures) => ({ periods: { day: [day], week: [], month: [] } });
  assertEquals(sentencesOf(...reportOf([], periods(none))), []);
  const unsold = { ...none, spend: "500" };
  assertMatch(sentencesOf(...reportOf([], periods(unsold)))[0] ?? "", /cost IDR 500, and no sale was credited/);
  const unpriced = { ...unsold, click_sales: 1, click_revenue: null };
  assertMatch(sentencesOf(...reportOf([], periods(unpriced)))[0] ?? "", /what they earned is not known/);
  // Many are not all named.
  const losers = Array.from(
    { length: 5 },
    (_, index) =>
      ad(`Loser ${index}`, {
        spend: "9000000",
        sales: 1,
        revenue: "1000",
        losing_since: "2026-11-20",
        lost_since: "1",
      }),
  );
  const [, many] = sentencesOf(...reportOf(losers));
  assert(many?.startsWith("5 live ads lose money: “Loser 0”") && many.endsWith("; and 2 more in the table."), many);
});

Deno.test("makeFormats() writes as the reader does, and never hides a small figure", () => {
  const [en, id] = [makeFormats("en", "Asia/Jakarta"), makeFormats("id-ID", "Asia/Jakarta")];
  assertEquals([.003, 0, .29, 1.923, 12.5].map((value) => en.figure(value, "ratio")), [
    "0.0030",
    "0.00",
    "0.29",
    "1.92",
    "12.50",
  ]);
  assertEquals([en.figure("1234567.89", "money"), en.figure("12.5", "money")], ["1,234,568", "12.5"]);
  assertEquals(id.figure("1234567.89", "money"), "1.234.568");
  assertEquals(en.time("2026-11-21T22:30:00Z"), "Nov 22, 2026, 05:30 AM GMT+7");
  assertEquals(en.figure(null, "count"), "–");
});
