/**
 * Batches: one outcome for each event, and no input whatsoever that makes the validation throw.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { locateProblems, MAX_EVENTS, validateEvents } from "../../../shared/outbox/event/validate_events.ts";
import { howMany } from "../../../scripts/dev/testing/thorough.ts";
import { browser, NOW, NOW_MS, samplePurchase, server } from "./sample_event.ts";
import { seededRandom } from "../../seeded_random.ts";

Deno.test("validateEvents() gives every event of a batch its own outcome, in order", () => {
  const events = [
    samplePurchase({ event_id: "a" }),
    7,
    samplePurchase({ event_id: "c", event_time: NOW_MS }),
    samplePurchase(),
  ];
  const result = validateEvents({ events }, server);
  assert("events" in result);
  assertEquals(result.events.map((event) => event.ok), [true, false, false, true]);
  const third = result.events[2];
  assert(third !== undefined && !third.ok);
  assertEquals([third.event_id, third.event_name], ["c", "Purchase"]);
  assertEquals(locateProblems(third.problems, 2).map((problem) => problem.path), ["events[2].event_time"]);
  assertEquals(locateProblems([{ path: "", message: "x" }], 1), [{ path: "events[1]", message: "x" }]);
});

Deno.test("validateEvents() takes a body that is one event", () => {
  const result = validateEvents(samplePurchase(), server);
  assert("events" in result && result.events.length === 1 && result.events[0]?.ok === true);
});

Deno.test("validateEvents() refuses bodies that hold no batch", () => {
  const event = samplePurchase();
  for (
    const body of [null, 7, "x", [], [event], { events: {} }, { events: [] }, {
      events: Array(MAX_EVENTS + 1).fill(event),
    }]
  ) {
    assert("problems" in validateEvents(body, server));
  }
  const full = validateEvents({ events: Array(MAX_EVENTS).fill(event) }, server);
  assert("events" in full && full.events.every((one) => one.ok));
});

Deno.test("validateEvents() gives the batch's test code to its events", () => {
  const events = [samplePurchase(), samplePurchase({ test_event_code: "OWN" })];
  const result = validateEvents({ events, test_event_code: "ALL" }, server);
  assert("events" in result);
  assertEquals(result.events.map((event) => event.ok && event.test_event_code), ["ALL", "OWN"]);
});

Deno.test("validateEvents() gives the batch's consent to its events", () => {
  const events = [samplePurchase(), samplePurchase({ consent: "granted" })];
  const result = validateEvents({ events, consent: "denied" }, server);
  assert("events" in result);
  assertEquals(result.events.map((event) => event.ok && event.consent?.state), ["denied", "granted"]);
});

const FIELDS = [
  ...[
    "event_name",
    "event_time",
    "event_id",
    "action_source",
    "event_source_url",
    "referrer_url",
    "user_data",
    "custom_data",
  ],
  ...[
    "opt_out",
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
    "consent",
  ],
  ...[
    "original_event_data",
    "attribution_data",
    "customer_segmentation",
    "messaging_channel",
    "test_event_code",
    "fbclid",
    "fbclid_seen_at",
  ],
  ...[
    "em",
    "ph",
    "country",
    "client_ip_address",
    "client_user_agent",
    "fbc",
    "value",
    "currency",
    "contents",
    "content_ids",
  ],
  ...["order_id", "state", "since", "__proto__", "constructor", "toString", "a\0b", "\ud800", ""],
];
const SCALARS = [
  ...[
    "Purchase",
    "PageView",
    "website",
    "IDR",
    "https://shop.example/?email=john@example.com",
    "john@example.com",
    "",
    "x",
  ],
  ...[
    "a\0b",
    "\ud800",
    "0812-3456-7890",
    "LDU",
    "granted",
    "IwAR",
    NOW,
    NOW_MS,
    0,
    -1,
    1.5,
    1e308,
    Infinity,
    NaN,
    true,
    null,
  ],
];

Deno.test("validateEvents() never throws, accepts nothing that cannot be stored, and repeats no e-mail address", () => {
  const random = seededRandom(4);
  const make = (depth: number): unknown => {
    const kind = random(depth > 4 ? 1 : 6);
    if (kind === 4) return Array.from({ length: random(4) }, () => make(depth + 1));
    if (kind < 5) return SCALARS[random(SCALARS.length)];
    return makeObject(depth);
  };
  const makeObject = (depth: number): Record<string, unknown> => {
    const object: Record<string, unknown> = {};
    for (let count = random(6); count > 0; count--) {
      Object.defineProperty(object, FIELDS[random(FIELDS.length)] ?? "", {
        value: make(depth + 1),
        configurable: true,
        enumerable: true,
        writable: true,
      });
    }
    return object;
  };
  let accepted = 0;
  const rounds = howMany({ usually: 2_000, thoroughly: 20_000 });
  for (let round = 0; round < rounds; round++) {
    const event = random(3) === 0 ? make(0) : { ...samplePurchase(), ...makeObject(1) };
    const result = validateEvents({ events: [event] }, random(2) === 0 ? server : browser);
    assert("events" in result);
    const [one] = result.events;
    const said = JSON.stringify(one?.ok ? [one.event, one.notes] : [one?.problems, one?.notes]);
    assert(!said.includes("john"), said);
    assert(said.isWellFormed() && !said.includes("\\u0000"), said);
    if (one?.ok) accepted++;
  }
  assert(accepted > rounds / 20, `only ${accepted} accepted: the generator is of no use`);
});

Deno.test("validateEvents() survives nesting without end", () => {
  const deep = JSON.parse(`${'{"custom_data":'.repeat(100_000)}1${"}".repeat(100_000)}`);
  for (const field of ["custom_data", "user_data", "attribution_data", "consent", "unknown"]) {
    const result = validateEvents(samplePurchase({ [field]: deep }), server);
    assert("events" in result);
  }
});
