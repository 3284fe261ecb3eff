/**
 * `npm run report` without a browser: what it reads from a database, and what it says when it cannot.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { buildReportPage } from "../../../scripts/cli/report/page.ts";
import { daysBefore, findToday, readReport } from "../../../scripts/cli/report/queries.ts";
import { readSpenders } from "../../../scripts/cli/report/spenders.ts";
import { startSuite, syncToEnd } from "../../../scripts/dev/testing/suite.ts";
import { startPlatform } from "../../../scripts/supabase-local/mod.ts";
import { AD, CAMPAIGN, makeAttributionShop, OTHER_AD } from "../../attribution/attribution_shop.ts";
import { credit, spend } from "../../attribution/credited_sales.ts";
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
      [["--db-url", "postgresql://127.0.0.1:1/x", "--locale", "no such"], "A locale looks like id-ID"],
      [["--db-url", "postgresql://127.0.0.1:1/x", "--currency", "rupiah"], "A currency is its three capitals"],
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
    assertStringIncludes(buildReportPage(empty), "Meta has said nothing of the events of these days.");

    await syncToEnd(platform, "fb-sync-metadata");
    await syncToEnd(platform, "fb-sync-insights");
    const until = await findToday(sql);
    const since = daysBefore(until, 27);
    const report = await readReport(sql, { since, until }, new Date());
    const stored = await platform.sql<{ currency: string; spend: string; ads: number }[]>`
      select currency, sum(spend)::text as spend, count(distinct ad_id)::int as ads
      from public.ad_spend where date between ${since} and ${until} group by currency order by currency`;
    const shown = report.currencies.map(({ currency, periods, ads }) => ({
      currency,
      days: periods.day.length,
      ads: ads.length,
    }));
    assertEquals(
      shown.toSorted((a, b) => a.currency.localeCompare(b.currency)),
      stored.map(({ currency, ads }) => ({ currency, days: 28, ads })),
    );
    for (const { currency, spend } of stored) {
      const days = report.currencies.find((figures) => figures.currency === currency)?.periods.day ?? [];
      const sum = days.reduce((total, day) => total + Math.round(Number(day.spend) * 100), 0);
      assertEquals(sum, Math.round(Number(spend) * 100));
    }
    assertEquals(report.health.runs.length > 0, true);
  } finally {
    await sql.end();
  }
});

Deno.test("readReport() tells how well Meta recognises the buyers, beside what was sent in the same days", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql`
    insert into public.ad_event_quality (
      date, pixel_id, event_name, composite_score, match_key_coverage, event_coverage, event_coverage_goal, diagnostics
    )
    select '2026-11-22'::date - day, '4711', 'Purchase', 7 - day * 0.2, '{"email": 98.1, "fbc": 41}'::jsonb, 34.1, 75,
      '[{"name": "Mismatched <IP> addresses", "solution": "Send the buyer''s."}]'::jsonb
    from generate_series(0, 3) as day
    union all
    select '2026-11-21', '4711', 'AddToCart', null, '{}', null, null, '[]'
    union all
    select '2026-11-23', '4711', 'Lead', 9, '{}', null, null, '[]'`;
  await sql`
    insert into fb_ads.sent_event_keys (date, pixel_id, event_name, key, events)
    values ('2026-11-15', '4711', 'Purchase', 'event_id', 900), ('2026-11-16', '4711', 'Purchase', 'event_id', 30),
      ('2026-11-22', '4711', 'Purchase', 'event_id', 10), ('2026-11-16', '4711', 'Purchase', 'email', 29),
      ('2026-11-22', '4711', 'Purchase', 'email', 10), ('2026-11-22', '4711', 'Purchase', 'phone', 4)`;
  const report = await readReport(sql, { since: "2026-11-20", until: "2026-11-22" }, new Date("2026-11-23T00:00:00Z"));
  const common = { pixel_id: "4711", upload_frequency: null };
  assertEquals(report.recognition.map((row) => ({ ...row })), [
    {
      ...common,
      event_name: "Purchase",
      date: "2026-11-22",
      composite_score: 7,
      score_before: 6.6,
      event_coverage: 34.1,
      event_coverage_goal: 75,
      // Of 40 events of the seven days 39 had an e-mail address and 4 a phone number.
      keys: [{ key: "email", meta: 98.1, sent: 97.5 }, { key: "fbc", meta: 41, sent: null }, {
        key: "phone",
        meta: null,
        sent: 10,
      }],
      diagnostics: [{ name: "Mismatched <IP> addresses", description: null, solution: "Send the buyer's." }],
    },
    {
      ...common,
      event_name: "AddToCart",
      date: "2026-11-21",
      composite_score: null,
      score_before: null,
      event_coverage: null,
      event_coverage_goal: null,
      keys: [],
      diagnostics: [],
    },
  ]);
  const page = buildReportPage(report);
  for (
    const shown of [
      "How well Meta recognises your buyers",
      "Purchase: Mismatched &#60;IP&#62; addresses",
      '<th scope="row">E-mail address</th><td class="number">98.1% / 97.5%</td><td class="number">–</td>',
      '<th scope="row">Phone number</th><td class="number">– / 10%</td>',
    ]
  ) assertStringIncludes(page, shown);
});

Deno.test("readReport() tells since when an ad loses, what it did before, and the funnel of the chosen days", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);
  await spend(platform, AD, "2026-11-18", "80");
  for (const day of ["20", "21", "22"]) await spend(platform, AD, `2026-11-${day}`, "100");
  await spend(platform, OTHER_AD, "2026-11-21", "40");
  const sold = async (ref: string, day: string, value: string) =>
    await credit(platform, { ref, clicked_at: `2026-11-${day}T04:00Z`, paid_at: `2026-11-${day}T05:00Z`, value });
  await sold("before", "18", "160");
  await sold("first", "20", "250");
  await sql`
    insert into fb_ads.deleted_events (date, event_name, events, suppressed)
    values ('2026-11-19', 'PageView', 1000, 10), ('2026-11-20', 'PageView', 40, 4), ('2026-11-22', 'Lead', 5, 0)`;

  const range = { since: "2026-11-20", until: "2026-11-22" };
  const report = await readReport(sql, range, new Date("2026-11-23T00:00:00Z"));
  assertEquals([report.before_since, report.break_even_roas, report.timezone_name], [
    "2026-11-17",
    1,
    "Asia/Jakarta",
  ]);
  assertEquals(report.funnel.map(({ events, suppressed }) => [events, suppressed]), [[40, 4], [5, 0], [0, 0], [0, 0]]);
  const [figures] = report.currencies;
  assertEquals(figures?.before, { spend: "80", sales: 1, revenue: "160" });
  const shown = figures?.ads.map((
    { fb_id, spend, revenue, losing_since, lost_since, spend_before, revenue_before },
  ) => [
    fb_id,
    spend,
    revenue,
    losing_since,
    Number(lost_since),
    spend_before,
    revenue_before,
  ]);
  // After the first day it is 150 ahead, at the end 50 behind: it has lost 200 since the second.
  assertEquals(shown, [
    [AD, "300", "250", "2026-11-21", 200, "80", "160"],
    [OTHER_AD, "40", "0", "2026-11-21", 40, "0", "0"],
  ]);
  assertEquals(figures?.campaigns.map(({ fb_id, spend, sales }) => [fb_id, spend, sales]), [[CAMPAIGN, "340", 1]]);
  assertEquals(figures?.adsets.reduce((sum, { spend }) => sum + Number(spend), 0), 340);

  // With half of each sale left, the first day earns 25 more than it cost.
  const rates = JSON.stringify(
    ["18", "20", "21", "22"].map((day) => ({ currency: "IDR", date: `2026-11-${day}`, rate: "1" })),
  );
  const request = { ...range, before_since: "2026-11-17", rates, break_even_roas: 2 } as const;
  const [half] = await readSpenders(sql, { ...request, level: "ad" });
  assertEquals([half?.losing_since, Number(half?.lost_since)], ["2026-11-21", 200]);
  const [dear] = await readSpenders(sql, { ...request, level: "ad", break_even_roas: 5 });
  assertEquals([dear?.losing_since, Number(dear?.lost_since)], ["2026-11-20", 250]);
});
