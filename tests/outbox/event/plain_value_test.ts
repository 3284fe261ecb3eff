/**
 * The checks that let good values by, held against the schemas whose work they save.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { z } from "zod";
import { CUSTOM_DATA_SCHEMA, PLAIN_CUSTOM_DATA } from "../../../shared/outbox/event/custom_data.ts";
import { EVENT_SCHEMA, PLAIN_EVENT_FIELDS } from "../../../shared/outbox/event/event_schema.ts";
import type { PlainChecks } from "../../../shared/outbox/event/plain_value.ts";
import { NOW, NOW_MS } from "./sample_event.ts";

const SCALARS: unknown[] = [
  ...[
    "Purchase",
    "purchase",
    " Lead",
    "Custom",
    "website",
    "whatsapp",
    "mars",
    "IDR",
    "idr",
    " IDR",
    "XXX",
    "product",
    "x",
    " ",
    "\n",
  ],
  ...["in_store", "new_customer_to_business", "https://shop.example/", "john@example.com", "john%40example.com", "LDU"],
  ...["TEST_1", "a b", " TEST", "12", "x".repeat(51), "x".repeat(257), "x".repeat(1_001), "x".repeat(8_001)],
  ...[0, -0, -1, 1, 1.5, 12, 1e21, NOW, NOW_MS, Infinity, -Infinity, NaN, Number.MAX_SAFE_INTEGER, 2 ** 53],
  ...[true, false, 1_000, 1_013, 1_014],
];
const OBJECTS: unknown[] = [
  {},
  { id: "a" },
  { id: 12 },
  { id: "a", quantity: 1, item_price: 2.5, title: "t", brand: "b", delivery_category: "curbside" },
  { quantity: 1, id: "a" },
  { id: "a", unknown: 1 },
  { id: "a", title: null },
  { id: "" },
  { quantity: 1.5 },
  { constructor: "x" },
  JSON.parse('{"__proto__": 1, "id": "a"}'),
  JSON.parse('{"toString": 1}'),
  new Date(0),
  new Map(),
];
const VALUES = [
  ...SCALARS,
  ...OBJECTS,
  ...[...SCALARS, ...OBJECTS].map((value) => [value]),
  [],
  OBJECTS.slice(0, 4),
  ["a", "b"],
  ["a", 1],
  Array(1_001).fill("a"),
];

function holdAgainst<S extends z.ZodObject>(schema: S, checks: PlainChecks<S>): void {
  for (const field of Object.keys(checks)) {
    let taken = 0;
    for (const value of VALUES) {
      if (checks[field]?.(value) !== true) continue;
      taken += 1;
      const read = schema.safeParse({ [field]: value });
      assert(read.success, `${field}: ${JSON.stringify(value)}`);
      assertEquals(read.data, { [field]: value }, field);
      assertEquals(JSON.stringify(read.data), JSON.stringify({ [field]: value }), field);
    }
    assert(taken > 0, `${field} lets nothing by`);
  }
}

Deno.test("PLAIN_EVENT_FIELDS take only what EVENT_SCHEMA gives back unchanged", () => {
  holdAgainst(EVENT_SCHEMA, PLAIN_EVENT_FIELDS);
});

Deno.test("PLAIN_CUSTOM_DATA takes only what CUSTOM_DATA_SCHEMA gives back unchanged", () => {
  holdAgainst(CUSTOM_DATA_SCHEMA, PLAIN_CUSTOM_DATA);
});
