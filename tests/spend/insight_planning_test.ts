/**
 * Which days are read: calendars on both sides of UTC, days with 23 and 25 hours, ranges without overlap or gap, 37
 * months, and what is remembered of an account. Dates are worked out by hand.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { TransactionSql } from "postgres";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { noonZone } from "../../scripts/dev/testing/worlds.ts";

/** Where no day ends while this runs. */
const NOON = noonZone(new Date());

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
  // In New York a day of 23 hours in 2027, and one of 25.
  ["2027-03-14T04:59:59Z", "America/New_York", "2027-03-13"],
  ["2027-03-14T05:00:00Z", "America/New_York", "2027-03-14"],
  ["2027-03-15T03:59:59Z", "America/New_York", "2027-03-14"],
  ["2027-03-15T04:00:00Z", "America/New_York", "2027-03-15"],
  ["2027-11-07T04:00:00Z", "America/New_York", "2027-11-07"],
  ["2027-11-08T04:59:59Z", "America/New_York", "2027-11-07"],
  ["2027-11-08T05:00:00Z", "America/New_York", "2027-11-08"],
  // Jakarta and Manila change no clock: a day is 24 hours from 17:00 and 16:00 UTC, over the ends of month and year
  // too.
  ["2027-02-28T16:59:59Z", "Asia/Jakarta", "2027-02-28"],
  ["2027-02-28T17:00:00Z", "Asia/Jakarta", "2027-03-01"],
  ["2028-02-28T17:00:00Z", "Asia/Jakarta", "2028-02-29"],
  ["2026-12-31T15:59:59Z", "Asia/Manila", "2026-12-31"],
  ["2026-12-31T16:00:00Z", "Asia/Manila", "2027-01-01"],
  ["2027-03-14T15:59:59Z", "Asia/Manila", "2027-03-14"],
  ["2026-11-22T12:00:00Z", "Mars/Olympus", "2026-11-22"],
  // PostgreSQL would take a number for an offset.
  ["2026-11-22T12:00:00Z", "14", "2026-11-22"],
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
    const [today, first] of [
      ["2026-11-22", "2023-10-23"],
      ["2026-03-31", "2023-03-01"],
      ["2026-12-31", "2023-12-01"],
      ["2027-01-01", "2023-12-02"],
      ["2027-03-29", "2024-03-01"],
      ["2027-03-31", "2024-03-01"],
      ["2024-02-29", "2021-01-30"],
      ["2028-02-29", "2025-01-30"],
    ]
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

  await t.step(
    "a refusal is remembered for a week, or until the credentials change, then Meta is asked anew",
    async () => {
      const [account] = await sql`insert into public.ad_accounts (fb_account_id, timezone_name, currency, enabled)
      values ('1', 'UTC', 'USD', true) returning id`;
      const limits = async () => ({ ...(await sql`select * from fb_ads.insight_limits(${account?.id})`)[0] });
      assertEquals(await limits(), { sync_days: 5000, range_days: 7 });
      await sql`insert into fb_ads.account_reads
        (account_id, sync_max_days, sync_refused_at, range_max_days, range_refused_at, learned_with)
      values (${account?.id}, 1, now() - interval '6 days', 3, now() - interval '8 days', 'token v1.0')`;
      assertEquals(await limits(), { sync_days: 1, range_days: 3 });
      await sql`select fb_ads.forget_findings('token v1.0')`;
      assertEquals(await limits(), { sync_days: 1, range_days: 7 });
      await sql`select fb_ads.forget_findings('token v2.0')`;
      assertEquals(await limits(), { sync_days: 5000, range_days: 7 });
      await sql`update fb_ads.settings set insights_sync_rows = 0`;
      assertEquals(await limits(), { sync_days: 0, range_days: 7 });
      await sql`update fb_ads.settings set insights_sync_rows = 5000`;
    },
  );

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

  type Db = Platform["sql"] | TransactionSql;
  const plans = async (account: string, db: Db = sql) =>
    [
      ...await db`select purpose || ' ' || since::text || '..' || until::text as range from fb_ads.sync_jobs
        where account_id = ${account} and kind = 'insights' and state = 'pending' order by priority, id`,
    ].map((row) => row.range);
  const addAccount = async (fb_account_id: string, timezone_name: string | null, db: Db = sql) => {
    const [account] = await db`insert into public.ad_accounts (fb_account_id, timezone_name, currency, enabled)
      values (${fb_account_id}, ${timezone_name}, ${timezone_name && "USD"}, true) returning id`;
    return String(account?.id);
  };
  const dayAt = async (zone: string, back = 0, db: Db = sql) =>
    String((await db`select (fb_ads.local_day(${zone}) - ${back}::integer)::text as day`)[0]?.day);

  await t.step(
    "an open window of an earlier day is gone on with, and the days since then are read before it",
    async () => {
      const id = await addAccount("2", NOON);
      await sql`update fb_ads.settings set insights_backfill_days = 0, insights_window_days = 3`;
      await sql`select fb_ads.plan_window(${id}, now())`;
      await sql`update fb_ads.sync_jobs set since = since - 1, until = until - 1, created_at = now() - interval '1 day' where account_id = ${id}`;
      const open = await plans(id);
      assertEquals(open.length, 2);
      await sql`select fb_ads.plan_window(${id}, now())`;
      assertEquals(await plans(id), [`refresh ${await dayAt(NOON, 1)}..${await dayAt(NOON)}`, ...open]);
      await sql`select fb_ads.plan_window(${id}, now() + interval '1 second')`;
      assertEquals((await plans(id)).length, 3, "once");
    },
  );

  await t.step(
    "a window takes the place of a refresh that has not begun, and leaves one whose report is under way",
    async () => {
      const id = await addAccount("3", NOON);
      await sql`select fb_ads.plan_refresh(${id}, now())`;
      await sql`select fb_ads.plan_window(${id}, now())`;
      assertEquals((await plans(id)).map((plan) => plan.split(" ")[0]), ["window", "window"]);
      await sql`delete from fb_ads.sync_jobs where account_id = ${id}`;
      await sql`select fb_ads.plan_refresh(${id}, now())`;
      await sql`update fb_ads.sync_jobs set report_run_id = '1' where account_id = ${id}`;
      await sql`select fb_ads.plan_window(${id}, now())`;
      assertEquals((await plans(id)).map((plan) => plan.split(" ")[0]), ["refresh", "window", "window"]);
    },
  );

  await t.step("an account that Meta refuses is refreshed by no hour, only tried again by the night", async () => {
    const id = await addAccount("9", NOON);
    await sql`insert into fb_ads.quotas (scope, key, stopped_at, stop_error, probe_after) values ('account', '9', now(), '{}', now() + interval '20 hours')`;
    const plan = (request: Record<string, boolean>) =>
      sql`select fb_ads.plan_insights(${sql.json(request)}, array[${id}::uuid])`;
    await plan({ refresh: true });
    assertEquals(await plans(id), []);
    await plan({});
    assertEquals((await plans(id)).length > 0, true);
    await sql`delete from fb_ads.sync_jobs where account_id = ${id}`;
    await sql`update fb_ads.quotas set probe_after = now() where key = '9'`;
    await plan({ refresh: true });
    assertEquals((await plans(id)).length, 1);
  });

  await t.step("a range that was given up begins anew, without its old report and cursor", async () => {
    const id = await addAccount("4", NOON);
    await sql`select fb_ads.plan_backfill(${id}, ${await dayAt(NOON, 50)}, ${await dayAt(NOON, 48)}, 'request', now())`;
    await sql`update fb_ads.sync_jobs set state = 'failed', finished_at = now() - interval '1 hour', report_run_id = '1', cursor = 'x', page_count = 3,
      params = '{"read": "report", "report": {"restarts": 1}}' where account_id = ${id}`;
    await sql`select fb_ads.plan_window(${id}, now())`;
    const [job] =
      await sql`select state, report_run_id, cursor, page_count, params from fb_ads.sync_jobs where account_id = ${id} and purpose = 'backfill'`;
    assertEquals({ ...job }, {
      state: "pending",
      report_run_id: null,
      cursor: null,
      page_count: 0,
      params: { read: "report" },
    });
  });

  for (const zone of ["Pacific/Kiritimati", "Etc/GMT+12"]) {
    await t.step(`a range asked of an account that was never read ends with its own today (${zone})`, async () => {
      // One transaction, and so one instant: no day ends in it.
      await sql.begin(async (tx) => {
        const id = await addAccount(zone.length.toString(), null, tx);
        const since = await dayAt(zone, 5, tx);
        await tx`select fb_ads.plan_insights(${tx.json({ since })}, array[${id}::uuid])`;
        const [plan] = await tx`select plan_id from fb_ads.insight_backfills where account_id = ${id}`;
        const [started] =
          await tx`select fb_ads.start_sync_job(job.id, null) as job from fb_ads.sync_jobs as job where job.account_id = ${id} limit 1`;
        const account = {
          fb_account_id: zone.length.toString(),
          timezone_name: zone,
          currency: "USD",
          configured: true,
        };
        const request = { job_id: started?.job.id, lease_id: started?.job.lease_id, account };
        await tx`select public.fb_replan_insights(${tx.json(request)})`;
        assertEquals(await plans(id, tx), [`backfill ${since}..${await dayAt(zone, 0, tx)}`]);
        const [again] = await tx`select plan_id from fb_ads.insight_backfills where account_id = ${id}`;
        assertEquals(again?.plan_id, plan?.plan_id, "who looks at its progress need not look elsewhere");
      });
    });
  }

  await t.step(
    "an account that the configuration names from now on is enabled by any call, one that a person disabled is not",
    async () => {
      await sql`insert into public.ad_accounts (fb_account_id, configured, enabled) values ('71', false, false), ('72', true, false)`;
      const configured = { mode: "list", ids: ["71", "72"] };
      const request = { function_slug: "fb-sync-insights", token_fingerprint: "0", configured, resume: true };
      await sql`select public.fb_start_sync_run(${sql.json(request)})`;
      const rows =
        await sql`select enabled from public.ad_accounts where fb_account_id in ('71', '72') order by fb_account_id`;
      assertEquals(rows.map((row) => row.enabled), [true, false]);
    },
  );

  await t.step(
    "what waits for an account ends when it is disabled, and is taken up when it is enabled again",
    async () => {
      const id = await addAccount("73", NOON);
      const states = async () =>
        (await sql`select distinct purpose, state from fb_ads.sync_jobs where account_id = ${id} and kind = 'insights' order by 1, 2`)
          .map(({ purpose, state }) => `${purpose} ${state}`);
      const older = { since: await dayAt(NOON, 45), until: await dayAt(NOON, 40) };
      await sql`select fb_ads.plan_insights(${sql.json(older)}, array[${id}::uuid])`;
      await sql`select fb_ads.plan_insights('{}', array[${id}::uuid])`;
      assertEquals(await states(), ["backfill pending", "window pending"]);
      await sql`update public.ad_accounts set enabled = false where id = ${id}`;
      assertEquals(await states(), ["backfill failed", "window failed"]);
      await sql`update public.ad_accounts set enabled = true where id = ${id}`;
      await sql`select fb_ads.plan_insights('{}', array[${id}::uuid])`;
      assertEquals(await states(), ["backfill pending", "window failed", "window pending"]);
    },
  );
});
