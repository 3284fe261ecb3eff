/**
 * `npm run report` without a browser: what it reads from a database, and what it says when it cannot.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { buildReportPage } from "../../../scripts/cli/report/page.ts";
import { findToday, readReport } from "../../../scripts/cli/report/queries.ts";
import { startSuite, syncToEnd } from "../../../scripts/dev/testing/suite.ts";
import { metaAds } from "../meta_ads.ts";

Deno.test("npm run report says what is wrong with its arguments, and exits 2", async () => {
  for (
    const [args, problem] of [
      [[], "Which database?"],
      [["--db-url", "nonsense"], "--db-url is no connection string"],
      [["--db-url", "postgresql://127.0.0.1:1/x", "--since", "yesterday"], "'yesterday' is invalid"],
      [
        ["--db-url", "postgresql://127.0.0.1:1/x", "--since", "2026-11-02", "--until", "2026-11-01"],
        "is after --until",
      ],
      [["--days", "7"], "--days"],
    ] as const
  ) {
    const { code, stderr } = await metaAds(["report", ...args]);
    assertEquals(code, 2, stderr);
    assertStringIncludes(stderr, problem);
  }
});

Deno.test("npm run report exits 1 without a database, and does not show its password", async () => {
  const { code, stderr } = await metaAds(["report"], { DB_URL: "postgresql://postgres:hunter2@127.0.0.1:1/postgres" });
  assertEquals(code, 1);
  assertMatch(stderr, /^The database at 127\.0\.0\.1:1 cannot be reached: nothing listens there\.\n$/);
  assertEquals(stderr.includes("hunter2"), false);
});

Deno.test("readReport() shows nothing before the first sync, and after it what ad_spend holds", async () => {
  await using suite = await startSuite();
  const { platform } = suite;
  const sql = postgres(platform.hostDbUrl, { max: 1, onnotice: () => {} });
  try {
    const range = { since: "2026-01-01", until: "2026-01-31" };
    const empty = await readReport(sql, range, new Date("2026-02-01T00:00:00Z"));
    assertEquals([empty.currencies, empty.funnel, empty.coverage.sales, empty.health.runs], [[], [], 0, []]);
    assertStringIncludes(buildReportPage(empty), "No spend and no credited sale is known");

    await syncToEnd(platform, "fb-sync-metadata");
    await syncToEnd(platform, "fb-sync-insights");
    const until = await findToday(sql);
    const since = new Date(Date.parse(until) - 27 * 86_400_000).toISOString().slice(0, 10);
    const report = await readReport(sql, { since, until }, new Date());
    const stored = await platform.sql<{ currency: string; spend: string; ads: number }[]>`
      select currency, sum(spend)::text as spend, count(distinct ad_id)::int as ads
      from public.ad_spend where date between ${since} and ${until} group by currency order by currency`;
    const shown = report.currencies.map(({ currency, days, ads }) => ({
      currency,
      days: days.length,
      ads: ads.length,
    }));
    assertEquals(
      shown.toSorted((a, b) => a.currency.localeCompare(b.currency)),
      stored.map(({ currency, ads }) => ({ currency, days: 28, ads })),
    );
    for (const { currency, spend } of stored) {
      const days = report.currencies.find((figures) => figures.currency === currency)?.days ?? [];
      const sum = days.reduce((total, day) => total + Math.round(Number(day.spend) * 100), 0);
      assertEquals(sum, Math.round(Number(spend) * 100));
    }
    assertEquals(report.health.runs.length > 0, true);
  } finally {
    await sql.end();
  }
});
