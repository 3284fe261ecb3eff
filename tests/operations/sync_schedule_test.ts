/**
 * The chain from the schedule to the rows: cron → `net.http_post` → function → tables; and what the tick does and does
 * not send. Runs on whatever pg_cron, pg_net and Vault the server offers.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Platform } from "../../scripts/supabase-local/mod.ts";
import { smallWorld } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, sync } from "../../scripts/dev/testing/suite.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";
import { assertTree } from "../catalogue/metadata_expectations.ts";

const NOW = new Date("2026-11-22T03:00:00Z");

/** The first row of a query, as soon as it has one. */
async function untilRow(platform: Platform, query: string): Promise<Record<string, unknown>> {
  let found: Record<string, unknown> | undefined;
  await until(`there is a row: ${query}`, async () => {
    [found] = await platform.sql.unsafe(query);
    return found !== undefined;
  });
  if (!found) throw new Error("no row");
  return found;
}

const queued = async (platform: Platform) =>
  Number((await platform.sql`select last_value, is_called from net.http_request_queue_id_seq`)[0]?.last_value ?? 0);

Deno.test("the schedule fills the ad tree: cron fires, pg_net posts, the function writes", async () => {
  await using suite = await startSuite({ graph: { world: smallWorld(NOW) }, platform: { schedule: true } });
  const { platform, graph } = suite;
  const [job] = await platform.sql`select jobid, schedule, active from cron.job where jobname = 'fb-sync-metadata'`;
  assertEquals({ schedule: job?.schedule, active: job?.active }, { schedule: "15 18 * * *", active: true });
  // Versions of the real pg_cron before 1.5 know no seconds: then the next full minute is awaited.
  const soon = platform.realExtensions.has("pg_cron") ? "* * * * *" : "1 seconds";
  await platform.sql`select cron.alter_job(${job?.jobid}, schedule => ${soon})`;
  await untilRow(
    platform,
    "select 1 from fb_ads.sync_runs where finished_at is not null and jobs_done > 0 and jobs_left = 0",
  );
  await platform.sql`select cron.alter_job(${job?.jobid}, schedule => '15 18 * * *')`;
  await assertTree(platform, graph.world.accounts);
  const detail = await untilRow(
    platform,
    "select status from cron.job_run_details d join cron.job j using (jobid) where j.jobname = 'fb-sync-metadata' and d.status = 'succeeded' limit 1",
  );
  assertEquals(detail.status, "succeeded");
  const answer = await untilRow(
    platform,
    "select status_code from net._http_response where status_code is not null limit 1",
  );
  assertEquals(answer.status_code, 202);
});

Deno.test("fb-ads-tick calls only what has work", async (t) => {
  await using suite = await startSuite({ graph: { world: smallWorld(NOW) } });
  const { platform, graph } = suite;
  const { sql } = platform;

  await t.step("an idle minute sends nothing", async () => {
    await sync(platform, "fb-sync-metadata");
    const before = await queued(platform);
    const calls = graph.ledger.count;
    await platform.runCronJob("fb-ads-tick");
    assertEquals(await queued(platform), before);
    assertEquals(graph.ledger.count, calls);
  });

  await t.step("what a spent invocation left is taken up, without a new plan", async () => {
    graph.faults.add({ match: { route: "ads" }, action: { kind: "error", error: "4" }, times: 1 });
    await sync(platform, "fb-sync-metadata");
    const before = await queued(platform);
    await platform.runCronJob("fb-ads-tick");
    assertEquals(await queued(platform), before, "nothing while all is throttled");
    // The hour of Meta's quota is over.
    await sql`update fb_ads.quotas set throttled_until = null`;
    await sql`update fb_ads.sync_jobs set not_before = now() where state = 'pending'`;
    const [planned] = await sql`select max(id)::int as id from fb_ads.sync_jobs where kind = 'accounts'`;
    await platform.runCronJob("fb-ads-tick");
    await untilRow(
      platform,
      "select 1 where not exists (select from fb_ads.sync_jobs where state in ('pending', 'running') and kind = any (fb_ads.sync_kinds('fb-sync-metadata')))",
    );
    const [after] = await sql`select max(id)::int as id from fb_ads.sync_jobs where kind = 'accounts'`;
    assertEquals(after?.id, planned?.id);
    await assertTree(platform, graph.world.accounts);
  });

  await t.step("no call without a free slot", async () => {
    await untilRow(platform, "select 1 where not exists (select from fb_ads.sync_runs where finished_at is null)");
    await sql`update fb_ads.sync_jobs set state = 'pending', finished_at = null, not_before = now() where id = (select min(id) from fb_ads.sync_jobs)`;
    await sql`insert into fb_ads.sync_runs (function_slug, lease_until) select 'fb-sync-metadata', now() + interval '1 minute' from generate_series(1, 2)`;
    assertEquals((await sql`select fb_ads.has_sync_work('fb-sync-metadata') as due`)[0]?.due, false);
    await sql`delete from fb_ads.sync_runs where finished_at is null`;
    assertEquals((await sql`select fb_ads.has_sync_work('fb-sync-metadata') as due`)[0]?.due, true);
    await sql`delete from fb_ads.sync_jobs where state = 'pending'`;
  });
});

