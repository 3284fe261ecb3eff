/**
 * What is received in another order, or at the same moment, ends the same: browsers, hosts and Meta's answers keep no
 * order.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";
import {
  AD,
  attribute,
  BUDI_DIGEST,
  credited,
  fbp,
  forget,
  makeAttributionShop,
  makeHostShop,
  outcomeOf,
  page,
  pay,
  SITI,
  SITI_DIGEST,
  touchpointOf,
  uncredited,
  visit,
} from "../attribution/attribution_shop.ts";
import { storeEvents } from "./stored_events.ts";

const PIXELS = ["1", "2"];

/** All orders of some items. */
function orders<Item>(items: Item[]): Item[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, place) => orders(items.toSpliced(place, 1)).map((rest) => [item, ...rest]));
}

/** Runs two statements in two transactions that overlap: the second begins before the first commits. */
async function overlap({ sql }: Platform, first: string, second: string): Promise<void> {
  const [one, other] = [await sql.reserve(), await sql.reserve()];
  try {
    await one`begin`;
    await one.unsafe(first);
    let isDone = false;
    const running = other.unsafe(second).then(() => isDone = true);
    await until("the second waits or is done", async () => {
      const waiting = await sql`select from pg_locks where not granted`;
      return isDone || waiting.length > 0;
    });
    await one`commit`;
    await running;
  } finally {
    one.release();
    other.release();
  }
}

const literal = (value: unknown) => `'${JSON.stringify(value).replaceAll("'", "''")}'::jsonb`;

/** Judges again what is due, now or later. */
async function attributeDue(platform: Platform): Promise<void> {
  const due = await platform.sql`select transaction_ref from fb_ads.attribution_results where due_at is not null`;
  await attribute(platform, ...due.map((row) => String(row.transaction_ref)));
}

