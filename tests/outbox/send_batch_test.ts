/**
 * Tests of `shared/outbox/send_batch.ts`.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type BatchPorts, sendBatch, splitPart } from "../../shared/outbox/send_batch.ts";
import type { Delivery } from "../../shared/database/deliveries.ts";
import { buildGraphError } from "../../shared/meta/graph_answer.ts";

function delivery(id: number, more: Partial<Delivery> = {}): Delivery {
  return {
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
  };
}

const batch = (count: number) => Array.from({ length: count }, (_, index) => delivery(index));
const refusal = (code: number, error_subcode: number, message = "") =>
  buildGraphError({ code, error_subcode, message }, { http_status: 400, usage: [], fields: "", target: "object" });
const ports = (send: BatchPorts["send"], more: Partial<BatchPorts> = {}): BatchPorts => ({
  send,
  hold: () => Promise.resolve(true),
  exhausted: () => false,
  is_open: false,
  ...more,
});

Deno.test("sendBatch() finds any number of poisoned events and sends the rest", async () => {
  const poisoned = new Set([0, 7, 8, 24]);
  const result = await sendBatch(
    batch(25),
    ports((part) => {
      if (part.some((item) => poisoned.has(item.event_row_id))) throw refusal(100, 2804019);
      return Promise.resolve({ events_received: part.length, fbtrace_id: "A" });
    }),
  );
  const idsOf = (outcome: string) =>
    result.outcomes.filter((item) => item.outcome === outcome).flatMap((item) => item.event_row_ids).sort((a, b) =>
      a - b
    );
  assertEquals(idsOf("dead"), [...poisoned]);
  assertEquals(idsOf("sent").length, 21);
  assertEquals(result.pixel?.change, "open");
});

Deno.test("sendBatch() takes out at once the event whose place Meta names", async () => {
  const result = await sendBatch(
    batch(1_000),
    ports((part) => {
      const place = part.findIndex((item) => item.event_row_id === 617);
      if (place >= 0) throw refusal(100, 2804019, `(#100) Param $['data'][${place}]['user_data'] is invalid`);
      return Promise.resolve({ events_received: part.length, fbtrace_id: null });
    }),
  );
  assertEquals(result.requests, 3);
});

Deno.test("sendBatch() stops at what concerns the whole pixel and gives back what it did not try", async () => {
  for (
    const [code, outcome, change] of [[190, "blocked", "block"], [80004, "throttled", "throttle"], [
      2,
      "unknown",
      undefined,
    ]] as const
  ) {
    let sent = 0;
    const result = await sendBatch(
      batch(4),
      ports((part) => {
        sent += 1;
        if (sent === 1) throw refusal(100, 2804019);
        if (sent === 2) return Promise.resolve({ events_received: part.length, fbtrace_id: null });
        throw refusal(code, 0);
      }),
    );
    assertEquals(result.outcomes.map((item) => item.outcome), ["sent", outcome]);
    assert(result.is_halted);
    assertEquals(result.pixel?.change === "open" ? undefined : result.pixel?.change, change);
  }
});

Deno.test("sendBatch() says nothing more once its lease is lost, and tries nothing when the time is up", async () => {
  const refuseAll = () => {
    throw refusal(100, 2804019);
  };
  const lost = await sendBatch(batch(4), ports(refuseAll, { hold: () => Promise.resolve(false) }));
  assertEquals([lost.requests, lost.outcomes], [1, []]);
  const late = await sendBatch(batch(4), ports(refuseAll, { exhausted: () => true }));
  assertEquals([late.requests, late.outcomes.map((item) => item.outcome)], [0, ["released"]]);
});

Deno.test("sendBatch() does not give up on an event of an unknown code", async () => {
  const result = await sendBatch(
    batch(1),
    ports(() => {
      throw refusal(987_654, 0);
    }),
  );
  assertEquals(result.outcomes.map((item) => [item.outcome, item.reason]), [["later", "unknown_code"]]);
});

Deno.test("sendBatch() marks what a half-counted request may have brought to Meta as of unknown outcome", async () => {
  // Meta took some of the four and does not say which; then the token dies, the pixel is throttled, or time is up.
  for (const [code, outcome] of [[190, "blocked"], [4, "throttled"], [0, "released"]] as const) {
    let sent = 0;
    const result = await sendBatch(
      batch(4),
      ports((part) => {
        sent += 1;
        if (sent === 1) return Promise.resolve({ events_received: 3, fbtrace_id: null });
        if (sent === 2) return Promise.resolve({ events_received: part.length, fbtrace_id: null });
        throw refusal(code, 0);
      }, { exhausted: () => code === 0 && sent === 2 }),
    );
    assertEquals(result.outcomes.map((item) => [item.outcome, item.event_row_ids, item.may_be_sent]), [
      ["sent", [0, 1], true],
      [outcome, [2, 3], true],
    ]);
  }
  const refused = await sendBatch(
    batch(4),
    ports((part) => {
      if (part.length > 1) throw refusal(100, 2804019);
      throw refusal(190, 463);
    }),
  );
  assertEquals(refused.outcomes.map((item) => [item.outcome, item.may_be_sent]), [
    ["blocked", false],
    ["released", false],
    ["released", false],
  ]);
});

Deno.test("sendBatch() takes a repeated batch of which Meta counts nothing for what Meta has already", async () => {
  const nothing = ports(() => Promise.resolve({ events_received: 0, fbtrace_id: null }));
  const repeated = await sendBatch(Array.from({ length: 200 }, (_, id) => delivery(id, { is_repeat: true })), nothing);
  assertEquals([repeated.requests, repeated.outcomes.map((item) => [item.outcome, item.reason])], [
    1,
    [["sent", "not_confirmed"]],
  ]);
  const first = await sendBatch(batch(2), nothing);
  assertEquals(first.outcomes.map((item) => [item.outcome, item.reason]), [
    ["unknown", "not_confirmed"],
    ["unknown", "not_confirmed"],
  ]);
});

Deno.test("sendBatch() sends an event whose click id Meta finds malformed without it, and only that one", async () => {
  const events = [0, 1, 2].map((id) => delivery(id, { user_data: { em: "0".repeat(64), fbc: `fb.1.1.click${id}` } }));
  const taken: unknown[] = [];
  const result = await sendBatch(
    events,
    ports((part) => {
      if (part.some((item) => item.user_data.fbc === "fb.1.1.click1")) throw refusal(100, 2804001);
      taken.push(...part.map((item) => item.user_data));
      return Promise.resolve({ events_received: part.length, fbtrace_id: null });
    }),
  );
  assertEquals(result.outcomes.flatMap((item) => item.event_row_ids.map((id) => [id, item.outcome])).sort(), [
    [0, "sent"],
    [1, "sent"],
    [2, "sent"],
  ]);
  assertEquals(taken, [
    { em: "0".repeat(64), fbc: "fb.1.1.click0" },
    { em: "0".repeat(64) },
    { em: "0".repeat(64), fbc: "fb.1.1.click2" },
  ]);
  const hopeless = await sendBatch(
    [delivery(7)],
    ports(() => {
      throw refusal(100, 2804001);
    }),
  );
  assertEquals(hopeless.outcomes.map((item) => [item.outcome, item.reason]), [["dead", "fbc_malformed"]]);
});

Deno.test("splitPart() loses nothing", () => {
  for (const [count, index] of [[2, null], [3, null], [5, 4], [5, 9]] as const) {
    const ids = splitPart(batch(count), index).flat().map((item) => item.event_row_id).sort();
    assertEquals(ids, batch(count).map((item) => item.event_row_id));
  }
});
