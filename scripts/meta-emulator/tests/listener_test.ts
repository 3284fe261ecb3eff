/**
 * The wire: bodies in every encoding that a client may choose, connections that stay or end, the process of its own.
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { isRecord, parseJson, readText } from "../json_value.ts";
import { startGraphEmulator } from "../mod.ts";

Deno.test("form, multipart, JSON and chunked bodies carry the same parameters", async () => {
  await using emulator = await startGraphEmulator();
  const multipart = new FormData();
  multipart.set("level", "nonsense");
  const json = new TextEncoder().encode('{"level":"nonsense"}');
  const chunked = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of json) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const bodies: BodyInit[] = [new URLSearchParams({ level: "nonsense" }), multipart, json, chunked];
  const account = emulator.world.accounts[0]?.plan.account_id;
  for (const body of bodies) {
    const response = await fetch(`${emulator.url}/v27.0/act_${account}/insights`, {
      method: "POST",
      headers: { authorization: `Bearer ${emulator.token}` },
      body,
    });
    assert((await response.text()).includes("Param level must be one of"));
  }
});

Deno.test("close() ends a silent answer and frees the port", async () => {
  const emulator = await startGraphEmulator();
  emulator.faults.add({ action: { kind: "hang", ms: 600_000 } });
  const called = emulator.ledger.whenCalled(({ route }) => route === "me");
  const silent = assertRejects(() => fetch(`${emulator.url}/v27.0/me`));
  await called;
  await emulator.close();
  await silent;
  const port = Number(new URL(emulator.url).port);
  await using again = await startGraphEmulator({ port });
  assertEquals(again.url, emulator.url);
});

Deno.test("main.ts prints its address and is ruled over HTTP", async () => {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net=127.0.0.1", new URL("../main.ts", import.meta.url).pathname, "--ads=3"]
      .concat(["--preset", "big", "--at", "2026-11-22T04:00:00Z"]),
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const told = parseJson((await reader.read()).value ?? "");
  assert(isRecord(told));
  const control = readText(told, "control");
  const clock = await (await fetch(`${control}/clock`)).json();
  assertEquals(clock, { now: "2026-11-22T04:00:00.000Z", now_ms: 1_795_320_000_000, stopped: true });
  const wrong = await fetch(`${control}/faults`, {
    method: "POST",
    body: '{"action":{"kind":"error","error":"nope"}}',
  });
  assertEquals(wrong.status, 400);
  await wrong.body?.cancel();
  const world = await (await fetch(`${control}/world`)).json();
  assertEquals(world.accounts[0].ads, 3);
  process.kill("SIGTERM");
  await reader.cancel();
  assertEquals((await process.status).code, 0);
});
