/**
 * That personal data does not leave in page addresses or custom data.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { cleanUrl } from "../../shared/user_data/personal_text.ts";
import { validateEvent } from "../../shared/outbox/event/validate_event.ts";
import { samplePurchase, server } from "../outbox/event/sample_event.ts";

const shop = "https://shop.example";

Deno.test("cleanUrl() leaves an address without personal data as it is, byte for byte", () => {
  const addresses = [
    ...[shop, `${shop}/`, `${shop}/a%20b?x=%41&y#top`, `${shop}?`, `${shop}/#`, `http://127.0.0.1:3000/p?id=1`],
    `${shop}/?content_name=Course&campaign_name=Sale&adset_name=A&member_id=1&user_number=2`,
    `${shop}/?utm_source=fb&utm_campaign=120210000000000001&ad_id=120210000000000003&fbclid=IwAR-_x&placement=Feed`,
    ...[
      `${shop}/order/20261122-0001?order_id=INV-001&n=12345678`,
      `${shop}/@seller/p`,
      `${shop}/?q=a@b`,
      `${shop}/?t=%E0%A4%A`,
    ],
  ];
  for (const url of addresses) assertEquals(cleanUrl(url), { url, cleaned: false });
});

Deno.test("cleanUrl() takes personal data out and keeps the rest", () => {
  const cases = [
    ["/?email=john%40example.com&utm_source=fb", "/?utm_source=fb"],
    ["/?utm_source=fb&e=john@example.com", "/?utm_source=fb"],
    ["/?a=1&Phone=0812&b=2", "/?a=1&b=2"],
    ["/?p=%2B62%20812-3456-7890", "/"],
    ["/?p=+6281234567890&x=1", "/?x=1"],
    ["/?p=081234567890", "/"],
    ["/?first_name=John&last-name=Doe", "/"],
    ["/?customer_name=John&ShippingAddress=Jl.%201&contact-number=1&buyer_id=7", "/?buyer_id=7"],
    ["/?token=abc&x=1#access_token=abc", "/?x=1"],
    ["/?x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x", "/"],
    ["/u/john@example.com/orders?x=1", "/u/-/orders?x=1"],
    ["/u/john%40example.com", "/u/-"],
    ["/#john@example.com", "/"],
    ["/?john@example.com", "/"],
  ];
  for (const [given, kept] of cases) assertEquals(cleanUrl(shop + given), { url: shop + kept, cleaned: true }, given);
  assertEquals(cleanUrl("https://john:secret@shop.example/"), { url: "https://shop.example/", cleaned: true });
});

Deno.test("cleanUrl() knows no address but http and https", () => {
  const others = [
    "",
    "shop.example",
    "//shop.example",
    "ftp://shop.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://",
  ];
  for (const url of [...others, "https:///x", "about:blank", "https://shop.example/a b", "https://[::1"]) {
    assertEquals(cleanUrl(url), undefined, url);
  }
});

Deno.test("validateEvent() leaves personal data out of custom_data and passes plain fields of one's own", () => {
  const result = validateEvent(
    samplePurchase({
      custom_data: {
        ...{ value: 1, currency: "IDR", course: "canva-101", seats: 2, gift: true, tags: ["a", 1], nothing: null },
        ...{ email: "x", customer_phone: "0812", note: "mail john@example.com", search_string: "john@example.com" },
        ...{ nested: { a: 1 }, "odd key": 1, contents: [{ id: "a", quantity: 1, colour: "red" }] },
      },
    }),
    server,
  );
  assert(result.ok);
  assertEquals(result.event.custom_data, {
    ...{ value: 1, currency: "IDR", contents: [{ id: "a", quantity: 1 }] },
    ...{ course: "canva-101", seats: 2, gift: true, tags: ["a", 1] },
  });
  assertEquals(result.notes.map((note) => note.path).sort(), [
    "custom_data",
    "custom_data.contents[0].colour",
    "custom_data.customer_phone",
    "custom_data.email",
    "custom_data.nested",
    "custom_data.note",
    "custom_data.search_string",
  ]);
});

Deno.test("validateEvent() takes a hundred fields of one's own", () => {
  const own = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`field_${index}`, index]));
  const result = validateEvent(samplePurchase({ custom_data: { value: 1, currency: "IDR", ...own } }), server);
  assert(result.ok);
  assertEquals(Object.keys(result.event.custom_data ?? {}).length, 102);
  assertEquals(result.notes.map((note) => note.path), ["custom_data"]);
});
