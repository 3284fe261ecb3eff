/**
 * Which days are read: calendars on both sides of UTC, days with 23 and 25 hours, ranges without overlap or gap, 37
 * months, and what is remembered of an account. Dates are worked out by hand.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/platform/mod.ts";

/** An instant, a time zone, the calendar day there. */
const DAYS: [string, string, string][] = [
  ["2026-11-22T09:59:59Z", "Pacific/Kiritimati", "2026-11-22"],
  ["2026-11-22T10:00:00Z", "Pacific/Kiritimati", "2026-11-23"],
  ["2026-11-22T16:59:59Z", "Asia/Jakarta", "2026-11-22"],
  ["2026-11-22T17:00:00Z", "Asia/Jakarta", "2026-11-23"],
  ["2026-11-22T07:59:59Z", "America/Los_Angeles", "2026-11-21"],
  ["2026-11-22T08:00:00Z", "America/Los_Angeles", "2026-11-22"],
  // Summer time ends in Los Angeles on 1 November 2026: the day has 25 hours.
  ["2026-11-01T07:00:00Z", "America/Los_Angeles", "2026-11-01"],
  ["2026-11-02T07:59:59Z", "America/Los_Angeles", "2026-11-01"],
  ["2026-11-02T08:00:00Z", "America/Los_Angeles", "2026-11-02"],
  // Summer time begins in Auckland on 27 September 2026: the day has 23 hours.
  ["2026-09-26T12:00:00Z", "Pacific/Auckland", "2026-09-27"],
  ["2026-09-27T10:59:59Z", "Pacific/Auckland", "2026-09-27"],
  ["2026-09-27T11:00:00Z", "Pacific/Auckland", "2026-09-28"],
  ["2026-11-22T12:00:00Z", "Mars/Olympus", "2026-11-22"],
];

Deno.test("the days of a plan", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;

  for (const [at, zone, day] of DAYS) {
    await t.step(`\`local_day\` of ${at} in ${zone} is ${day}`, async () => {
      const [row] = await sql`select fb_ads.local_day(${zone}, ${at})::text as day`;
      assertEquals(row?.day, day);
    });
  }

  for (
    const [today, first] of [["2026-11-22", "2023-10-23"], ["2026-03-31", "2023-03-01"], ["2024-02-29", "2021-01-30"]]
  ) {
    await t.step(`on ${today} Meta's 37 months begin on ${first}`, async () => {
      const [row] = await sql`select fb_ads.earliest_insight_day(${today ?? ""})::text as day`;
      assertEquals(row?.day, first);
    });
  }

  await t.step("`insight_chunks` gives every day once, newest first", async () => {
    const chunks = async (...[since, until, days, first]: (string | number | null)[]) =>
      (await sql.unsafe(
        "select part_since::text || '..' || part_until::text as range from fb_ads.insight_chunks($1::date, $2::date, $3::integer, $4::integer) order by part",
        [since ?? null, until ?? null, days ?? null, first ?? null],
      )).map((row) => row.range);
    assertEquals(await chunks("2026-10-26", "2026-11-22", 7, 2), [
      "2026-11-21..2026-11-22",
      "2026-11-14..2026-11-20",
      "2026-11-07..2026-11-13",
      "2026-10-31..2026-11-06",
      "2026-10-26..2026-10-30",
    ]);
    assertEquals(await chunks("2026-11-20", "2026-11-22", 7, null), ["2026-11-20..2026-11-22"]);
    assertEquals(await chunks("2026-11-22", "2026-11-22", 7, 2), ["2026-11-22..2026-11-22"]);
    assertEquals(await chunks("2026-11-20", "2026-11-22", 1, 1), [
      "2026-11-22..2026-11-22",
      "2026-11-21..2026-11-21",
      "2026-11-20..2026-11-20",
    ]);
    assertEquals(await chunks("2026-11-23", "2026-11-22", 7, null), []);
    const [row] = await sql`
      select bool_and(covered = 1) as once, count(*)::int as days from (
        select day, count(*) as covered
        from fb_ads.insight_chunks('2023-10-23', '2026-11-22', 7, null) as c
        cross join lateral generate_series(c.part_since::timestamp, c.part_until, interval '1 day') as day group by day
      ) as days`;
    assertEquals({ ...row }, { once: true, days: 1127 });
  });

  await t.step("37 months are at most 162 ranges of a week: 600 calls an hour suffice", async () => {
    const [row] =
      await sql`select count(*)::int as ranges from fb_ads.insight_chunks('2023-10-23', '2026-11-22', 7, null)`;
    assertEquals(row?.ranges, 161);
  });

  await t.step("a refusal is remembered for 30 days, then Meta is asked anew", async () => {
    const [account] = await sql`insert into public.ad_accounts (fb_account_id, timezone_name, currency, enabled)
      values ('1', 'UTC', 'USD', true) returning id`;
    const limits = async () => ({ ...(await sql`select * from fb_ads.insight_limits(${account?.id})`)[0] });
    assertEquals(await limits(), { sync_days: 5000, range_days: 7 });
    await sql`insert into fb_ads.insight_reads (account_id, sync_max_days, sync_refused_at, range_max_days, range_refused_at)
      values (${account?.id}, 1, now() - interval '29 days', 3, now() - interval '29 days')`;
    assertEquals(await limits(), { sync_days: 1, range_days: 3 });
    await sql`update fb_ads.insight_reads set sync_refused_at = now() - interval '31 days', range_refused_at = now() - interval '31 days'`;
    assertEquals(await limits(), { sync_days: 5000, range_days: 7 });
    await sql`update fb_ads.settings set insights_sync_rows = 0`;
    assertEquals(await limits(), { sync_days: 0, range_days: 7 });
    await sql`update fb_ads.settings set insights_sync_rows = 5000`;
  });

  await t.step(
    "a range that lies before Meta's 37 months altogether is done, for there is nothing to be had",
    async () => {
      const [row] = await sql`
      with plan as (select fb_ads.plan_ranges((select id from public.ad_accounts), 'backfill', '2020-01-01', '2020-01-03') as id)
      select id from plan`;
      const [result] = await sql`
      select fb_ads.clamp_range(job) as result from fb_ads.sync_jobs as job where job.plan_id = ${row?.id}`;
      assertEquals(result?.result, "nothing_left");
      const jobs = await sql`select kind, state from fb_ads.sync_jobs where plan_id = ${row?.id} order by id`;
      assertEquals(jobs.map((job) => `${job.kind} ${job.state}`), ["insights done", "reconciliation pending"]);
    },
  );
});
