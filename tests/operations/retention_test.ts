/**
 * The nightly clean-up deletes what is past its time and nothing else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";

Deno.test("fb-ads-retention deletes old runs, jobs and cron details, and keeps young and open ones", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql`
    insert into fb_ads.sync_runs (function_slug, started_at, lease_until, finished_at)
    select 'fb-sync-metadata', now() - days * interval '1 day', now(), case when days <> 95 then now() end
    from unnest(array[1, 89, 91, 95, 400]) as days`;
  await sql`
    insert into fb_ads.sync_jobs (kind, state, finished_at)
    select 'accounts', case when days is null then 'pending' else 'done' end, now() - days * interval '1 day'
    from unnest(array[1, 13, 15, null]::integer[]) as days`;
  await sql`
    insert into cron.job_run_details (jobid, runid, status, command, start_time)
    select jobid, 1000 + days, 'succeeded', command, now() - days * interval '1 day'
    from cron.job cross join unnest(array[29, 31]) as days where jobname = 'fb-ads-tick'`;
  // Jobs that are no longer there: one of ours, of which no more go at once than a batch holds, and one of the host's.
  await sql`
    insert into cron.job_run_details (jobid, runid, status, command, start_time)
    select 900000, 2000 + n, 'succeeded', 'select fb_ads.tick();', now() - n * interval '1 day'
    from unnest(array[29, 31, 32, 33]) as n
    union all
    select 900001, 3031, 'succeeded', 'select public.close_orders();', now() - interval '31 days'`;
  const details = async () =>
    [...await sql`select runid::int from cron.job_run_details order by runid`].map(({ runid }) => runid);
  await sql`select fb_ads.delete_old_runs(2)`;
  assertEquals(await details(), [1029, 2029, 2032, 2033, 3031], "a batch at a time, the oldest runs first");
  await platform.runCronJob("fb-ads-retention");
  const [left] = await sql`
    select (select count(*)::int from fb_ads.sync_runs) as runs, (select count(*)::int from fb_ads.sync_jobs) as jobs`;
  // Of the runs those of 1 and 89 days, and the one of 95 days that never finished.
  assertEquals({ ...left }, { runs: 3, jobs: 3 });
  assertEquals((await details()).filter((runid) => runid > 1000), [1029, 2029, 3031]);
});

Deno.test("events that the clean-up deletes are counted first, by day and name", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql`
    insert into fb_ads.conversion_events (event_name, event_id, event_time, state, final_at)
    select name, format('%s %s', name, number), at, 'stored', at
    from (
      values
        ('PageView', timestamptz '2026-01-10 23:30Z', 1, 3), ('Lead', '2026-01-11 00:00Z', 1, 1), ('Lead', now(), 2, 4)
    ) as given (name, at, first, last)
    cross join lateral generate_series(first, last) as number (number)`;
  const read = async (table: string) =>
    [
      ...await sql.unsafe(`
        select date::text, event_name, events::int, suppressed::int from fb_ads.${table}
        where date < '2026-02-01' order by date, event_name`),
    ].map((row) => Object.values(row));
  const before = await read("daily_events");
  assertEquals(before, [["2026-01-10", "PageView", 3, 0], ["2026-01-11", "Lead", 1, 0]]);
  await sql`update fb_ads.conversion_events set state = 'suppressed' where event_id = 'PageView 2'`;
  await platform.runCronJob("fb-ads-retention");
  assertEquals(await read("deleted_events"), [["2026-01-10", "PageView", 3, 1], ["2026-01-11", "Lead", 1, 0]]);
  assertEquals(await read("daily_events"), await read("deleted_events"));
  const [kept] = await sql`select count(*)::int as events from fb_ads.conversion_events`;
  assertEquals(kept?.events, 3);
  // The next night adds to the same day.
  await sql`
    insert into fb_ads.conversion_events (event_name, event_id, event_time, state, final_at)
    values ('PageView', 'late', '2026-01-10 12:00Z', 'stored', '2026-01-10 12:00Z')`;
  await platform.runCronJob("fb-ads-retention");
  assertEquals((await read("daily_events"))[0], ["2026-01-10", "PageView", 4, 1]);
});
