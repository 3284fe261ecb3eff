/**
 * The outbox in the database: who may take what up, and what an idle minute costs.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { storeEvents } from "./stored_events.ts";

async function claim(platform: Platform, limit = 1_000): Promise<string[]> {
  const { sql } = platform;
  const request = sql.json({ pixels: [{ pixel_id: "1", token_fingerprint: "0" }], limit });
  const [row] = await sql`select public.fb_claim_deliveries(${request}) as claim`;
  return decodeIds(row?.claim);
}

function decodeIds(claimed: unknown): string[] {
  return (claimed as { deliveries: { event_id: string }[] }).deliveries.map((delivery) => delivery.event_id);
}

Deno.test("deliveries are taken up once, by whoever comes first", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await storeEvents(platform, Array.from({ length: 200 }, (_, index) => ({ event_id: `e${index}` })));
  const claims = await Promise.all(Array.from({ length: 4 }, () => claim(platform, 60)));
  const taken = claims.flat();
  assertEquals([taken.length, new Set(taken).size], [200, 200]);
  assertEquals(await claim(platform), []);
  await sql`update fb_ads.event_deliveries set lease_until = now() where event_row_id in
    (select id from fb_ads.conversion_events where event_id = 'e7')`;
  assertEquals(await claim(platform), ["e7"]);
  const [row] =
    await sql`select delivery.first_unknown_at is not null as is_unknown, delivery.attempts from fb_ads.event_deliveries as delivery
    join fb_ads.conversion_events as event on event.id = delivery.event_row_id where event.event_id = 'e7'`;
  assertEquals(row, { is_unknown: true, attempts: 2 });
});

Deno.test("an idle minute looks at a few pages, whatever the history", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql`insert into fb_ads.conversion_events (event_name, event_id, event_time, content, origin, state, final_at)
    select 'Lead', n::text, now(), '{}', 'server', 'stored', now() from generate_series(1, 50000) as n`;
  await sql`insert into fb_ads.event_deliveries (event_row_id, pixel_id, state, sent_at) select id, '1', 'sent', now() from fb_ads.conversion_events`;
  await sql`vacuum analyze fb_ads.conversion_events, fb_ads.event_deliveries`;
  await sql.begin(async (tx) => {
    // The first call of a connection reads the catalogue.
    await tx`select fb_ads.has_delivery_work()`;
    const [plan] = await tx`explain (analyze, buffers, format json) select fb_ads.has_delivery_work()`;
    assert(decodeBuffers(plan?.["QUERY PLAN"]) < 100);
  });
  assertEquals((await sql`select fb_ads.has_delivery_work() as work`)[0]?.work, false);
  await sql`insert into fb_ads.event_deliveries (event_row_id, pixel_id) select min(id), '2' from fb_ads.conversion_events`;
  assertEquals((await sql`select fb_ads.has_delivery_work() as work`)[0]?.work, true);
  await sql`update fb_ads.event_deliveries set next_attempt_at = now() + interval '1 minute' where state = 'pending'`;
  assertEquals((await sql`select fb_ads.has_delivery_work() as work`)[0]?.work, false);
});

function decodeBuffers(plan: unknown): number {
  const [{ Plan }] = plan as [{ Plan: Record<string, number> }];
  return (Plan["Shared Hit Blocks"] ?? 0) + (Plan["Shared Read Blocks"] ?? 0);
}

Deno.test("retries come later and later, and not together", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  for (const [attempts, least, most] of [[1, 7.5, 22.5], [3, 30, 90], [20, 1_800, 5_400]] as const) {
    const rows =
      await sql`select extract(epoch from fb_ads.retry_delay(${attempts}))::float8 as s from generate_series(1, 200)`;
    const delays = rows.map((row) => Number(row.s));
    assert(Math.min(...delays) >= least && Math.max(...delays) <= most);
    assert(new Set(delays).size > 150);
  }
});
