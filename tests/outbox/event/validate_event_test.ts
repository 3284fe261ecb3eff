/**
 * What is taken from a server, what is refused and under which path.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { STANDARD_EVENTS } from "../../../shared/outbox/event/event_name.ts";
import { validateEvent } from "../../../shared/outbox/event/validate_event.ts";
import { notePaths, NOW, NOW_MS, problemPaths, samplePurchase, server } from "./sample_event.ts";

const DAY = 86_400;

Deno.test("validateEvent() turns a good event into Meta's form", () => {
  const result = validateEvent(samplePurchase({ consent: "granted", test_event_code: "TEST123" }), server);
  assert(result.ok);
  assertEquals(result.event, {
    event_name: "Purchase",
    event_time: NOW - 60,
    event_id: "t-1",
    action_source: "website",
    event_source_url: "https://shop.example/thanks",
    custom_data: { value: 150000, currency: "IDR" },
    user_data: {
      em: "855f96e983f1f8e8be944692b6f719fd54329826cb62e98015efee8e2e071dd4",
      client_ip_address: "203.0.113.7",
      client_user_agent: "Agent/1",
    },
  });
  assertEquals([result.consent, result.test_event_code, result.notes], [{ state: "granted" }, "TEST123", []]);
});

Deno.test("validateEvent() names what is wrong by path", () => {
  const cases: [Record<string, unknown>, string[]][] = [
    [{ event_name: undefined }, ["event_name"]],
    [{ event_name: "" }, ["event_name"]],
    [{ event_name: 7 }, ["event_name"]],
    [{ event_name: "purchase" }, ["event_name"]],
    [{ event_name: "PAGEVIEW" }, ["event_name"]],
    [{ event_name: "page_view" }, ["event_name"]],
    [{ event_name: " Purchase" }, ["event_name"]],
    [{ event_name: "x".repeat(51) }, ["event_name"]],
    [{ event_name: "a\nb" }, ["event_name"]],
    [{ event_time: undefined }, ["event_time"]],
    [{ event_time: `${NOW}.5` }, ["event_time"]],
    [{ event_time: NOW_MS }, ["event_time"]],
    [{ event_time: NOW + 0.5 }, ["event_time"]],
    [{ event_time: NOW + 301 }, ["event_time"]],
    [{ event_time: NOW - 7 * DAY - 1 }, ["event_time"]],
    [{ event_time: 0 }, ["event_time"]],
    [{ event_time: -1 }, ["event_time"]],
    [{ event_id: 7 }, ["event_id"]],
    [{ event_id: " " }, ["event_id"]],
    [{ event_id: "x".repeat(257) }, ["event_id"]],
    [{ event_id: "john@example.com" }, ["event_id"]],
    [{ action_source: undefined }, ["action_source"]],
    [{ action_source: "Website" }, ["action_source"]],
    [{ event_source_url: undefined }, ["event_source_url"]],
    [{ event_source_url: "shop.example" }, ["event_source_url"]],
    [{ event_source_url: "javascript:alert(1)" }, ["event_source_url"]],
    [{ event_source_url: 7 }, ["event_source_url"]],
    [{ user_data: undefined }, ["user_data", "user_data.client_user_agent"]],
    [{ user_data: [] }, ["user_data", "user_data.client_user_agent"]],
    [{ user_data: { em: "john@example.com" } }, ["user_data.client_user_agent"]],
    [{ user_data: { client_user_agent: "Agent/1" } }, ["user_data"]],
    [{ user_data: { client_user_agent: "Agent/1", em: "nobody" } }, ["user_data"]],
    [{ custom_data: undefined }, ["custom_data.value", "custom_data.currency"]],
    [{ custom_data: [] }, ["custom_data"]],
    [{ custom_data: { value: 1 } }, ["custom_data.currency"]],
    [{ custom_data: { currency: "IDR" } }, ["custom_data.value"]],
    [{ custom_data: { value: -1, currency: "IDR" } }, ["custom_data.value"]],
    [{ custom_data: { value: "150.000", currency: "IDR" } }, ["custom_data.value"]],
    [{ custom_data: { value: "Rp 150", currency: "IDR" } }, ["custom_data.value"]],
    [{ custom_data: { value: Infinity, currency: "IDR" } }, ["custom_data.value"]],
    [{ custom_data: { value: NaN, currency: "IDR" } }, ["custom_data.value"]],
    [{ custom_data: { value: 1, currency: "RUPIAH" } }, ["custom_data.currency"]],
    [{ custom_data: { value: 1, currency: "XXX" } }, ["custom_data.currency"]],
    [{ custom_data: { value: 1, currency: 360 } }, ["custom_data.currency"]],
    [{ opt_out: "yes" }, ["opt_out"]],
    [{ data_processing_options: ["CCPA"] }, ["data_processing_options[0]"]],
    [{ data_processing_options: ["LDU"] }, ["data_processing_options_country", "data_processing_options_state"]],
    [{ data_processing_options: ["LDU"], data_processing_options_country: 1 }, ["data_processing_options_state"]],
    [{ data_processing_options_country: 2 }, ["data_processing_options_country"]],
    [{ data_processing_options_state: 999 }, ["data_processing_options_state"]],
    [{ data_processing_options_state: 1014 }, ["data_processing_options_state"]],
    [{ original_event_data: { event_time: "x" } }, ["original_event_data.event_time"]],
    [{ customer_segmentation: "vip" }, ["customer_segmentation"]],
    [{ action_source: "business_messaging" }, ["messaging_channel"]],
    [{ action_source: "business_messaging", messaging_channel: "telegram" }, ["messaging_channel"]],
    [{ messaging_channel: "whatsapp" }, ["messaging_channel"]],
    [{ consent: "maybe" }, ["consent"]],
    [{ consent: { state: "granted", since: NOW + 3600 } }, ["consent.since"]],
    [{ test_event_code: "a b" }, ["test_event_code"]],
    [{ event_id: "a\0b" }, ["event_id"]],
    [{ event_source_url: "https://shop.example/\ud800" }, ["event_source_url"]],
    [{ custom_data: { value: 1, currency: "IDR", note: "\udc00" } }, ["custom_data.note"]],
    [{ event_time: NOW_MS, action_source: "shop", custom_data: { value: "1.000", currency: "?" }, opt_out: 1 }, [
      ...["event_time", "action_source", "opt_out", "custom_data.value", "custom_data.currency"],
    ]],
  ];
  for (const [replaced, paths] of cases) {
    assertEquals(problemPaths(samplePurchase(replaced)).sort(), paths.sort(), JSON.stringify(replaced));
  }
});

Deno.test("validateEvent() accepts what Meta accepts", () => {
  const cases: Record<string, unknown>[] = [
    { event_name: "Beli Kursus" },
    { event_name: "x".repeat(50) },
    { event_time: NOW },
    { event_time: NOW - 7 * DAY },
    { event_time: NOW + 300 },
    { action_source: "physical_store", event_time: NOW - 62 * DAY },
    { action_source: "system_generated", event_source_url: undefined, user_data: { external_id: "u1" } },
    { custom_data: { value: 0, currency: "idr" } },
    { custom_data: { value: 1e15, currency: "XOF" } },
    { data_processing_options: [] },
    { data_processing_options: ["LDU"], data_processing_options_country: 0, data_processing_options_state: 0 },
    { data_processing_options: ["LDU"], data_processing_options_country: 1, data_processing_options_state: 1013 },
    { event_id: null, opt_out: null, custom_data: { value: 1, currency: "PHP", order_id: null } },
    { referrer_url: "" },
    { customer_segmentation: "new_customer_to_business" },
    { action_source: "business_messaging", messaging_channel: "whatsapp" },
    { original_event_data: { event_name: "Purchase", event_time: NOW - 90 * DAY, order_id: "1", event_id: "2" } },
  ];
  for (const replaced of cases) assertEquals(problemPaths(samplePurchase(replaced)), [], JSON.stringify(replaced));
  for (const event_name of STANDARD_EVENTS) assertEquals(problemPaths(samplePurchase({ event_name })), []);
});

Deno.test("validateEvent() asks for a place where Meta cannot find one by the address", () => {
  const user_data = { em: "john@example.com", client_user_agent: "Agent/1" };
  const options = { data_processing_options: ["LDU"], data_processing_options_country: 0 };
  const path = "data_processing_options_state";
  assertEquals(problemPaths(samplePurchase({ ...options, user_data, data_processing_options_state: 0 })), [path]);
  assertEquals(problemPaths(samplePurchase({ ...options, user_data, data_processing_options_state: 1000 })), []);
});

Deno.test("validateEvent() refuses old events but those of physical stores", () => {
  const event_time = NOW - 30 * DAY;
  assertEquals(problemPaths(samplePurchase({ event_time })), ["event_time"]);
  assertEquals(problemPaths(samplePurchase({ event_time, action_source: "physical_store" })), []);
  const older = { event_time: NOW - 62 * DAY - 1, action_source: "physical_store" };
  assertEquals(problemPaths(samplePurchase(older)), ["event_time"]);
});

Deno.test("validateEvent() sets a clock a little ahead to now and says so", () => {
  const result = validateEvent(samplePurchase({ event_time: NOW + 200 }), server);
  assert(result.ok);
  assertEquals([result.event.event_time, result.notes.map((note) => note.path)], [NOW, ["event_time"]]);
});

Deno.test("validateEvent() makes an id for an event without one", () => {
  for (const event_id of [undefined, null, ""]) {
    const result = validateEvent(samplePurchase({ event_id }), server);
    assert(result.ok && result.event.event_id === "made");
  }
});

Deno.test("validateEvent() notes unknown fields and drops them", () => {
  const result = validateEvent(samplePurchase({ eventName: "x", "john@example.com": 1, __proto__: { a: 1 } }), server);
  assert(result.ok);
  assertEquals(result.notes.map((note) => note.path), ["eventName", ""]);
  assert(!JSON.stringify(result).includes("john@"));
});

Deno.test("validateEvent() drops a bad optional field of the customer and keeps the event", () => {
  const user_data = {
    em: "john@example.com",
    client_user_agent: "Agent/1",
    fbc: "fb.1.1596403881.x",
    fbp: "x",
    ph: "1",
  };
  assertEquals(problemPaths(samplePurchase({ user_data })), []);
  assertEquals(notePaths(samplePurchase({ user_data })), ["user_data.ph", "user_data.fbc", "user_data.fbp"]);
  assertEquals(notePaths(samplePurchase({ referrer_url: "android-app://com.example" })), ["referrer_url"]);
});

Deno.test("validateEvent() refuses what is no object", () => {
  for (const input of [null, undefined, "x", 7, [], [[]], true]) assertEquals(problemPaths(input), [""]);
});
