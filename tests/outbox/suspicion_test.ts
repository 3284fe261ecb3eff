/**
 * Refusals that say neither that an event is to blame nor that the pixel is: single events find out, with few requests.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Delivery } from "../../shared/database/deliveries.ts";
import { buildGraphError } from "../../shared/meta/graph_answer.ts";
import { type BatchPorts, type BatchResult, sendBatch } from "../../shared/outbox/send_batch.ts";
import { seededFraction } from "../seeded_random.ts";

function deliveries(count: number, more: Partial<Delivery> = {}): Delivery[] {
  return Array.from({ length: count }, (_, id) => ({
    event_row_id: id,
    pixel_id: "1",
    event_name: "Lead",
    event_id: String(id),
    event_time: 1_795_300_000,
    content: {},
    user_data: {},
    is_probe: false,
    is_repeat: false,
    test_event_code: null,
    ...more,
  }));
}

interface Words {
  code: number;
  message: string;
}

const INVALID: Words = { code: 100, message: "(#100) Invalid parameter" };
const UNKNOWN: Words = { code: 987_654, message: "Something new" };

/** Sends to a Meta that refuses what `refusalOf` finds words for, be it one event of the part. */
function send(
  batch: Delivery[],
  refusalOf: (id: number, part: readonly Delivery[]) => Words | null,
  more: Partial<BatchPorts> = {},
): Promise<BatchResult> {
  return sendBatch(batch, {
    hold: () => Promise.resolve(true),
    exhausted: () => false,
    is_open: false,
    send: (part) => {
      for (const { event_row_id } of part) {
        const words = refusalOf(event_row_id, part);
        if (words === null) continue;
        const facts = { http_status: 400, usage: [], fields: "", target: "object" as const };
        throw buildGraphError({ ...words, type: "OAuthException" }, facts);
      }
      return Promise.resolve({ events_received: part.length, fbtrace_id: null });
    },
    ...more,
  });
}

function idsOf({ outcomes }: BatchResult, outcome: string): number[] {
  return outcomes.filter((entry) => entry.outcome === outcome).flatMap((entry) => entry.event_row_ids)
    .sort((left, right) => left - right);
}

for (const words of [INVALID, UNKNOWN]) {
  Deno.test(`two single events refused with the same words block the pixel in three requests (code ${words.code})`, async () => {
    for (const count of [2, 6, 1_000]) {
      const result = await send(deliveries(count), () => words);
      assertEquals([result.requests, result.is_halted], [3, true]);
      assertEquals([result.pixel?.change, result.pixel?.code], ["block", words.code]);
      assertEquals(idsOf(result, "blocked"), [0, count - 1]);
      assertEquals(idsOf(result, "released").length, count - 2);
      assertEquals(idsOf(result, "dead"), []);
    }
  });
}

Deno.test("one event that Meta takes proves the others, wherever they stand", async () => {
  for (const bad of [0, 7, 24]) {
    const result = await send(deliveries(25), (id) => id === bad ? INVALID : null);
    assertEquals([idsOf(result, "dead"), idsOf(result, "sent").length, result.pixel?.change], [[bad], 24, "open"]);
    assert(result.requests <= 14, `${result.requests} requests`);
  }
});

Deno.test("refusals in different words are no pixel's, and numbers are no words", async () => {
  const named = await send(
    deliveries(4),
    (id, part) =>
      part.length > 1 ? INVALID : { code: 100, message: `(#100) Invalid ${["price", "name", "currency", "city"][id]}` },
  );
  assertEquals([named.pixel, idsOf(named, "later"), idsOf(named, "dead")], [null, [0, 1, 2, 3], []]);
  const numbered = await send(deliveries(4), (id) => ({ code: 100, message: `(#100) Request ${id}17 is invalid` }));
  assertEquals([numbered.pixel?.change, numbered.requests], ["block", 3]);
  const coded = await send(deliveries(2), (id) => ({ code: 900_000 + id, message: "No" }));
  assertEquals([coded.pixel, idsOf(coded, "later")], [null, [0, 1]]);
});

Deno.test("an event alone proves nothing: it waits, a probe keeps its pixel blocked, and beside a taken one it is dead", async () => {
  const alone = await send(deliveries(1), () => INVALID);
  assertEquals([idsOf(alone, "later"), alone.pixel], [[0], null]);
  const probe = await send(deliveries(1, { is_probe: true }), () => INVALID);
  assertEquals([idsOf(probe, "blocked"), probe.pixel?.change, probe.is_halted], [[0], "block", true]);
  const beside = await send(deliveries(1), () => INVALID, { is_open: true });
  assertEquals([idsOf(beside, "dead"), beside.pixel], [[0], null]);
  const unclear = await send(deliveries(1), () => UNKNOWN, { is_open: true });
  assertEquals([idsOf(unclear, "later"), unclear.is_halted], [[0], false]);
});

Deno.test("a pixel that stops in the middle of a batch stops the batch, and no suspect is dead for it", async () => {
  const result = await send(
    deliveries(9),
    (id, part) => part.length > 1 ? INVALID : id === 0 ? INVALID : { code: 190, message: "dead" },
  );
  assertEquals([idsOf(result, "blocked"), idsOf(result, "later"), idsOf(result, "dead")], [[8], [0], []]);
  assertEquals([result.pixel?.change, result.pixel?.code], ["block", 190]);
});

Deno.test("whatever is refused, each event has one outcome, and none is dead that Meta would take", async () => {
  const random = seededFraction(20_261_127);
  for (let round = 0; round < 300; round += 1) {
    const count = 1 + Math.floor(random() * 40);
    const poison = new Map<number, Words>();
    for (let id = 0; id < count; id += 1) {
      if (random() < 0.15) poison.set(id, random() < 0.5 ? INVALID : UNKNOWN);
    }
    const result = await send(deliveries(count), (id) => poison.get(id) ?? null);
    const ids = result.outcomes.flatMap(({ event_row_ids }) => event_row_ids);
    assertEquals([ids.length, new Set(ids).size], [count, count]);
    for (const id of idsOf(result, "dead")) assertEquals(poison.get(id), INVALID);
    for (const id of idsOf(result, "sent")) assertEquals(poison.get(id), undefined);
    const isDecided = result.pixel?.change === "open";
    if (isDecided) assertEquals(idsOf(result, "sent").length, count - poison.size);
    if (poison.size === 0) assertEquals(result.requests, 1);
  }
});
