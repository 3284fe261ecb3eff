/**
 * What the doctor says of pixels whose match quality Meta does not tell.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkQuality } from "../../../scripts/cli/doctor/quality_checks.ts";
import { connectDatabase } from "../../../scripts/cli/operator/database.ts";
import { startPlatform } from "../../../scripts/supabase-local/mod.ts";

Deno.test("a pixel that Meta says nothing of is a finding while it is in use, and not beside its own alert", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await using database = connectDatabase(platform.dbUrl);
  const warned = async () =>
    (await checkQuality({ database, env: {}, fetch })).filter(({ severity }) => severity !== "ok");
  await sql`insert into fb_ads.quality_refusals (pixel_id, error, learned_with)
    values ('4711', '{"reason": "permission_missing", "meta_code": 10}', '')`;
  assertEquals(await warned(), []);
  await sql`insert into fb_ads.sent_event_keys (date, pixel_id, event_name, key, events)
    values ((now() at time zone 'UTC')::date, '4711', 'Purchase', 'event_id', 1)`;
  const [finding, ...more] = await warned();
  assertEquals([finding?.check, finding?.severity, more], ["match_quality:4711", "warning", []]);
  assertStringIncludes(String(finding?.found), "permission_missing (code 10)");
  assertEquals((await sql`select from public.fb_alerts where key like 'quality%'`).length, 0, "nothing is lost");
  await sql`insert into fb_ads.pixels (pixel_id, state, blocked_at) values ('4711', 'blocked', now())`;
  assertEquals(await warned(), []);
  await sql`update fb_ads.pixels set state = 'open', blocked_at = null where pixel_id = '4711'`;
  await sql`update fb_ads.sent_event_keys set date = date - 8 where true`;
  assertEquals(await warned(), []);
});
