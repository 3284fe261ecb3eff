/**
 * Generated requests against the real handler, database and emulator: none is a server error, a refused
 * event leaves nothing, and no table, log line or recorded URL holds anything of a person in clear.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Platform } from "../../scripts/supabase-local/mod.ts";
import { settleBackground } from "../../shared/edge/background.ts";
import { howMany } from "../../scripts/dev/testing/thorough.ts";
import { dumpTables, ODD, ODD_BODIES, pickWith } from "../odd_values.ts";
import { openFunctions } from "../open_functions.ts";
import { seededFraction } from "../seeded_random.ts";
import { nowSeconds, ORIGIN, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";

const REQUESTS = howMany({ usually: 1_000, thoroughly: 10_000, exhaustively: 20_000 });
const IN_FLIGHT = 12;

const EMAIL = "plain.person@example.com";
const PHONE = "081298765432";
const NAME = "Plainname Plainsurname";
const NAMED = `first_name=${encodeURIComponent(NAME)}`;
const TOKEN = "emulator-capi-token";
const SECRETS = [EMAIL, PHONE, "6281298765432", "plainname", "Plainname", TOKEN];

const random = seededFraction(20_000);
const pick = pickWith(random);

/** And what may stand in any field about a person, but would be anybody's order number elsewhere. */
const ODD_OF_PERSON: readonly unknown[] = [
  ...ODD,
  EMAIL,
  [EMAIL, null],
  PHONE,
  [PHONE],
  NAME,
  "fb.1.1795300000000.4242424242",
  `${PHONE} / ${PHONE}`,
];

let serial = 0;

function goodEvent(): Record<string, unknown> {
  serial += 1;
  return {
    event_name: pick(["PageView", "Lead", "InitiateCheckout", "ViewContent", "Search"]),
    event_id: `fuzz-${serial}`,
    event_time: nowSeconds() - Math.floor(random() * 1_000),
    event_source_url: `https://shop.example/${EMAIL}?email=${
      encodeURIComponent(EMAIL)
    }&phone=${PHONE}&to=${PHONE}&${NAMED}`,
    referrer_url: `https://shop.example/?x=1#${NAMED}&tel=%2B62${PHONE.slice(1)}`,
    full_name: NAME,
    phone: PHONE,
    action_source: "website",
    consent: pick(["granted", "denied", true, { state: "granted", source: NAME, browser_id: PHONE }]),
    user_data: {
      em: pick([EMAIL, [EMAIL, ` ${EMAIL.toUpperCase()} `]]),
      ph: PHONE,
      fn: NAME,
      ln: NAME,
      phone: PHONE,
      first_name: NAME,
      fbp: "fb.1.1795300000000.4242424242",
      client_user_agent: "Mozilla/5.0",
    },
    custom_data: {
      value: 10,
      currency: "IDR",
      order_id: `o-${serial}`,
      content_name: EMAIL,
      search_string: EMAIL,
      phone_number: PHONE,
      customer_name: pick([NAME, [NAME]]),
      buyer: { name: NAME, phone: PHONE },
      contents: [{ id: "sku-1", title: EMAIL, phone: PHONE, name: NAME }],
    },
  };
}

