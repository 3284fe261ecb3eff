/**
 * What becomes of deliveries that are taken up: too old, without consent, of a blocked pixel, of unknown outcome.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { TransactionSql } from "postgres";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { databaseNow, until } from "../../scripts/supabase-local/waiting.ts";
import { storeEvents } from "./stored_events.ts";

const USER = "e".repeat(64);

interface Claim {
  lease_id: string;
  event_ids: string[];
  event_row_ids: number[];
  settled: number;
}

/** Claims for pixel 1 as a dispatch with this token does. */
async function claim(platform: Platform, token_fingerprint: string | null = "token"): Promise<Claim> {
  const { sql } = platform;
  const request = sql.json({ pixels: [{ pixel_id: "1", token_fingerprint }] });
  const [row] = await sql`select public.fb_claim_deliveries(${request}) as claim`;
  return decodeClaim(row?.claim);
}

function decodeClaim(given: unknown): Claim {
  const { lease_id, deliveries, settled } = given as {
    lease_id: string;
    deliveries: { event_id: string; event_row_id: number }[];
    settled: number;
  };
  return {
    lease_id,
    settled,
    event_ids: deliveries.map((delivery) => delivery.event_id),
    event_row_ids: deliveries.map((delivery) => delivery.event_row_id),
  };
}

async function record(
  platform: Platform,
  { lease_id, event_row_ids }: Claim,
  outcome: string,
  more: { may_be_sent?: boolean; pixel?: Record<string, string | number> } = {},
): Promise<void> {
  const { sql } = platform;
  const outcomes = [{ pixel_id: "1", event_row_ids, outcome, may_be_sent: more.may_be_sent ?? false }];
  const pixels = more.pixel === undefined ? [] : [{ pixel_id: "1", token_fingerprint: "token", ...more.pixel }];
  await sql`select public.fb_record_deliveries(${sql.json({ lease_id, outcomes, pixels })})`;
}

async function countStates(platform: Platform): Promise<Record<string, number>> {
  const rows = await platform
    .sql`select state, count(*)::int as n from fb_ads.event_deliveries group by state order by state`;
  return Object.fromEntries(rows.map((row) => [String(row.state), Number(row.n)]));
}

/** Runs `late` while `first` holds its locks, and lets it go on once it waits for them. */
async function race(
  platform: Platform,
  first: (tx: TransactionSql) => Promise<unknown>,
  late: () => Promise<unknown>,
): Promise<void> {
  let ended: Promise<unknown> = Promise.resolve();
  await platform.sql.begin(async (tx) => {
    await first(tx);
    // Awaited at once, for a query begins only then.
    ended = (async () => await late())();
    await until("it waits", async () => (await platform.sql`select from pg_locks where not granted`).length > 0);
  });
  await ended;
}

Deno.test("what is decided at the same moment is seen as it has become", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;

  await t.step("an event that is taken back while it is replayed stays taken back", async () => {
    await storeEvents(platform, [{ event_id: "dead" }]);
    await sql`update fb_ads.event_deliveries set state = 'dead', reason = 'event_refused'`;
    let replayed: unknown;
    await race(
      platform,
      (tx) => tx`update fb_ads.event_deliveries set state = 'suppressed', reason = 'erased'`,
      async () => replayed = (await sql`select public.fb_replay_deliveries() as r`)[0]?.r,
    );
    assertEquals([replayed, await countStates(platform)], [{ replayed: 0 }, { suppressed: 1 }]);
  });

  await t.step(
    "an event that is taken up while consent is withdrawn is whole for its sender, and goes no second time",
    async () => {
      await sql`truncate fb_ads.conversion_events, fb_ads.consents, fb_ads.pixels cascade`;
      await storeEvents(platform, [{ event_id: "under way", user_digest: USER, browser_data: { fbp: "fb.1.1.1" } }]);
      await race(
        platform,
        (tx) =>
          tx`update fb_ads.event_deliveries set state = 'sending', lease_id = gen_random_uuid(), lease_until = now(), attempted_at = now()`,
        () =>
          sql`select public.fb_store_consent(${sql.json({ state: "denied", user_digest: USER, origin: "server" })})`,
      );
      const [held] =
        await sql`select state, consent, browser_data is not null as is_whole from fb_ads.conversion_events`;
      assertEquals(held, { state: "stored", consent: "denied", is_whole: true });
      assertEquals((await claim(platform)).event_ids, []);
      const [row] = await sql`select state, content, user_data, browser_data from fb_ads.conversion_events`;
      assertEquals(row, { state: "suppressed", content: null, user_data: null, browser_data: null });
    },
  );
});