Deno.test("the order in which things are received changes nothing", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);
  await makeHostShop(platform);
  const start = Math.floor(Date.now() / 1_000) - 7_200;
  const landing = { at: start, url: page(`ad_id=${AD}`), fbp: fbp(1) };
  const login = { at: start + 60, fbp: fbp(1), user: SITI_DIGEST, event_name: "Lead" };
  const step = (name: string, work: () => Promise<void>) =>
    t.step(name, async () => {
      await forget(platform);
      await work();
    });

  /** Claims one event for both pixels and returns what writes an outcome of it. */
  const claimForBoth = async () => {
    await storeEvents(platform, [{
      event_id: "both",
      user_digest: SITI_DIGEST,
      browser_data: { client_ip_address: "203.0.113.7" },
    }], PIXELS);
    const request = { pixels: PIXELS.map((pixel_id) => ({ pixel_id, token_fingerprint: "x" })) };
    const [row] = await sql`select public.fb_claim_deliveries(${sql.json(request)}) as claim`;
    const { lease_id, deliveries } = row?.claim ?? {};
    const event_row_ids = [deliveries[0].event_row_id];
    return (pixel_id: string, outcome: string) =>
      `select public.fb_record_deliveries(${
        literal({ lease_id, outcomes: [{ pixel_id, event_row_ids, outcome }], pixels: [] })
      })`;
  };
  const endOf = async () => {
    const [row] = await sql`
      select event.final_at is not null as is_final, event.browser_data ? 'client_ip_address' as in_clear,
        (select array_agg(delivery.state order by delivery.pixel_id) from fb_ads.event_deliveries as delivery) as states
      from fb_ads.conversion_events as event`;
    return { ...row };
  };

  await step("two pixels' outcomes written at the same moment end the event", async () => {
    const record = await claimForBoth();
    await overlap(platform, record("1", "sent"), record("2", "sent"));
    assertEquals(await endOf(), { is_final: true, in_clear: null, states: ["sent", "sent"] });
  });

  await step("a withdrawal after one pixel has the event ends it", async () => {
    const record = await claimForBoth();
    await sql.unsafe(record("1", "sent"));
    await sql.unsafe(record("2", "later"));
    await sql`select public.fb_store_consent(${sql.json({ state: "denied", user_digest: SITI_DIGEST })})`;
    assertEquals(await endOf(), { is_final: true, in_clear: null, states: ["sent", "suppressed"] });
  });

  await step("the newest consent counts, whatever is received last", async () => {
    for (const states of [["granted", "denied", "granted"], ["denied", "granted", "denied"]] as const) {
      for (const order of orders([0, 1, 2])) {
        await forget(platform);
        for (const place of order) {
          const consent = states[place] ?? null;
          await storeEvents(platform, [
            { event_id: `consent${place}`, event_time: start + 100 * place, consent, user_digest: SITI_DIGEST },
          ]);
        }
        const [newest] = await sql`
          select state, floor((extract(epoch from since) - ${start}) / 100)::int as place from fb_ads.newest_consent(${SITI_DIGEST}, null)`;
        assertEquals({ ...newest }, { state: states[2], place: 2 }, `${states} received as ${order}`);
      }
    }
  });

  await step("of a denial that events repeat the first and the last are kept", async () => {
    for (const place of [0, 1, 2, 3, 4]) {
      await storeEvents(platform, [
        { event_id: `no${place}`, event_time: start + 100 * place, consent: "denied", user_digest: SITI_DIGEST },
      ]);
    }
    const kept = await sql`
      select floor((extract(epoch from since) - ${start}) / 100)::int as place from fb_ads.consents order by since`;
    assertEquals(kept.map((row) => row.place), [0, 4]);
  });

  await step("a touchpoint that is stored while its sale is matched is found", async () => {
    const ref = await pay(platform, { at: start + 300, user: SITI });
    const touchpoint = touchpointOf({ ...landing, user: SITI_DIGEST });
    await overlap(
      platform,
      `select fb_ads.store_touchpoints(${literal([touchpoint])})`,
      `select public.fb_attribute_purchases(${literal({ transaction_refs: [ref] })})`,
    );
    await attributeDue(platform);
    assertEquals(await outcomeOf(platform, ref), credited(AD, "user_id"));
  });

  await step("a touchpoint in the buyer's browser that is received after the sale is found", async () => {
    await visit(platform, login);
    const ref = await pay(platform, { at: start + 300, user: SITI });
    await attribute(platform, ref);
    await attributeDue(platform);
    assertEquals(await outcomeOf(platform, ref), uncredited("no_touch"));
    await visit(platform, landing);
    await attributeDue(platform);
    assertEquals((await outcomeOf(platform, ref)).outcome, "attributed");
  });

  await step("that a browser was another's too counts, though it is received after the sale", async () => {
    await visit(platform, landing, login, { ...login, at: start + 6_000, user: BUDI_DIGEST });
    const ref = await pay(platform, { at: start + 300, user: SITI });
    await attribute(platform, ref);
    assertEquals((await outcomeOf(platform, ref)).outcome, "attributed");
    await visit(platform, { ...login, at: start + 30, user: BUDI_DIGEST });
    await attributeDue(platform);
    assertEquals((await outcomeOf(platform, ref)).outcome, "unattributed");
  });

  await step("who is erased while a sale is judged is gone", async () => {
    await visit(platform, { ...landing, url: page(`ad_id=${AD}&fbclid=IwAR0erase`), user: SITI_DIGEST });
    const ref = await pay(platform, { at: start + 300, user: SITI });
    await overlap(
      platform,
      `select public.fb_attribute_purchases(${literal({ transaction_refs: [ref] })})`,
      `select public.fb_erase_person('${SITI}')`,
    );
    const [sale] =
      await sql`select user_id, user_ref, fb_click_id from public.ad_attributions where transaction_ref = ${ref}`;
    assertEquals({ ...sale }, { user_id: null, user_ref: null, fb_click_id: null });
    assertEquals([...await sql`select from fb_ads.attribution_results where match_keys is not null`], []);
  });
});
