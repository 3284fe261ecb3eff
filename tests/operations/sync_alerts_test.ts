/**
 * When the alert about jobs that were given up ends: as soon as what they were to read has been read, by jobs of
 * whatever kind.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";

/** What was given up, what was read later, and whether the alert is over. */
const CASES: [string, string, string, boolean][] = [
  ["the accounts' list", "null, 'accounts', null, null", "null, 'accounts', null, null", true],
  ["the accounts' list, every account by itself", "null, 'accounts', null, null", "id, 'campaigns', null, null", true],
  ["an account by id, its lists", "id, 'account', null, null", "id, 'ads', null, null", true],
  ["campaigns, the ads after them", "id, 'campaigns', null, null", "id, 'ads', null, null", true],
  ["ads, the campaigns before them", "id, 'ads', null, null", "id, 'campaigns', null, null", false],
  ["days", "id, 'insights', '2026-11-01', '2026-11-07'", "id, 'insights', '2026-11-01', '2026-11-08'", true],
  ["other days", "id, 'insights', '2026-11-01', '2026-11-07'", "id, 'insights', '2026-11-02', '2026-11-08'", false],
  ["totals, days", "id, 'reconciliation', '2026-11-01', '2026-11-07'", "id, 'ads', null, null", false],
];

Deno.test("what was given up is told until it has been read", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql`insert into public.ad_accounts (fb_account_id, timezone_name, currency, enabled) values ('1', 'UTC', 'USD', true)`;
  for (const [name, failed, later, is_over] of CASES) {
    await t.step(`${name}: ${is_over ? "over" : "not over"}`, async () => {
      const add = (job: string, state: string, ago: string) =>
        sql.unsafe(`
          insert into fb_ads.sync_jobs (account_id, kind, since, until, state, purpose, plan_id, created_at, finished_at)
          select job.*, '${state}', 'window', gen_random_uuid(), now() - interval '${ago}', now() - interval '${ago}'
          from public.ad_accounts, lateral (values (${job})) as typed (a, b, c, d),
            lateral (select a::uuid, b, c::date, d::date) as job`);
      await sql`delete from fb_ads.sync_jobs`;
      await add(failed, "failed", "1 day");
      const told = async () => (await sql`select from public.fb_alerts where key like 'sync_failed:%'`).length;
      assertEquals(await told(), 1);
      await add(later, "done", "1 hour");
      assertEquals(await told(), is_over ? 0 : 1);
    });
  }
});
