/**
 * Storing an event in two halves and building the same text again; consent; currencies.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Consent, readConsent } from "../../../shared/consent/consent.ts";
import { readCurrency } from "../../../shared/outbox/event/currency.ts";
import {
  buildServerEvent,
  personDigests,
  type ServerEvent,
  splitUserData,
} from "../../../shared/outbox/event/server_event.ts";
import { NOW, NOW_MS } from "./sample_event.ts";

const event: ServerEvent = {
  event_name: "Lead",
  event_time: NOW,
  event_id: "e",
  action_source: "website",
  event_source_url: "https://shop.example/",
  custom_data: { value: 1, currency: "IDR" },
  opt_out: false,
  user_data: {
    em: ["a".repeat(64), `${"b".repeat(64)}.AbCdEfGh`],
    external_id: "c".repeat(64),
    client_ip_address: "203.0.113.7",
    client_user_agent: "Agent/1",
    fbp: "fb.1.1596403881668.1",
  },
};

Deno.test("splitUserData() keeps what is personal in clear out of the payload", () => {
  const { user_data, browser_data } = splitUserData(event.user_data);
  assertEquals(Object.keys(user_data), ["em", "external_id"]);
  assertEquals(browser_data, {
    client_ip_address: "203.0.113.7",
    client_user_agent: "Agent/1",
    fbp: "fb.1.1596403881668.1",
  });
});

Deno.test("buildServerEvent() gives the identical text whatever order the fields come in", () => {
  const { user_data, browser_data } = splitUserData(event.user_data);
  const payload = { ...event, user_data };
  const text = JSON.stringify(event);
  assertEquals(JSON.stringify(buildServerEvent(payload, browser_data)), text);
  const reversed = (object: object) => Object.fromEntries(Object.entries(object).reverse());
  const shuffled = { ...payload, ...reversed(payload), user_data: reversed(payload.user_data) };
  assertEquals(JSON.stringify(buildServerEvent(shuffled, reversed(browser_data))), text);
  assertEquals(buildServerEvent(payload).user_data, payload.user_data);
});

Deno.test("personDigests() lists digests without their suffix", () => {
  assertEquals(personDigests(event.user_data), ["a".repeat(64), "b".repeat(64), "c".repeat(64)]);
  assertEquals(personDigests({}), []);
});

Deno.test("readConsent() understands consent and takes nothing unclear for it", () => {
  const cases: [unknown, Consent][] = [
    [true, { state: "granted" }],
    [false, { state: "denied" }],
    ["granted", { state: "granted" }],
    ["denied", { state: "denied" }],
    ["withdrawn", { state: "denied" }],
    [{ state: "granted", since: NOW, source: "banner", user_id: " 7 " }, {
      ...{ state: "granted", since: NOW, source: "banner", user_id: "7" },
    }],
    // date -ud 2025-06-01T07:00:00+07:00 +%s
    [{ state: "denied", since: "2025-06-01T07:00:00.9+07:00" }, { state: "denied", since: 1_748_736_000 }],
    [{ state: "withdrawn", browser_id: "fb.1.1596403881668.1" }, {
      state: "denied",
      browser_id: "fb.1.1596403881668.1",
    }],
  ];
  for (const [given, consent] of cases) assertEquals(readConsent(given, NOW_MS), { consent }, JSON.stringify(given));
  const unclear: [unknown, string][] = [
    ["Granted", "consent"],
    ["yes", "consent"],
    [1, "consent"],
    [null, "consent"],
    [{}, "consent.state"],
    [{ state: true }, "consent.state"],
    [{ state: "granted", since: NOW_MS }, "consent.since"],
    [{ state: "granted", since: NOW + 301 }, "consent.since"],
    [{ state: "granted", since: "2025-06-01T07:00:00" }, "consent.since"],
    [{ state: "granted", since: "yesterday" }, "consent.since"],
    [{ state: "granted", user_id: "" }, "consent.user_id"],
    [{ state: "granted", user_id: "\0" }, "consent.user_id"],
  ];
  for (const [given, path] of unclear) {
    const read = readConsent(given, NOW_MS);
    assertEquals("problems" in read ? read.problems.map((problem) => problem.path) : [], [path], JSON.stringify(given));
  }
});

Deno.test("readCurrency() knows the money of ISO 4217 in either case", () => {
  const known = [
    "IDR",
    "PHP",
    "USD",
    "EUR",
    "JPY",
    "KWD",
    "BHD",
    "VND",
    "SGD",
    "MYR",
    "XOF",
    "XAF",
    "XPF",
    "XCD",
    "CLP",
    "ZWG",
  ];
  for (const code of known) {
    assertEquals(readCurrency(code), code);
    assertEquals(readCurrency(` ${code.toLowerCase()} `), code);
  }
  for (const code of ["", "RP", "IDRR", "XXX", "XTS", "XAU", "BTC", "US$", "Rp", "DEM", "360"]) {
    assertEquals(readCurrency(code), undefined, code);
  }
});
