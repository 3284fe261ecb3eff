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
    insert into cron.job_run_details (jobid, runid, status, start_time)
    select jobid, 1000 + days, 'succeeded', now() - days * interval '1 day'
    from cron.job cross join unnest(array[29, 31]) as days where jobname = 'fb-ads-tick'`;
  await platform.runCronJob("fb-ads-retention");
  const [left] = await sql`
    select (select count(*)::int from fb_ads.sync_runs) as runs, (select count(*)::int from fb_ads.sync_jobs) as jobs,
      (select count(*)::int from cron.job_run_details where runid in (1029, 1031)) as details`;
  // Of the runs those of 1 and 89 days, and the one of 95 days that never finished.
  assertEquals({ ...left }, { runs: 3, jobs: 3, details: 1 });
});