Deno.test("what is taken up is sent, or settled and counted", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      await sql`truncate fb_ads.conversion_events, fb_ads.consents, fb_ads.pixels cascade`;
      await run();
    });

  await step(
    "an event whose consent was withdrawn before it was stored says nothing of the person any more",
    async () => {
      const event_time = Math.floor(Date.now() / 1_000) - 60;
      await storeEvents(platform, [{ event_id: "late", user_digest: USER, person_digests: [USER], event_time }]);
      // As if the withdrawal had come while the event's own transaction was open.
      await sql`delete from fb_ads.consents`;
      await sql`insert into fb_ads.consents (subject_kind, subject, state, since, source)
      select 'user', ${USER}, 'denied', consent_at, 'request' from fb_ads.conversion_events`;
      const { event_ids, settled } = await claim(platform);
      assertEquals([event_ids, settled], [[], 1]);
      const [row] =
        await sql`select state, consent, content, user_data, user_digest, person_digests, final_at is not null as is_final
      from fb_ads.conversion_events`;
      assertEquals(row, {
        state: "suppressed",
        consent: "denied",
        content: null,
        user_data: null,
        user_digest: null,
        person_digests: null,
        is_final: true,
      });
      assertEquals(await countStates(platform), { suppressed: 1 });
    },
  );

  await step("what is too old is counted, so that a sender goes on to what lies behind", async () => {
    await storeEvents(platform, Array.from({ length: 3 }, (_, index) => ({ event_id: `old ${index}` })));
    await sql`update fb_ads.conversion_events set event_time = now() - interval '7 days'`;
    await storeEvents(platform, [{ event_id: "young" }]);
    const { event_ids, settled } = await claim(platform);
    assertEquals([event_ids, settled], [["young"], 3]);
  });

  await step("what may have come to Meta is not sent later than 48 hours after, whatever came of it last", async () => {
    await storeEvents(platform, [{ event_id: "unknown" }]);
    await record(platform, await claim(platform), "released", { may_be_sent: true });
    const again = await claim(platform);
    assertEquals(again.event_ids, ["unknown"]);
    await record(platform, again, "released");
    await sql`update fb_ads.event_deliveries set first_unknown_at = first_unknown_at - interval '48 hours'`;
    const { event_ids, settled } = await claim(platform);
    assertEquals([event_ids, settled, await countStates(platform)], [[], 1, { expired: 1 }]);
  });

  await step("the probe of a blocked pixel is its newest event", async () => {
    await storeEvents(platform, [{ event_id: "old" }]);
    await record(platform, await claim(platform), "blocked", {
      pixel: { change: "block", reason: "permission_missing" },
    });
    await sql`update fb_ads.conversion_events set event_time = now() - interval '8 days'`;
    await storeEvents(platform, [{ event_id: "new" }]);
    await sql`update fb_ads.pixels set probed_at = now() - interval '1 minute'`;
    assertEquals((await claim(platform)).event_ids, ["new"]);
  });

  await step("a throttled pixel waits as long as Meta says, be it longer than our own hour", async () => {
    await storeEvents(platform, [{ event_id: "throttled" }]);
    const begun = await databaseNow(sql);
    await record(platform, await claim(platform), "throttled", { pixel: { change: "throttle", seconds: 7_200 } });
    const [pixel] = await sql`
      select throttled_until between ${begun}::timestamptz + interval '2 hours'
        and clock_timestamp() + interval '2 hours' as waits
      from fb_ads.pixels`;
    assertEquals(pixel?.waits, true);
    assertEquals((await claim(platform)).event_ids, []);
  });

  await step("a long queue is held and let go in parts that fit into a call", async () => {
    await sql`insert into fb_ads.conversion_events (event_name, event_id, event_time, content, origin, state)
      select 'Lead', n::text, now(), '{}', 'server', 'stored' from generate_series(1, 45000) as n`;
    await sql`insert into fb_ads.event_deliveries (event_row_id, pixel_id) select id, '1' from fb_ads.conversion_events`;
    assertEquals((await claim(platform, null)).event_ids, []);
    assertEquals(await countStates(platform), { blocked: 20_000, pending: 25_000 });
    await claim(platform, null);
    await claim(platform, null);
    assertEquals(await countStates(platform), { blocked: 45_000 });
    await record(platform, await claim(platform, "new token"), "sent", { pixel: { change: "open" } });
    const states = await countStates(platform);
    assertEquals([states.sent, (states.blocked ?? 0) > 0], [1_000, true]);
    await sql`update fb_ads.event_deliveries set next_attempt_at = now() + interval '1 hour' where state = 'pending'`;
    assertEquals((await sql`select fb_ads.has_delivery_work() as work`)[0]?.work, true);
    for (let call = 0; call < 3; call += 1) await claim(platform, "new token");
    assertEquals((await countStates(platform)).blocked, undefined);
  });
});
