/**
 * The Conversions API's memory: what was taken though the sender never learned, what counts once, what should not have
 * been sent.
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import type { JsonRecord } from "../json_value.ts";
import { type GraphEmulator, startGraphEmulator } from "../mod.ts";

const PIXEL = "1234567890123456";

function purchase(emulator: GraphEmulator, changes: JsonRecord = {}): JsonRecord {
  return {
    event_name: "Purchase",
    event_id: "order-1",
    event_time: Math.floor(emulator.clock.now() / 1000),
    action_source: "website",
    event_source_url: "https://shop.example/thanks",
    user_data: { em: ["a".repeat(64)], client_user_agent: "Mozilla/5.0" },
    custom_data: { value: "99000.50", currency: "IDR" },
    ...changes,
  };
}

function send(emulator: GraphEmulator, ...data: JsonRecord[]): Promise<Response> {
  return fetch(`${emulator.url}/v27.0/${PIXEL}/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${emulator.capiToken}`, "content-type": "application/json" },
    body: JSON.stringify({ data }),
  });
}

Deno.test("an event taken before the connection broke counts once when it is sent again", async () => {
  await using emulator = await startGraphEmulator();
  emulator.faults.add({ match: { route: "events" }, times: 1, action: { kind: "reset", after_effect: true } });
  await assertRejects(() => send(emulator, purchase(emulator)));
  assertEquals(emulator.capi.timesCounted(PIXEL, "Purchase", "order-1"), 1);
  const again = await send(emulator, purchase(emulator));
  assertEquals(again.status, 200);
  await again.body?.cancel();
  assertEquals(emulator.capi.timesCounted(PIXEL, "Purchase", "order-1"), 1);
  assertEquals(emulator.capi.events.map(({ counted }) => counted), [true, false]);
  assertEquals(emulator.capi.tally(PIXEL), { "Purchase/order-1": 1 });
});

Deno.test("a request with one bad event takes none, and its book says which events it carried", async () => {
  await using emulator = await startGraphEmulator();
  const bad = purchase(emulator, { event_id: "order-2", custom_data: { value: 1 } });
  const refused = await send(emulator, purchase(emulator), bad);
  assertEquals(refused.status, 400);
  await refused.body?.cancel();
  assertEquals(emulator.capi.events, []);
  const { events, taken, code, error_subcode } = emulator.capi.requests[0] ?? {};
  assertEquals({ events, taken, code, error_subcode }, {
    events: [{ event_name: "Purchase", event_id: "order-1" }, { event_name: "Purchase", event_id: "order-2" }],
    taken: false,
    code: 100,
    error_subcode: 2804010,
  });
});

Deno.test("a fault can poison one event by its id", async () => {
  await using emulator = await startGraphEmulator();
  emulator.faults.add({
    match: { route: "events", params_contain: "order-13" },
    action: { kind: "error", error: "100/2804050" },
  });
  const ids = ["order-12", "order-13", "order-14"];
  const statuses: number[] = [];
  for (const event_id of ids) {
    const response = await send(emulator, purchase(emulator, { event_id }));
    statuses.push(response.status);
    await response.body?.cancel();
  }
  assertEquals(statuses, [200, 400, 200]);
});

Deno.test("values in clear, MD5, upper-case digests and hashed addresses are recorded by path", async () => {
  await using emulator = await startGraphEmulator();
  const user_data = {
    em: ["someone@example.com"],
    ph: "d41d8cd98f00b204e9800998ecf8427e",
    fn: ["A".repeat(64)],
    ln: ["b".repeat(64)],
    external_id: "user-1",
    client_ip_address: "a".repeat(64),
    client_user_agent: "Mozilla/5.0",
    fbp: "fb.1.123.4",
  };
  const response = await send(emulator, purchase(emulator, { user_data, surprise: 1 }));
  assertEquals(response.status, 200);
  await response.body?.cancel();
  const paths = emulator.capi.violations().map(({ path }) => path.replace("$['data'][0]", ""));
  assertEquals(paths, [
    "['surprise']",
    "['user_data']['em']",
    "['user_data']['ph']",
    "['user_data']['fn']",
    "['user_data']['external_id']",
    "['user_data']['client_ip_address']",
    "['user_data']['fbp']",
    "['user_data']['client_ip_address']",
  ]);
});

Deno.test("the newest currencies of ISO 4217 are taken, and what is no currency is refused", async () => {
  await using emulator = await startGraphEmulator();
  const statuses: Record<string, number> = {};
  for (const currency of ["SLE", "VED", "XCG", "ZWG", "XYZ"]) {
    const response = await send(emulator, purchase(emulator, { custom_data: { value: 1, currency } }));
    statuses[currency] = response.status;
    await response.body?.cancel();
  }
  assertEquals(statuses, { SLE: 200, VED: 200, XCG: 200, ZWG: 200, XYZ: 400 });
});

Deno.test("a clean event has no violation", async () => {
  await using emulator = await startGraphEmulator();
  const response = await send(
    emulator,
    purchase(emulator, {
      user_data: {
        em: ["0".repeat(64)],
        external_id: ["1".repeat(64)],
        client_ip_address: "2001:db8::7",
        client_user_agent: "Mozilla/5.0",
        fbc: "fb.1.1795319000000.IwAR1abc",
        fbp: "fb.1.1795319000000.1098115397",
      },
    }),
  );
  await response.body?.cancel();
  assertEquals(emulator.capi.violations(), []);
});

Deno.test("an answer may tell fewer events than were sent", async () => {
  await using emulator = await startGraphEmulator();
  const body = { events_received: 0, messages: [], fbtrace_id: "A1" };
  emulator.faults.add({ match: { route: "events" }, action: { kind: "body", body, after_effect: true } });
  const response = await send(emulator, purchase(emulator));
  assertEquals(await response.json(), body);
  assertEquals(emulator.capi.events.length, 1);
});
