/**
 * pg_cron as the migrations meet it: the same claims hold for the real extension and for the stand-in, save where a
 * test says that it is about one of them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { isDue } from "../cron_worker.ts";
import { type Platform, type PlatformOptions, type Sql, startPlatform } from "../mod.ts";
import postgres from "postgres";
import { until } from "../waiting.ts";

function start(options: PlatformOptions = {}): Promise<Platform> {
  return startPlatform({ migrations: false, schedule: false, ...options });
}

async function asHost<Result>(platform: Platform, work: (sql: Sql) => Promise<Result>): Promise<Result> {
  const sql = postgres(platform.hostDbUrl, { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

async function codeOf(query: Promise<unknown>): Promise<unknown> {
  const error = await assertRejects(() => query);
  return error instanceof Error && "code" in error ? error.code : null;
}

Deno.test("the role postgres schedules jobs as with pg_cron", async (t) => {
  await using platform = await start();
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      await run();
      await platform.sql`delete from cron.job`;
    });

  await step("`cron.schedule` updates a job of the same name in place, and does not make it active again", async () => {
    await asHost(platform, async (sql) => {
      const [first] = await sql<{ id: string }[]>`select cron.schedule('nightly', '0 3 * * *', 'select 1') as id`;
      await sql`select cron.alter_job(${first?.id ?? ""}, active => false)`;
      const [second] = await sql<{ id: string }[]>`select cron.schedule('nightly', '5 4 * * *', 'select 2') as id`;
      assertEquals(second?.id, first?.id);
      const jobs = await sql`select jobname::text, schedule, command, active, username, database from cron.job`;
      assertEquals([...jobs], [{
        jobname: "nightly",
        schedule: "5 4 * * *",
        command: "select 2",
        active: false,
        username: "postgres",
        database: "postgres",
      }]);
      await sql`select cron.unschedule('nightly')`;
      assertEquals((await sql`select from cron.job`).length, 0);
    });
  });

  await step("`cron.schedule` refuses wrong schedules and names, and is undone by a rollback", async () => {
    await asHost(platform, async (sql) => {
      for (const schedule of ["60 seconds", "0 seconds", "99 0 * * *", "* * *", "often", "61 * * * *", "* * * foo *"]) {
        assertEquals(await codeOf(sql`select cron.schedule('wrong', ${schedule}, 'select 1')`), "22023", schedule);
      }
      for (const schedule of ["*/5 1-3,7 * jan mon", "0 0 1 1 0", "@hourly", "0 0 1-31/2 * 1-5"]) {
        await sql`select cron.schedule('right', ${schedule}, 'select 1')`;
      }
      await assertRejects(() => sql`select cron.schedule(null, '* * * * *', 'select 1')`);
      assertEquals(await codeOf(sql`select cron.unschedule('unknown')`), "XX000");
      await sql.begin(async (transaction) => {
        await transaction`select cron.schedule('undone', '* * * * *', 'select 1')`;
        throw new Error("rolled back");
      }).catch(() => undefined);
      assertEquals((await sql`select from cron.job where jobname = 'undone'`).length, 0);
    });
  });

  await step(
    "the role postgres uses the functions of pg_cron and may not write its table; the API roles see nothing",
    async () => {
      await asHost(platform, async (sql) => {
        await sql`select cron.schedule('mine', '* * * * *', 'select 1')`;
        assertEquals(await codeOf(sql`update cron.job set active = false`), "42501");
        assertEquals(
          await codeOf(sql`insert into cron.job (schedule, command) values ('* * * * *', 'select 1')`),
          "42501",
        );
        await sql`delete from cron.job_run_details`;
        for (const role of ["anon", "authenticated", "service_role"]) {
          const refused = sql.begin(async (transaction) => {
            await transaction.unsafe(`set local role ${role}`);
            await transaction`select * from cron.job`;
          });
          assertEquals(await codeOf(refused), "42501", role);
        }
      });
      const seen = await platform.sql.begin(async (transaction) => {
        await transaction.unsafe("create role reader; grant usage on schema cron to reader; set local role reader");
        return [...await transaction`select jobname::text from cron.job`];
      });
      assertEquals(seen, [], "row level security hides the jobs of others");
    },
  );

  await step("the functions of schema cron have pg_cron's arguments and defaults", async () => {
    const rows = await platform.sql<{ declared: string }[]>`
      select format('%s(%s) %s', proname, pg_get_function_arguments(oid), pg_get_function_result(oid)) as declared
      from pg_proc
      where pronamespace = 'cron'::regnamespace and proname in ('schedule', 'schedule_in_database', 'alter_job')
      order by 1`;
    assertEquals(rows.map(({ declared }) => declared), [
      "alter_job(job_id bigint, schedule text DEFAULT NULL::text, command text DEFAULT NULL::text, " +
      "database text DEFAULT NULL::text, username text DEFAULT NULL::text, active boolean DEFAULT NULL::boolean) void",
      "schedule(job_name text, schedule text, command text) bigint",
      "schedule(schedule text, command text) bigint",
      "schedule_in_database(job_name text, schedule text, command text, database text, " +
      "username text DEFAULT NULL::text, active boolean DEFAULT true) bigint",
    ]);
  });

  await step("`runCronJob` runs a job's command as its user, in one transaction, and records the run", async () => {
    await asHost(platform, async (sql) => {
      await sql`create table public.ran (by_user text)`;
      await sql`select cron.schedule('good', '0 0 1 1 *', 'insert into public.ran values (current_user); select 1')`;
      await sql`select cron.schedule('bad', '0 0 1 1 *', 'insert into public.ran values (''bad''); select 1/0')`;
    });
    assertEquals(await platform.runCronJob("good"), { status: "succeeded", return_message: "SELECT 1" });
    await assertRejects(() => platform.runCronJob("bad"), Error, "division by zero");
    await assertRejects(() => platform.runCronJob("unknown"), Error, "no cron job named unknown");
    assertEquals([...await platform.sql`select by_user from public.ran`], [{ by_user: "postgres" }]);
    const runs = await platform.sql`select status, return_message from cron.job_run_details order by runid`;
    assertEquals([...runs], [
      { status: "succeeded", return_message: "SELECT 1" },
      { status: "failed", return_message: "ERROR: division by zero" },
    ]);
  });
});

