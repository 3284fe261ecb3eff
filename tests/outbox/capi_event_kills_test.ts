/**
 * `capi-event` killed at any instant, also between Meta's acceptance and our write: every event is stored, every event
 * reaches Meta, and under Meta's de-duplication none counts twice.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { howMany } from "../../scripts/dev/testing/thorough.ts";
import { momentOfKill } from "../kill_moments.ts";
import { seededFraction } from "../seeded_random.ts";
import { answerIfAny } from "../../scripts/dev/testing/suite.ts";
import { dispatchAll, lead, makeShop, PIXEL, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";

const KILLS = howMany({ usually: 10, thoroughly: 100 });
/** Leads in a request, and sales after it. */
const BATCH = 10;

Deno.test(`capi-event loses and doubles no event under ${KILLS} kills`, async () => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  await makeShop(platform);
  graph.settings.latency_ms = { min: 1, max: 40 };
  const random = seededFraction(20261123);
  const ids: string[] = [];
  const users = await sql`
    insert into public.unified_profiles (email) select 'buyer' || n || '@example.com' from generate_series(1, 50) as n returning id`;
  await sql`insert into fb_ads.consents (subject_kind, subject, state, since, source)
    select 'user', fb_ads.digest_of(id::text), 'granted', now(), 'test' from public.unified_profiles`;

  /** Posts until it is answered, as a client that keeps its events does. */
  async function post(batch: string[]): Promise<void> {
    for (;;) {
      const answer = await answerIfAny(platform, "capi-event", { events: batch.map((id) => lead(id)) });
      if (answer?.status === 202) return;
      assert(answer === null || answer.status >= 500, answer?.text);
    }
  }

  let kills = 0;
  let hasFailed = false;
  let nextKill = Promise.withResolvers<void>();
  async function kill(): Promise<void> {
    while (!hasFailed && kills < KILLS) {
      await Promise.race([momentOfKill(graph, random, 3), selling]);
      await platform.killFunction("capi-event");
      kills += 1;
      await sql`update fb_ads.event_deliveries set lease_until = now() where state = 'sending'`;
      await sql`update fb_ads.conversion_events set not_before = now() where state = 'waiting'`;
      await sql`update fb_ads.event_deliveries set next_attempt_at = now() where state = 'pending'`;
      nextKill.resolve();
      nextKill = Promise.withResolvers();
    }
  }
  /** Sells a batch and waits until something of it goes to Meta, or a kill may have cost it its sender. */
  async function sell(): Promise<void> {
    while (!hasFailed && kills < KILLS) {
      const going = Promise.race([graph.ledger.whenCalled(() => true), nextKill.promise]);
      const batch = Array.from({ length: BATCH }, (_, index) => `kill-${ids.length + index}`);
      ids.push(...batch);
      await post(batch);
      const user = users[ids.length % users.length]?.id;
      await sql`insert into public.transactions (user_id, status, amount, currency, completed_at)
        select ${user}, 'completed', 150000, 'IDR', now() from generate_series(1, ${BATCH}::integer)`;
      await platform.invoke("capi-event", { dispatch: true }, { Prefer: "respond-async" }).then(
        (response) => response.body?.cancel(),
      ).catch(() => undefined);
      await going;
    }
  }
  const selling = sell();
  // Both to their end, so that what one says is not hidden by the other's loss of its database.
  const ends = await Promise.allSettled([selling, kill()].map((work) =>
    work.catch((error) => {
      hasFailed = true;
      throw error;
    })
  ));
  for (const end of ends) if (end.status === "rejected") throw end.reason;

  graph.settings.latency_ms = { min: 0, max: 0 };
  await sql`update fb_ads.event_deliveries set lease_until = now() where state = 'sending'`;
  await sql`update fb_ads.conversion_events set not_before = now() where state = 'waiting'`;
  await sql`update fb_ads.event_deliveries set next_attempt_at = now() where state = 'pending'`;
  await dispatchAll(platform);

  const [counts] = await sql`select
    (select count(*)::int from fb_ads.conversion_events) as events,
    (select count(*)::int from fb_ads.event_deliveries where state = 'sent') as sent,
    (select count(*)::int from fb_ads.conversion_events where browser_data is not null) as in_clear`;
  const sales = await sql`select id from public.transactions`;
  assertEquals(sales.length, ids.length);
  assertEquals(counts, { events: 2 * ids.length, sent: 2 * ids.length, in_clear: 0 });
  const wrong = [
    ...ids.filter((id) => graph.capi.timesCounted(PIXEL, "Lead", id) !== 1),
    ...sales.map((sale) => String(sale.id)).filter((id) => graph.capi.timesCounted(PIXEL, "Purchase", id) !== 1),
  ];
  assertEquals(wrong, []);
  assertEquals(graph.capi.violations(), []);
  // Every copy that Meta saw of an event is the identical event.
  const texts = new Map<string, string>();
  for (const { event } of graph.capi.events) {
    const text = JSON.stringify(event);
    const key = `${event.event_name} ${event.event_id}`;
    assertEquals(texts.get(key) ?? text, text);
    texts.set(key, text);
  }
});
