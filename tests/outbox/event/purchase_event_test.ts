/**
 * The Purchase of a completed transaction: id, time, exact amount, the buyer, and what its checkout adds. Digests were
 * worked out with Python's hashlib.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { exactNumber } from "../../../shared/outbox/event/decimal.ts";
import { PURCHASE_ROW_SCHEMA } from "../../../shared/database/purchases.ts";
import { buildPurchaseEvent, purchaseEventId } from "../../../shared/outbox/event/purchase_event.ts";
import type { ServerEvent } from "../../../shared/outbox/event/server_event.ts";
import { NOW, NOW_MS } from "./sample_event.ts";

const JOHN = "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4";
const PHONE_6281234567890 = "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725";
const USER_7 = "092081140b677b45dbe983b2f0d4ae0259ff2945bfa82f996fd7f6cac6916862";
const ID = "a56145270ce6b3bebd1dd012b73948677dd618d496488bc608a3cb43ce3547dd";

function row(replaced: Record<string, unknown> = {}) {
  return PURCHASE_ROW_SCHEMA.parse({
    transaction_ref: "canva:17",
    transaction_id: null,
    user_ref: "User-7",
    source: "canva",
    status: "paid",
    completed_at: "2026-11-22T18:30:15.987+07:00",
    value: "150000.50",
    currency: "idr",
    order_id: null,
    content_ids: ["c1", null, "c2"],
    contents: [{ id: "c1", quantity: 1, item_price: "100000.25" }, { id: "c2", quantity: "2", item_price: null }],
    email: "John@Example.com",
    phone: "0812-3456-7890",
    first_name: null,
    country: "Indonesia",
    ...replaced,
  });
}

const checkout: ServerEvent = {
  event_name: "InitiateCheckout",
  event_time: NOW - 3_600,
  event_id: "c",
  action_source: "website",
  event_source_url: "https://shop.example/checkout",
  user_data: {
    em: "a".repeat(64),
    ln: "b".repeat(64),
    client_ip_address: "203.0.113.7",
    client_user_agent: "Agent/1",
    fbc: "fb.1.1795300000123.IwAR",
  },
  custom_data: { content_ids: ["from-checkout"], content_type: "product", value: 1, currency: "USD" },
};

Deno.test("buildPurchaseEvent() builds a Purchase from the sale and its checkout", () => {
  const built = buildPurchaseEvent(row(), { now_ms: NOW_MS, checkout });
  assert(built.outcome === "built");
  assertEquals(built.notes, []);
  assertEquals(built.event, {
    event_name: "Purchase",
    event_time: 1_795_347_015,
    event_id: "canva:17",
    action_source: "website",
    event_source_url: "https://shop.example/checkout",
    custom_data: {
      value: 150000.5,
      currency: "IDR",
      order_id: "canva:17",
      content_ids: ["c1", "c2"],
      content_type: "product",
      contents: [{ id: "c1", quantity: 1, item_price: 100000.25 }, { id: "c2", quantity: 2 }],
    },
    user_data: {
      em: JOHN,
      ph: PHONE_6281234567890,
      ln: "b".repeat(64),
      country: ID,
      external_id: USER_7,
      client_ip_address: "203.0.113.7",
      client_user_agent: "Agent/1",
      fbc: "fb.1.1795300000123.IwAR",
    },
  });
});

Deno.test("buildPurchaseEvent() claims no website where no browser was seen", () => {
  const built = buildPurchaseEvent(row({ content_ids: null, contents: null }), { now_ms: NOW_MS });
  assert(built.outcome === "built");
  assertEquals([built.event.action_source, built.event.event_source_url], ["system_generated", undefined]);
  assertEquals(built.event.custom_data, { value: 150000.5, currency: "IDR", order_id: "canva:17" });
});

Deno.test("buildPurchaseEvent() takes contents, never the amount, from the checkout", () => {
  const built = buildPurchaseEvent(row({ content_ids: [], contents: null, order_id: "INV-1" }), {
    now_ms: NOW_MS,
    checkout,
  });
  assert(built.outcome === "built");
  assertEquals(built.event.custom_data, {
    value: 150000.5,
    currency: "IDR",
    order_id: "INV-1",
    content_ids: ["from-checkout"],
    content_type: "product",
  });
});

Deno.test("buildPurchaseEvent() passes Limited Data Use on from the checkout", () => {
  const limited = {
    data_processing_options: ["LDU"],
    data_processing_options_country: 0,
    data_processing_options_state: 0,
  };
  const built = buildPurchaseEvent(row(), { now_ms: NOW_MS, checkout: { ...checkout, ...limited } });
  assert(built.outcome === "built");
  assertEquals(built.event.data_processing_options, ["LDU"]);
});

Deno.test("buildPurchaseEvent() says why Meta would refuse a sale", () => {
  const cases: [Record<string, unknown>, string, string][] = [
    [{ value: null }, "refused", "custom_data.value"],
    [{ value: "-1" }, "refused", "custom_data.value"],
    [{ value: "NaN" }, "refused", "custom_data.value"],
    [{ currency: null }, "refused", "custom_data.currency"],
    [{ currency: "RP" }, "refused", "custom_data.currency"],
    [{ completed_at: null }, "refused", "event_time"],
    [{ completed_at: "yesterday" }, "refused", "event_time"],
    [{ email: null, phone: null, user_ref: null }, "refused", "user_data"],
    [{ completed_at: "2026-11-15T11:59:59Z" }, "expired", "event_time"],
  ];
  for (const [replaced, outcome, path] of cases) {
    const built = buildPurchaseEvent(row(replaced), { now_ms: NOW_MS });
    assert(built.outcome !== "built");
    assertEquals(
      [built.outcome, built.problems.map((problem) => problem.path)],
      [outcome, [path]],
      JSON.stringify(replaced),
    );
  }
});

Deno.test("buildPurchaseEvent() sends what is exactly seven days old, free of charge, or ahead of our clock", () => {
  for (
    const replaced of [{ completed_at: "2026-11-15T12:00:00Z" }, { value: "0.00" }, {
      completed_at: "2026-11-23T12:00:00Z",
    }]
  ) {
    const built = buildPurchaseEvent(row(replaced), { now_ms: NOW_MS });
    assert(built.outcome === "built", JSON.stringify(built));
    assert(built.event.event_time <= NOW);
  }
});

Deno.test("buildPurchaseEvent() leaves bad contents out rather than lose the sale", () => {
  const built = buildPurchaseEvent(row({ contents: [{ id: {}, quantity: -1 }] }), { now_ms: NOW_MS });
  assert(built.outcome === "built");
  assertEquals(built.event.custom_data?.contents, undefined);
  assertEquals(built.notes.map((note) => note.path), [
    "custom_data.contents[0].id",
    "custom_data.contents[0].quantity",
  ]);
});

Deno.test("purchaseEventId() is the transaction's reference", () => {
  assertEquals(purchaseEventId("canva:17"), "canva:17");
});

Deno.test("exactNumber() serialises decimals as they are", () => {
  const cases = [
    ...[["150000.00", "150000"], ["0.10", "0.1"], ["19.99", "19.99"], ["0", "0"], ["-0.00", "0"], ["007.50", "7.5"]],
    ...[["123456789012.345", "123456789012.345"], ["1234567890123.45", "1234567890123.45"], ["0.000001", "0.000001"]],
    ...[["9007199254740993", "9007199254740992"], ["1.00000000000000049", "1"], [
      "99999999999999.99",
      "100000000000000",
    ]],
    ...[["0.1234567890123456", "0.123456789012346"], ["-12.5", "-12.5"], [" 5. ", "5"], [
      "1000000000000000.5",
      "1000000000000001",
    ]],
  ];
  for (const [text = "", json] of cases) assertEquals(JSON.stringify(exactNumber(text)), json, text);
  for (const text of ["", "x", "1e5", "1,5", "1.2.3", "NaN", "Infinity", ".5", "0x10"]) {
    assertEquals(exactNumber(text), undefined);
  }
});