/** Puts odd values in some places of an event, the nested ones too, and odd keys beside the known ones. */
function mutate(event: Record<string, unknown>, times: number): Record<string, unknown> {
  for (let time = 0; time < times; time += 1) {
    const holder = pick<unknown>([event, event.user_data ?? event, event.custom_data ?? event]);
    const isObject = typeof holder === "object" && holder !== null && !Array.isArray(holder);
    const target = isObject && Object.keys(holder).length > 0 ? holder : event;
    if (Object.keys(target).length === 0) return event;
    const key = random() < 0.1
      ? pick([EMAIL, "__proto__", "constructor", "\u0000", "x".repeat(300)])
      : pick(Object.keys(target));
    // A user agent is sent in clear, and whatever stands there is one.
    const odd = target === event.user_data && key !== "client_user_agent" ? ODD_OF_PERSON : ODD;
    const value = structuredClone(pick(odd));
    if (random() < 0.15) Reflect.deleteProperty(target, key);
    else Reflect.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return event;
}

function body(): string {
  const kind = random();
  if (kind < 0.05) {
    return pick([...ODD_BODIES, "{}"]);
  }
  if (kind < 0.12) {
    return JSON.stringify({
      consent: pick([...ODD, "granted", { state: "denied", browser_id: "fb.1.1795300000000.4242424242" }]),
    });
  }
  if (kind < 0.14) return JSON.stringify({ dispatch: pick(ODD) });
  const events = Array.from(
    { length: 1 + Math.floor(random() * 3) },
    () => mutate(goodEvent(), Math.floor(random() * 4)),
  );
  return JSON.stringify(kind < 0.5 ? events[0] : { events });
}

function request(platform: Platform): Request {
  const isServer = random() < 0.3;
  return new Request("http://127.0.0.1/capi-event", {
    method: random() < 0.01 ? "PATCH" : "POST",
    headers: {
      apikey: random() < 0.02 ? "wrong" : isServer ? platform.secretKey : platform.publishableKey,
      ...(isServer ? {} : { Origin: random() < 0.02 ? "null" : ORIGIN }),
      "User-Agent": "Mozilla/5.0",
      "x-forwarded-for": pick(["10.0.0.1", "2001:db8::1", "garbage", "", "10.0.0.1, 10.0.0.2"]),
      ...(random() < 0.02 ? { Authorization: "Bearer not.a.token" } : {}),
    },
    body: body(),
  });
}

Deno.test(`capi-event answers ${REQUESTS} odd requests without a server error or a trace of a person in clear`, async () => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  // All requests come from a few addresses.
  await platform.sql`update fb_ads.settings set visitor_events_per_minute = 1000000, visitor_events_per_day = 1000000,
    browser_events_per_minute = 4000000, browser_events_per_day = 4000000`;
  const logs: string[] = [];
  const { "capi-event": capiEvent } = openFunctions(suite, logs);
  const statuses = new Map<number, number>();
  const failures: string[] = [];
  const stored = new Set<string>();
  const refused = new Set<string>();
  const turnedAway: Request[] = [];

  let sent = 0;
  async function work(): Promise<void> {
    while (sent < REQUESTS) {
      sent += 1;
      const drawn = request(platform);
      const copy = drawn.clone();
      const response = await capiEvent(drawn);
      const text = await response.text();
      if (response.status >= 400 && response.status < 500 && turnedAway.length < 1_000) turnedAway.push(copy);
      else await copy.body?.cancel();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      if (response.status >= 500) failures.push(text);
      if (SECRETS.some((secret) => text.includes(secret))) {
        failures.push(`in clear in an answer: ${text.slice(0, 300)}`);
      }
      if (response.status !== 202) continue;
      for (const { event_id, status } of decodeAnswers(JSON.parse(text))) {
        if (event_id !== null) (status === "refused" ? refused : stored).add(event_id);
      }
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  await settleBackground();
  assertEquals(failures.slice(0, 3), []);
  assert(
    (statuses.get(202) ?? 0) > REQUESTS / 20 && (statuses.get(400) ?? 0) > REQUESTS / 20,
    JSON.stringify([...statuses]),
  );

  const rows = await platform.sql`select event_id from fb_ads.conversion_events`;
  const kept = new Set(rows.map((row) => String(row.event_id)));
  assertEquals([...kept].filter((id) => !stored.has(id)), []);
  assertEquals([...refused].filter((id) => kept.has(id) && !stored.has(id)), []);
  assertEquals(
    (await platform
      .sql`select event_name from fb_ads.conversion_events where origin = 'browser' and event_name = 'Purchase'`)
      .length,
    0,
  );
  assertEquals(
    (await platform.sql`select state from fb_ads.event_deliveries where state not in ('sent', 'suppressed')`).length,
    0,
  );
  assertEquals(graph.capi.violations(), []);

  // The refused ones again: nothing changes.
  const before = await dumpTables(platform);
  for (const again of turnedAway) {
    const response = await capiEvent(again);
    await response.body?.cancel();
    assert(response.status >= 400 && response.status < 500, `${response.status} the second time`);
  }
  await settleBackground();
  const after = await dumpTables(platform);
  assertEquals(after, before);

  const tables = [...after.values()].join("\n");
  const lines = logs.join("\n");
  const urls = JSON.stringify(graph.ledger.calls);
  for (const secret of SECRETS) {
    assert(!tables.includes(secret), `${secret} is in a table`);
    assert(!lines.includes(secret), `${secret} is in a log line`);
    assert(!urls.includes(secret), `${secret} is in a recorded URL`);
  }
  assertEquals(logs.filter((line) => line.includes('"level":"error"')).slice(0, 3), []);
});

function decodeAnswers(value: unknown): { event_id: string | null; status: string }[] {
  return (value as { events: { event_id: string | null; status: string }[] }).events;
}