Deno.test("fb_ads.invoke_edge_function sends the key to this project alone", async (t) => {
  await using suite = await startSuite();
  const { sql } = suite.platform;
  const invoke = () => sql`select fb_ads.invoke_edge_function('fb-sync-metadata')`;
  const set = (name: string, value: string) =>
    sql`select vault.update_secret(id, ${value}) from vault.secrets where name = ${name}`;

  for (
    const url of [
      "http://abcdefghijklmnopqrst.supabase.co",
      "https://evil.example",
      "https://abcdefghijklmnopqrst.supabase.co.evil.example",
      "https://abcdefghijklmnopqrst.supabase.co@evil.example",
      "https://evil.example/?x=https://abcdefghijklmnopqrst.supabase.co",
      "https://127.0.0.1.evil.example",
      "ftp://127.0.0.1",
    ]
  ) {
    await t.step(`not to ${url}`, async () => {
      await set("fb_ads_project_url", url);
      const error = await assertRejects(invoke);
      assert(String(error).includes("fb_ads_project_url"), String(error));
    });
  }

  await t.step("to https on a Supabase project, to loopback, and to the host that the settings name", async () => {
    const accepted = await sql`
      select url, fb_ads.is_project_url(url) as ok from unnest(array['https://abcdefghijklmnopqrst.supabase.co', 'https://abcdefghijklmnopqrst.supabase.co/',
        'http://127.0.0.1:54321', 'http://localhost:54321', 'http://[::1]:54321', 'https://api.shop.example']) as url`;
    assertEquals([...accepted].map((row) => row.ok), [true, true, true, true, true, false]);
    await sql`update fb_ads.settings set project_host = 'api.shop.example'`;
    const own =
      await sql`select fb_ads.is_project_url('https://api.shop.example') as https, fb_ads.is_project_url('http://api.shop.example') as http`;
    assertEquals({ ...own[0] }, { https: true, http: false });
  });

  await t.step("a missing secret is named", async () => {
    for (const name of ["fb_ads_function_key", "fb_ads_project_url"]) {
      await sql`delete from vault.secrets where name = ${name}`;
      const error = await assertRejects(invoke);
      assert(String(error).includes(name), String(error));
    }
  });

  await t.step("no key stands in cron.job or in a function's text", async () => {
    const jobs = await sql`select command from cron.job`;
    assertEquals([...jobs].filter((job) => /apikey|sb_secret|Bearer/.test(job.command)), []);
    const found = await sql`select from pg_proc where prosrc like '%sb_secret%'`;
    assertEquals(found.length, 0);
  });
});

Deno.test("a sync under way holds up no other call of pg_net", async () => {
  await using suite = await startSuite({ graph: { world: smallWorld(NOW) } });
  const { platform, graph } = suite;
  graph.faults.add({ action: { kind: "hold" } });
  await platform.sql`select fb_ads.invoke_edge_function('fb-sync-metadata')`;
  await untilRow(platform, "select 1 from fb_ads.sync_runs where finished_at is null");
  const [asked] = await platform.sql`select net.http_get(${`${platform.apiUrl}/rest/v1/`}) as id`;
  await untilRow(platform, `select 1 from net._http_response where id = ${asked?.id}`);
  const [run] = await platform.sql`select finished_at from fb_ads.sync_runs`;
  assertEquals(run?.finished_at, null, "the sync is still at work");
  await platform.killFunction("fb-sync-metadata");
});
