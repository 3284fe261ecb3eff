/**
 * The limits of browsers: no source of traffic spends them for the others, nobody is kept from withdrawing, and what a
 * stranger can have stored is bounded in bytes and goes with its time.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { answersOf, clearEvents, ORIGIN, pageView, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";
import type { Suite } from "../../scripts/dev/testing/suite.ts";
import { howMany } from "../../scripts/dev/testing/thorough.ts";
import { settleBackground } from "../../shared/edge/background.ts";
import { openFunctions } from "../open_functions.ts";

/** Events of a stranger's request. */
const BATCH = howMany({ usually: 20, thoroughly: 1_000 });
const ADDRESSES = 62;

/** What an event that is charged, and a denial, take in tables and indexes at most: docs/security.md states it. */
const BYTES_AN_EVENT = 12_288;
const BYTES_A_DENIAL = 1_024;

type Platform = Suite["platform"];

/** Addresses of as many networks. */
const forged = Array.from({ length: ADDRESSES }, (_, index) => `203.0.${index}.7`);
const browserId = (name: string | number) => `fb.1.1795300000000.${name}`;
const HONEST = browserId(42);

const batchOf = (address: string, more: (index: number) => Record<string, unknown>) => ({
  events: Array.from({ length: BATCH }, (_, index) => pageView(`${address}-${index}`, more(index))),
});

const checkout = (order_id: string) =>
  pageView(`checkout-${order_id}`, {
    event_name: "InitiateCheckout",
    custom_data: { order_id },
    user_data: { fbp: HONEST },
  });

