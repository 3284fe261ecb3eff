/**
 * The ledger: what is in flight at once, and that no token gets into it by any way in.
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { startGraphEmulator } from "../mod.ts";

Deno.test("the ledger counts what is in flight at once, of one account and of all", async () => {
  await using emulator = await startGraphEmulator();
  const hold = emulator.faults.add({ action: { kind: "hold" } });
  const third = emulator.ledger.whenCalled(({ seq }) => seq === 3);
  const [account = "", other = ""] = emulator.world.accounts.map(({ plan }) => plan.account_id);
  const answers = [`act_${account}`, `act_${account}/ads`, `act_${other}`].map(async (path) => {
    const headers = { authorization: `Bearer ${emulator.token}` };
    await (await fetch(`${emulator.url}/v27.0/${path}`, { headers })).body?.cancel();
  });
  await third;
  emulator.faults.remove(hold);
  await Promise.all(answers);
  assertEquals(emulator.ledger.maxInFlight(account), 2);
  assertEquals(emulator.ledger.maxInFlight(other), 1);
  assertEquals(emulator.ledger.maxInFlight(), 3);
  assertEquals(emulator.ledger.maxInFlightOfAnyAccount(), 2);
});

Deno.test("the ledger names tokens and never holds one, wherever it came in", async () => {
  await using emulator = await startGraphEmulator();
  const { token, url } = emulator;
  const read = `debug_token?input_token=${token}`;
  const calls: [string, RequestInit][] = [
    ["me", { headers: { authorization: `Bearer ${token}` } }],
    [`me?access_token=${token}`, {}],
    [`${read}&access_token=${token}`, {}],
    ["", {
      method: "POST",
      body: JSON.stringify({ access_token: token, batch: [{ method: "GET", relative_url: read }] }),
    }],
    ["", { method: "POST", body: new URLSearchParams({ access_token: token, batch: `[{"relative_url":"${read}"}]` }) }],
  ];
  for (const [path, request] of calls) {
    const response = await fetch(`${url}/v27.0/${path}`, request);
    assertEquals(response.status, 200);
    await response.body?.cancel();
  }
  assertEquals(emulator.ledger.calls.map(({ route, token_in_url }) => [route, token_in_url]), [
    ["me", false],
    ["me", true],
    ["debug_token", true],
    ["batch", true],
    ["debug_token", false],
    ["batch", true],
    ["debug_token", false],
  ]);
  assert(emulator.ledger.calls.every((call) => call.token === "marketing"));
  assert(!JSON.stringify(emulator.ledger.calls).includes(token));
});
