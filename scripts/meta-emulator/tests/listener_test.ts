/**
 * The wire: bodies in every encoding that a client may choose, connections that stay or end, the process of its own.
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { isRecord, parseJson, readText } from "../json_value.ts";
import { type FaultAction, startGraphEmulator } from "../mod.ts";

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

/** Reads what a connection brings until it ends, and how it ends. */
async function readRaw(url: string): Promise<{ text: string; end: "closed" | "reset" }> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  await connection.write(new TextEncoder().encode("GET /v27.0/me HTTP/1.1\r\nhost: graph\r\n\r\n"));
  let text = "";
  try {
    for await (const chunk of connection.readable) text += new TextDecoder().decode(chunk);
    return { text, end: "closed" };
  } catch (error) {
    assert(error instanceof Deno.errors.ConnectionReset, String(error));
    return { text, end: "reset" };
  }
}

Deno.test("a reset, a cut, cut chunks, garbage and silence are on the wire what they are called", async () => {
  await using emulator = await startGraphEmulator();
  const play = (action: FaultAction): Promise<{ text: string; end: string }> => {
    emulator.faults.clear();
    emulator.faults.add({ action });
    return readRaw(emulator.url);
  };
  assertEquals(await play({ kind: "reset" }), { text: "", end: "reset" });
  assertEquals(await play({ kind: "hang", ms: 5 }), { text: "", end: "closed" });
  const cut = await play({ kind: "cut" });
  const [head = "", half = ""] = cut.text.split("\r\n\r\n");
  assertEquals(Number(/content-length: (\d+)/.exec(head)?.[1]) >> 1, half.length);
  const chunks = await play({ kind: "cut", chunked: true });
  assertMatch(chunks.text, /transfer-encoding: chunked\r\n\r\n[0-9a-f]+\r\n\{"error"/i);
  assert(!chunks.text.endsWith("0\r\n\r\n") && cut.end === "closed" && chunks.end === "closed");
  const garbage = await play({ kind: "garbage" });
  assert(garbage.text !== "" && !garbage.text.startsWith("HTTP/"));
});

Deno.test("an endless answer goes on until the client has had enough", async () => {
  await using emulator = await startGraphEmulator();
  emulator.faults.add({ action: { kind: "endless" } });
  const response = await fetch(`${emulator.url}/v27.0/me`);
  let length = 0;
  for await (const chunk of response.body ?? []) if ((length += chunk.length) > 5_000_000) break;
  assert(length > 5_000_000);
});

Deno.test("padding makes an answer larger by its rows, and it stays the same JSON", async () => {
  await using emulator = await startGraphEmulator();
  const account = emulator.world.accounts[0]?.plan.account_id;
  const read = async (limit: number): Promise<{ length: number; rows: number }> => {
    const response = await fetch(`${emulator.url}/v27.0/act_${account}/ads?fields=id&limit=${limit}`, {
      headers: { authorization: `Bearer ${emulator.token}` },
    });
    const text = await response.text();
    return { length: text.trimEnd().length - text.length, rows: JSON.parse(text).data.length };
  };
  emulator.faults.add({ action: { kind: "pad", bytes_per_row: 1000 } });
  assertEquals(await read(2), { length: -2000, rows: 2 });
  assertEquals(await read(4), { length: -4000, rows: 4 });
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

Deno.test("main.ts says what it takes, and refuses what it does not", async () => {
  const run = async (...args: string[]): Promise<{ code: number; text: string }> => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-net=127.0.0.1", new URL("../main.ts", import.meta.url).pathname, ...args],
    }).output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  };
  const help = await run("--help");
  assertEquals(help.code, 0);
  assertMatch(help.text, /--preset[\s\S]*--no-token-in-url/);
  for (const [wrong, says] of [["--colour", "--colour"], ["--ads=some", "--ads"], ["--at=soon", "--at"]] as const) {
    const refused = await run(wrong);
    assertEquals(refused.code, 2);
    assert(refused.text.includes(says), refused.text);
  }
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