async function statusOf(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

/** The limits of a day alone, for no minute turns on a test then: sixty batches beside what is reserved. */
async function setLimits({ sql }: Platform, more: Record<string, number> = {}): Promise<void> {
  const limits = {
    visitor_events_per_minute: 1_000_000,
    visitor_events_per_day: 1_000_000,
    browser_events_per_minute: 4_000_000,
    browser_events_per_day: 60 * BATCH,
    browser_denials_per_day: 100 * BATCH,
    ...more,
  };
  await sql`update fb_ads.settings set ${sql(limits)}`;
}

async function countOf({ sql }: Platform, table: string): Promise<number> {
  const [row] = await sql`select count(*)::int as rows from ${sql(table)}`;
  return row?.rows;
}

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

/** The next day begins: the networks of this one were seen before. */
async function passDay({ sql }: Platform): Promise<void> {
  await sql`update fb_ads.traffic_sources set first_seen_on = first_seen_on - 1, last_seen_on = last_seen_on - 1`;
  await sql`truncate fb_ads.traffic_days`;
}

Deno.test("the limits of browsers are no switch", async (t) => {
  await using suite = await startCapiSuite();
  const { platform } = suite;
  const { sql } = platform;
  const { "capi-event": capiEvent } = openFunctions(suite, []);
  const post = (body: unknown, address: string) =>
    capiEvent(
      new Request("http://127.0.0.1/capi-event", {
        method: "POST",
        headers: {
          apikey: platform.publishableKey,
          Origin: ORIGIN,
          "User-Agent": "Mozilla/5.0 (test)",
          "x-forwarded-for": address,
        },
        body: JSON.stringify(body),
      }),
    );
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      await settleBackground();
      await clearEvents(suite);
      await sql`truncate fb_ads.touchpoints, fb_ads.browser_people, fb_ads.checkout_clicks`;
      await setLimits(platform);
      await run();
    });

  await step(`denied page views of ${ADDRESSES} forged addresses keep nobody out, and are not stored`, async () => {
    for (const address of forged) {
      const denied = batchOf(address, (index) => ({
        consent: "denied",
        user_data: { fbp: browserId(`${address}${index}`.replaceAll(".", "")) },
      }));
      assertEquals(await statusOf(post(denied, address)), 202);
    }
    assertEquals(await countOf(platform, "fb_ads.conversion_events"), 0);
    assertEquals(
      (await answersOf(await post(checkout("o-1"), "198.51.100.7")))[0]?.status,
      "accepted",
    );
    const consent = { state: "denied", browser_id: HONEST };
    assertEquals(await statusOf(post({ consent }, "198.51.100.7")), 202);
    const [newest] = await sql`select state from fb_ads.consents order by id desc limit 1`;
    assertEquals(newest?.state, "denied");
  });

  await step(
    "granted ones spend the shared half alone: networks that were seen before, and withdrawals, pass",
    async () => {
      const known = "198.51.100.7";
      await answersOf(await post(checkout("o-2"), known));
      await passDay(platform);
      await setLimits(platform, { browser_events_per_day: 120 * BATCH });
      const statuses: number[] = [];
      for (const address of forged) {
        statuses.push(await statusOf(post(batchOf(address, () => ({})), address)));
      }
      assertEquals(statuses.slice(0, 60), new Array<number>(60).fill(202));
      assertEquals(statuses.slice(60), [429, 429]);
      const stranger = "192.0.2.9";
      assertEquals(await statusOf(post(checkout("o-3"), stranger)), 429);
      assertEquals(await statusOf(post(checkout("o-4"), "198.51.100.200")), 202);

      const consent = { state: "denied", browser_id: HONEST };
      assertEquals(await statusOf(post({ consent }, stranger)), 202);
      // A denial among what is refused counts: the order does not, and may come again.
      const mixed = {
        events: [{ ...checkout("o-5"), consent: "denied", user_data: { fbp: browserId(99) } }, checkout("o-6")],
      };
      assertEquals(await statusOf(post(mixed, stranger)), 429);
      const denials = await sql`select subject from fb_ads.consents where state = 'denied'`;
      assertEquals(denials.length, 2);
      assertEquals((await sql`select from fb_ads.conversion_events where order_id in ('o-3', 'o-5', 'o-6')`).length, 0);
    },
  );

  await step("one network takes a quarter, however many addresses it has", async () => {
    const statuses: number[] = [];
    for (let host = 1; host <= 20; host += 1) {
      const address = `203.0.113.${host}`;
      statuses.push(await statusOf(post(batchOf(address, () => ({})), address)));
    }
    assertEquals(statuses, [...new Array<number>(15).fill(202), ...new Array<number>(5).fill(429)]);
    assertEquals(await statusOf(post(checkout("o-7"), "192.0.2.9")), 202);
  });

  await step(
    "denials of browsers that nothing is known of are remembered up to their limit, others always",
    async () => {
      await setLimits(platform, { browser_denials_per_day: 40 });
      await answersOf(await post(checkout("o-8"), "192.0.2.9"));
      const deny = (id: string, address: string) =>
        statusOf(post({ consent: { state: "denied", browser_id: id } }, address));
      // One network's share is ten.
      for (let index = 0; index < 12; index += 1) {
        assertEquals(await deny(browserId(1_000 + index), "203.0.113.7"), 202);
      }
      assertEquals((await sql`select from fb_ads.consents where state = 'denied'`).length, 10);
      assertEquals(await deny(browserId(2_000), "198.51.100.7"), 202);
      assertEquals(await deny(HONEST, "203.0.113.7"), 202);
      assertEquals((await sql`select from fb_ads.consents where state = 'denied'`).length, 12);
    },
  );

  await step(
    "a charge stands though storing fails, and a visitor who has spent his limit is refused before it",
    async () => {
      await setLimits(platform, { visitor_events_per_day: 100 });
      await sql`alter table fb_ads.conversion_events add constraint nothing_is_stored check (event_name <> 'PageView')`;
      const batch = { events: Array.from({ length: 40 }, (_, index) => pageView(`fails-${index}`)) };
      const statuses: number[] = [];
      for (let time = 0; time < 4; time += 1) {
        statuses.push(
          await statusOf(post(batch, "203.0.113.7")),
        );
      }
      await sql`alter table fb_ads.conversion_events drop constraint nothing_is_stored`;
      assertEquals(statuses, [500, 500, 429, 429]);
    },
  );

  await step("what a stranger can have stored is bounded, and goes with its time", async () => {
    const events = 2_000;
    await setLimits(platform, {
      browser_events_per_day: 4 * events,
      browser_denials_per_day: 4 * events,
    });
    const letters = (length: number, seed: number) =>
      Array.from({ length }, (_, index) => String.fromCharCode(97 + ((seed * 31 + index * index * 7 + index) % 26)))
        .join("");
    // Each fills the tables in another way: as many persons as go into an event that is charged once; much content; little.
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
      await settleBackground();
      await clearEvents(suite);
      await sql`truncate fb_ads.touchpoints, fb_ads.browser_people, fb_ads.checkout_clicks`;
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

  await step("every table that a stranger fills is empty when its time is over", async () => {
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