Deno.test("the clock runs interval jobs without a job beside itself, and different jobs at once", async () => {
  await using platform = await start({ schedule: true });
  if (platform.realExtensions.has("pg_cron")) return;
  const { sql } = platform;
  await sql`create table public.run (job text, began timestamptz, ended timestamptz)`;
  for (const [job, seconds] of [["long", "2.2"], ["short", "0"]]) {
    await sql`select cron.schedule(${job ?? ""}, '1 second', ${`
      insert into public.run values ('${job}', clock_timestamp(), null);
      select pg_sleep(${seconds});
      update public.run set ended = clock_timestamp() where job = '${job}' and ended is null`})`;
  }
  await until("the long job ran twice", async () => (await sql`select from public.run where job = 'long'`).length >= 2);
  const [overlaps] = await sql<{ same: number; different: number }[]>`
    select
      count(*) filter (where one.job = other.job)::int as same,
      count(*) filter (where one.job <> other.job)::int as different
    from public.run one join public.run other
      on one.ctid <> other.ctid and one.began < other.ended and other.began < one.ended`;
  assertEquals(overlaps?.same, 0);
  assert((overlaps?.different ?? 0) > 0);
});

Deno.test("the clock starts a job of every minute on the minute, by UTC, and only where a platform asks for it", async () => {
  let ahead_ms = 0;
  await using still = await start({ schedule: false });
  await using platform = await start({ schedule: true, cronClock: () => Date.now() + ahead_ms });
  // The stand-in's minute ends a second from now; for the real pg_cron this is the machine's.
  if (!platform.realExtensions.has("pg_cron")) ahead_ms = 59_000 - Date.now() % 60_000;
  await still.sql`create table public.run (at timestamptz)`;
  await still.sql`select cron.schedule('each minute', '* * * * *', 'insert into public.run values (now())')`;
  await platform.sql`select cron.schedule('each minute', '* * * * *', 'select 1')`;
  await until("the job has succeeded", async () => {
    return (await platform.sql`select from cron.job_run_details where status = 'succeeded'`).length > 0;
  });
  const [run] = await platform.sql<{ start_time: Date; return_message: string }[]>`
    select start_time, return_message from cron.job_run_details`;
  const second = new Date((run?.start_time.getTime() ?? 0) + ahead_ms).getUTCSeconds();
  assert(second <= 2, `started at second ${second}`);
  assertMatch(run?.return_message ?? "", /^SELECT 1|1 row$/);
  assertEquals([...await still.sql`select from public.run`, ...await still.sql`select from cron.job_run_details`], []);
});

Deno.test("`isDue` takes day and weekday as crontab does: either when both are given, both when one is a star", () => {
  const every = Array.from({ length: 60 }, (_, index) => index);
  const base = { minutes: every, hours: every, months: every };
  const sunday13 = new Date("2026-09-13T10:00:00Z");
  const monday14 = new Date("2026-09-14T10:00:00Z");
  const either = { ...base, days: [13], any_day: false, weekdays: [1], any_weekday: false };
  assertEquals([isDue(either, sunday13), isDue(either, monday14)], [true, true]);
  const weekdayOnly = { ...base, days: every, any_day: true, weekdays: [1], any_weekday: false };
  assertEquals([isDue(weekdayOnly, sunday13), isDue(weekdayOnly, monday14)], [false, true]);
});

Deno.test("`isDue` knows the last day of a month, in leap years too", () => {
  const every = Array.from({ length: 60 }, (_, index) => index);
  const last = {
    minutes: [0],
    hours: [0],
    months: every,
    days: [],
    last_day: true,
    weekdays: every,
    any_weekday: true,
  };
  assertEquals(isDue(last, new Date("2028-02-29T00:00:00Z")), true);
  assertEquals(isDue(last, new Date("2028-02-28T00:00:00Z")), false);
  assertEquals(isDue(last, new Date("2027-02-28T00:00:00Z")), true);
  assertEquals(isDue(last, new Date("2027-12-31T00:01:00Z")), false);
});
