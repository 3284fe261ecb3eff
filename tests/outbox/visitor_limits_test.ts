/**
 * The limits of browsers: no network spends them for the others, nobody is kept from withdrawing, and what fails is
 * charged.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { answersOf, pageView, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";
import type { Suite } from "../../scripts/dev/testing/suite.ts";
import { howMany } from "../../scripts/dev/testing/thorough.ts";
import { settleBackground } from "../../shared/edge/background.ts";
import { browserId, forgetBrowsers, openBrowsers, statusOf } from "./browsers.ts";

/** Events of a stranger's request. */
const BATCH = howMany({ usually: 20, thoroughly: 1_000 });
const ADDRESSES = 62;

type Platform = Suite["platform"];

/** Addresses of as many networks. */
const forged = Array.from({ length: ADDRESSES }, (_, index) => `203.0.${index}.7`);
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

/** The next day begins: the networks of this one were seen before. */
async function passDay({ sql }: Platform): Promise<void> {
  await sql`update fb_ads.traffic_sources set first_seen_on = first_seen_on - 1, last_seen_on = last_seen_on - 1`;
  await sql`truncate fb_ads.traffic_days`;
}

Deno.test("the limits of browsers are no switch", async (t) => {
  await using suite = await startCapiSuite();
  const { platform } = suite;
  const { sql } = platform;
  const post = openBrowsers(suite);
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      await forgetBrowsers(suite);
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
    const takeAll = async () => {
      const statuses: number[] = [];
      for (let host = 1; host <= 20; host += 1) {
        const address = `203.0.113.${host}`;
        statuses.push(await statusOf(post(batchOf(address, () => ({})), address)));
      }
      return statuses;
    };
    const aQuarter = [...new Array<number>(15).fill(202), ...new Array<number>(5).fill(429)];
    assertEquals(await takeAll(), aQuarter);
    // Nor more on the next day, when it alone was seen before.
    await passDay(platform);
    assertEquals(await takeAll(), aQuarter);
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

  await settleBackground();
});
