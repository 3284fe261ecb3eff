/**
 * Descriptive fields as shops write them: mended where the meaning is certain, left out with a note otherwise, and
 * never the reason why an event is lost.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { SERVER } from "../../../shared/outbox/event/caller_profile.ts";
import { validateEvent } from "../../../shared/outbox/event/validate_event.ts";
import { NOW, NOW_MS, samplePurchase } from "./sample_event.ts";

const OPTIONS = { now_ms: NOW_MS, profile: SERVER };

/** What becomes of `custom_data` beside a value of 1 IDR, and the paths of the notes. */
function read(custom_data: Record<string, unknown>, event_name = "Purchase") {
  const result = validateEvent(
    samplePurchase({ event_name, custom_data: { value: 1, currency: "IDR", ...custom_data } }),
    OPTIONS,
  );
  assert(result.ok, JSON.stringify(result));
  const { value: _value, currency: _currency, ...rest } = result.event.custom_data ?? {};
  return { rest, notes: result.notes.map(({ path }) => path) };
}

Deno.test("what is certain is mended", () => {
  const cases: [Record<string, unknown>, Record<string, unknown>][] = [
    [{ contents: '[{"id":"a","quantity":2}]' }, { contents: [{ id: "a", quantity: 2 }] }],
    [{ contents: '{"id":"a","item_price":"35.99"}' }, { contents: [{ id: "a", item_price: 35.99 }] }],
    [{ contents: { id: "a", quantity: "2" } }, { contents: [{ id: "a", quantity: 2 }] }],
    [{ content_ids: "123, 456" }, { content_ids: ["123", "456"] }],
    [{ content_ids: '["123","456"]' }, { content_ids: ["123", "456"] }],
    [{ content_ids: "a" }, { content_ids: ["a"] }],
    [{ content_ids: 12 }, { content_ids: ["12"] }],
    [{ num_items: "6" }, { num_items: 6 }],
    [{ content_type: " Product " }, { content_type: "product" }],
    [{ predicted_ltv: "35.99" }, { predicted_ltv: 35.99 }],
  ];
  for (const [given, expected] of cases) {
    assertEquals(read(given), { rest: expected, notes: [] }, JSON.stringify(given));
  }
  const result = validateEvent(samplePurchase({ custom_data: { value: "35.99", currency: "PHP" } }), OPTIONS);
  assert(result.ok);
  assertEquals(result.event.custom_data, { value: 35.99, currency: "PHP" });
});

Deno.test("what is not certain is left out with a note, and the event goes on", () => {
  const cases: [Record<string, unknown>, string[], Record<string, unknown>?][] = [
    [{ content_type: "category" }, ["custom_data.content_type"]],
    [{ num_items: 1.5 }, ["custom_data.num_items"]],
    [{ num_items: "six" }, ["custom_data.num_items"]],
    [{ predicted_ltv: "1.000" }, ["custom_data.predicted_ltv"]],
    [{ order_id: "漢".repeat(257) }, ["custom_data.order_id"]],
    [{ contents: {} }, ["custom_data.contents[0]"]],
    [{ contents: [{ quantity: 1 }, { id: "b" }] }, ["custom_data.contents[0]"], { contents: [{ id: "b" }] }],
    [{ contents: [{ id: "b", quantity: "two", item_price: -1 }] }, [
      "custom_data.contents[0].quantity",
      "custom_data.contents[0].item_price",
    ], { contents: [{ id: "b" }] }],
    [{ contents: [{ id: "b", delivery_category: "drone" }] }, ["custom_data.contents[0].delivery_category"], {
      contents: [{ id: "b" }],
    }],
    [{ content_ids: ["a", {}] }, ["custom_data.content_ids"], { content_ids: ["a"] }],
  ];
  for (const [given, notes, rest = {}] of cases) {
    assertEquals(read(given), { rest, notes }, JSON.stringify(given));
  }
  for (const value of ["150.000", "Rp 150", -1]) {
    assertEquals(read({ value }, "AddToCart").notes, ["custom_data.value"]);
  }
});

Deno.test("a time is taken as text where it says one moment", () => {
  const at = (event_time: unknown) => validateEvent(samplePurchase({ event_time }), OPTIONS);
  const iso = new Date(NOW * 1_000).toISOString();
  for (const given of [String(NOW), ` ${NOW} `, iso, iso.replace("T", " "), iso.replace("Z", "+0000")]) {
    const result = at(given);
    assert(result.ok, `${given}`);
    assertEquals(result.event.event_time, NOW);
  }
  for (const given of [iso.slice(0, -1), iso.slice(0, 10), `${NOW_MS}`, "yesterday"]) assert(!at(given).ok, given);
});

Deno.test("a field in the wrong place is told where it belongs", () => {
  const result = validateEvent(samplePurchase({ value: 5, em: "a@example.com", colour: "red" }), OPTIONS);
  assert(result.ok);
  assertEquals(result.notes.map(({ path, message }) => [path, message.split("; ")[1]]), [
    ["value", "it belongs in custom_data"],
    ["em", "it belongs in user_data"],
    ["colour", undefined],
  ]);
});
