/**
 * What the events sent carried, counted when Meta confirms them: the browser data is deleted in the same transaction.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { storeEvents } from "./stored_events.ts";

/** Noon of 20 and 21 November 2026, UTC. */
const FIRST_DAY = 1_795_176_000;
const SECOND_DAY = FIRST_DAY + 86_400;

interface Claimed {
  lease_id: string;
  deliveries: { event_row_id: number; pixel_id: string }[];
}

async function claim({ sql }: Platform, pixels: string[]): Promise<Claimed> {
  // Taken up by hand: a claim would expire events of a day that is long past.
  await sql`update fb_ads.event_deliveries set state = 'sending', lease_id = '00000000-0000-4000-8000-000000000001',
    lease_until = now() + interval '90 seconds', attempted_at = now() where state = 'pending'`;
  const deliveries = await sql<Claimed["deliveries"]>`
    select event_row_id::int, pixel_id from fb_ads.event_deliveries where state = 'sending' and pixel_id = any (${pixels})`;
  return { lease_id: "00000000-0000-4000-8000-000000000001", deliveries: [...deliveries] };
}

async function record({ sql }: Platform, { lease_id, deliveries }: Claimed, outcome: string): Promise<void> {
  const pixels = [...new Set(deliveries.map(({ pixel_id }) => pixel_id))];
  const outcomes = pixels.map((pixel_id) => ({
    pixel_id,
    outcome,
    event_row_ids: deliveries.filter((delivery) => delivery.pixel_id === pixel_id).map((delivery) =>
      delivery.event_row_id
    ),
  }));
  await sql`select public.fb_record_deliveries(${sql.json({ lease_id, outcomes })})`;
}

async function counts({ sql }: Platform, pixel: string): Promise<Record<string, string>> {
  const rows = await sql`
    select date::text || ' ' || event_name as event, string_agg(key || ' ' || events || '/' || sent, ', ' order by key) as keys
    from fb_ads.daily_event_keys where pixel_id = ${pixel} group by 1 order by 1`;
  return Object.fromEntries(rows.map((row) => [String(row.event), String(row.keys)]));
}

Deno.test("what Meta confirms is counted once, by day, pixel, name and key", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const browser_data = { client_ip_address: "203.0.113.7", client_user_agent: "Mozilla/5.0", fbc: "fb.1.1.a" };
  await storeEvents(
    platform,
    [
      { event_id: "a", event_time: FIRST_DAY, browser_data },
      { event_id: "b", event_time: FIRST_DAY },
      { event_id: "c", event_time: SECOND_DAY, browser_data: { fbp: "fb.1.1.2" } },
      { event_id: "d", event_time: SECOND_DAY, event_name: "Subscribe" },
    ],
    ["1", "2"],
  );
  const expected = {
    "2026-11-20 Lead": "email 2/2, event_id 2/2, fbc 1/2, ip_address 1/2, user_agent 1/2",
    "2026-11-21 Lead": "email 1/1, event_id 1/1, fbp 1/1",
    "2026-11-21 Subscribe": "email 1/1, event_id 1/1",
  };

  await t.step("what was not sent is not counted", async () => {
    await record(platform, await claim(platform, ["1", "2"]), "later");
    assertEquals([await counts(platform, "1"), await counts(platform, "2")], [{}, {}]);
  });
  await t.step("each pixel has counts of its own, and the browser data is gone with the last", async () => {
    const first = await claim(platform, ["1"]);
    await record(platform, first, "sent");
    assertEquals([await counts(platform, "1"), await counts(platform, "2")], [expected, {}]);
    await record(platform, first, "sent");
    assertEquals(await counts(platform, "1"), expected, "a lease that is over counts nothing");
    await record(platform, await claim(platform, ["2"]), "sent");
    assertEquals(await counts(platform, "2"), expected);
    const [left] = await platform
      .sql`select count(*)::int as n from fb_ads.conversion_events where browser_data is not null`;
    assertEquals(left?.n, 0);
  });
  await t.step("more of the same day is added, and the retention takes nothing away", async () => {
    await storeEvents(platform, [{ event_id: "e", event_time: FIRST_DAY, browser_data: { fbp: "fb.1.1.2" } }]);
    await record(platform, await claim(platform, ["1"]), "sent");
    await platform.sql`delete from fb_ads.conversion_events`;
    assertEquals(
      (await counts(platform, "1"))["2026-11-20 Lead"],
      "email 3/3, event_id 3/3, fbc 1/3, fbp 1/3, ip_address 1/3, user_agent 1/3",
    );
  });
});

Deno.test("the words for the keys are Meta's", async () => {
  await using platform = await startPlatform({ schedule: false });
  const rows = await platform.sql`
    select given.parameter || ' ' || fb_ads.match_key(given.parameter) as pair
    from unnest(array['em', 'ph', 'fn', 'ln', 'ct', 'st', 'zp', 'country', 'db', 'ge', 'external_id', 'fb_login_id',
      'client_ip_address', 'client_user_agent', 'fbc', 'fbp']) as given (parameter)`;
  // The identifiers of Meta's page on the Dataset Quality API.
  assertEquals(rows.map((row) => String(row.pair)), [
    "em email",
    "ph phone",
    "fn first_name",
    "ln last_name",
    "ct city",
    "st state",
    "zp zip",
    "country country",
    "db date_of_birth",
    "ge gender",
    "external_id external_id",
    "fb_login_id fb_login_id",
    "client_ip_address ip_address",
    "client_user_agent user_agent",
    "fbc fbc",
    "fbp fbp",
  ]);
});
