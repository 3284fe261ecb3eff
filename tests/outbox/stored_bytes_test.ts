/**
 * What a stranger can have stored: bounded in bytes, and gone with its time.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { answersOf, pageView, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";
import type { Platform } from "../../scripts/supabase-local/mod.ts";
import { settleBackground } from "../../shared/edge/background.ts";
import { browserId, forgetBrowsers, openBrowsers, statusOf } from "./browsers.ts";

/** What an event that is charged, and a denial, take in tables and indexes at most: docs/security.md states it. */
const BYTES_AN_EVENT = 12_288;
const BYTES_A_DENIAL = 1_024;

/** Bytes of all tables that events are stored in, with their indexes. */
async function storedBytes({ sql }: Platform): Promise<number> {
  const [row] = await sql`
    select sum(pg_total_relation_size(class.oid))::float8 as bytes
    from pg_class as class
    where class.relnamespace = 'fb_ads'::regnamespace and class.relkind = 'r' and class.relname not like 'traffic%'`;
  return row?.bytes;
}

/** A table's rows, for every table of the suite that has any. */
async function filledTables({ sql }: Platform): Promise<Map<string, number>> {
  const tables = await sql`select relname as name from pg_class where relnamespace = 'fb_ads'::regnamespace
    and relkind = 'r' order by relname`;
  const filled = new Map<string, number>();
  for (const { name } of tables) {
    const [row] = await sql`select count(*)::int as rows from ${sql(`fb_ads.${name}`)}`;
    if (row?.rows > 0) filled.set(name, row?.rows);
  }
  return filled;
}

Deno.test("what a stranger can fill is bounded", async (t) => {
  await using suite = await startCapiSuite();
  const { platform } = suite;
  const { sql } = platform;
  const post = openBrowsers(suite);

  await t.step("what a stranger can have stored is bounded, and goes with its time", async () => {
    const events = 2_000;
    const limits = {
      visitor_events_per_minute: 1_000_000,
      visitor_events_per_day: 1_000_000,
      browser_events_per_minute: 1_000_000,
      browser_events_per_day: 4 * events,
      browser_denials_per_day: 4 * events,
    };
    await sql`update fb_ads.settings set ${sql(limits)}`;
    const letters = (length: number, seed: number) =>
      Array.from({ length }, (_, index) => String.fromCharCode(97 + ((seed * 31 + index * index * 7 + index) % 26)))
        .join("");
    // Each fills the tables in another way: as many persons as go into an event that is charged once; much content;
    // little.
    const shapes: Record<string, (index: number) => Record<string, unknown>> = {
      persons: (index) => ({
        event_name: "InitiateCheckout",
        event_source_url: `https://shop.example/?ad_id=12021000000${index}&fbclid=IwAR${index}${letters(20, index)}`,
        user_data: { fbp: browserId(`1${index}`), em: [1, 2, 3].map((n) => `x${index}y${n}@example.com`) },
        custom_data: { order_id: `order-${index}` },
      }),
      content: (index) => ({
        event_name: "ViewContent",
        user_data: { fbp: browserId(`2${index}`) },
        custom_data: { content_ids: [1, 2].map((n) => letters(700, index * 5 + n)) },
      }),
      little: (index) => ({ event_name: "Lead", user_data: { fbp: browserId(`3${index}`) } }),
    };
    for (const [shape, eventOf] of Object.entries(shapes)) {
      await forgetBrowsers(suite);
      const empty = await storedBytes(platform);
      let index = 0;
      let status = 202;
      while (status === 202) {
        const batch = Array.from({ length: 100 }, () => pageView(`${shape}-${index += 1}`, eventOf(index)));
        status = await statusOf(post({ events: batch }, "203.0.113.7"));
      }
      const [network] =
        await sql`select day_events::int as charged from fb_ads.traffic_sources where source like 'network:%'`;
      const charged: number = network?.charged;
      assert(charged > events / 2 && charged <= events, `${shape}: ${charged} events are charged`);
      // Sending them changes rows, and what a changed row was takes room until it is vacuumed.
      await settleBackground();
      const bytes = (await storedBytes(platform) - empty) / charged;
      console.log(`${shape}: ${Math.round(bytes)} bytes an event that is charged`);
      assert(bytes < BYTES_AN_EVENT, `${shape}: ${bytes} bytes an event`);
    }

    await settleBackground();
    const before = await storedBytes(platform);
    for (let index = 0; index < events; index += 200) {
      const denials = Array.from(
        { length: 200 },
        (_, place) =>
          pageView(`denial-${index + place}`, {
            consent: "denied",
            user_data: { fbp: browserId(`4${index + place}`) },
          }),
      );
      assertEquals(await statusOf(post({ events: denials }, "203.0.113.7")), 202);
    }
    const bytes = (await storedBytes(platform) - before) / events;
    console.log(`denials: ${Math.round(bytes)} bytes each`);
    assert(bytes < BYTES_A_DENIAL, `${bytes} bytes a denial`);
  });

  await t.step("every table that a stranger fills is empty when its time is over", async () => {
    await forgetBrowsers(suite);
    const before = await filledTables(platform);
    const landing = (index: number) => ({
      event_name: "InitiateCheckout",
      event_source_url: `https://shop.example/?ad_id=1202100000${index}&fbclid=IwAR${index}`,
      user_data: { fbp: browserId(`5${index}`), em: `z${index}@example.com` },
      custom_data: { order_id: `order-${index}` },
    });
    const events = Array.from({ length: 50 }, (_, index) => pageView(`kept-${index}`, landing(index)));
    await answersOf(await post({ events }, "203.0.113.7"));
    await answersOf(await post(pageView("denied", { consent: "denied" }), "203.0.113.7"));
    await settleBackground();
    const filled = await filledTables(platform);
    const grown = [...filled].filter(([name, rows]) => rows > (before.get(name) ?? 0)).map(([name]) => name);
    assertEquals(grown, [
      "browser_people",
      "checkout_clicks",
      "consents",
      "conversion_events",
      "event_deliveries",
      "pixels",
      "touchpoints",
      "traffic_days",
      "traffic_sources",
    ]);
    await sql`update fb_ads.conversion_events set final_at = final_at - interval '31 days', received_at = received_at - interval '31 days'`;
    await sql`update fb_ads.touchpoints set clicked_at = clicked_at - interval '91 days'`;
    await sql`update fb_ads.browser_people set last_seen_at = last_seen_at - interval '91 days'`;
    await sql`update fb_ads.checkout_clicks set created_at = created_at - interval '91 days'`;
    await sql`update fb_ads.consents set created_at = created_at - interval '396 days'`;
    await sql`update fb_ads.traffic_sources set last_seen_on = last_seen_on - 31`;
    await sql`update fb_ads.traffic_days set day = day - 2`;
    await platform.runCronJob("fb-ads-retention");
    const left = [...await filledTables(platform)].map(([name]) => name);
    // A pixel is one that the configuration names.
    assertEquals(grown.filter((name) => left.includes(name)), ["pixels"]);
  });
  await settleBackground();
});
