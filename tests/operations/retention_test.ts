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
