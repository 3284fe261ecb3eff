/**
 * What a function can and cannot do on the platform, and how long its workers live. The fixture project's function `probe`
 * does what it is asked for.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type Platform, startPlatform } from "../mod.ts";
import { fixtureProject } from "./fixtures/recorder.ts";
import { until } from "../../dev/testing/waiting.ts";

async function ask(platform: Platform, question: Record<string, unknown>): Promise<unknown> {
  const response = await platform.invoke("probe", question);
  assertEquals(response.status, 200);
  const { answer } = await response.json();
  return answer;
}

function start(options: Parameters<typeof startPlatform>[0] = {}): Promise<Platform> {
  return startPlatform({ projectRoot: fixtureProject, schedule: false, ...options });
}

Deno.test("a function sees the platform's variables and its own secrets, and no other variable", async () => {
  Deno.env.set("PLATFORM_TEST_VARIABLE", "not for functions");
  await using platform = await start({ functionEnv: { FB_ADS_DEFAULT_COUNTRY: "ID" } });
  assertEquals(await ask(platform, { do: "variables" }), [
    "FB_ADS_DEFAULT_COUNTRY",
    "SB_EXECUTION_ID",
    "SB_REGION",
    "SUPABASE_JWKS",
    "SUPABASE_PUBLISHABLE_KEYS",
    "SUPABASE_SECRET_KEYS",
    "SUPABASE_URL",
  ]);
  assertEquals(await ask(platform, { do: "variable", of: "SUPABASE_URL" }), platform.apiUrl);
  assertEquals(await ask(platform, { do: "variable", of: "FB_ADS_DEFAULT_COUNTRY" }), "ID");
  assertEquals(await ask(platform, { do: "variable", of: "PLATFORM_TEST_VARIABLE" }), null);
  assertEquals(await ask(platform, { do: "variable", of: "HOME" }), null);
});

Deno.test("a function opens no file outside its folder, writes none and starts no program", async () => {
  await using platform = await start();
  const refused = "refused: NotCapable";
  assertEquals(await ask(platform, { do: "read", of: "/etc/passwd" }), refused);
  assertEquals(await ask(platform, { do: "read", of: `${fixtureProject}/supabase/config.toml` }), refused);
  assertEquals(await ask(platform, { do: "write", of: `${fixtureProject}/supabase/functions/probe/new` }), refused);
  assertEquals(await ask(platform, { do: "run", of: "/bin/sh" }), refused);
});

Deno.test("a function reaches the gateway and the Graph host, and no other host or port", async () => {
  const graph = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, () => new Response("graph"));
  await using platform = await start({ graphUrl: `http://127.0.0.1:${graph.addr.port}` });
  assertEquals(await ask(platform, { do: "fetch", of: `http://127.0.0.1:${graph.addr.port}/` }), "allowed: 200");
  assertEquals(await ask(platform, { do: "fetch", of: `${platform.apiUrl}/rest/v1/` }), "allowed: 401");
  const database = new URL(platform.dbUrl).port;
  assertEquals(await ask(platform, { do: "fetch", of: `http://127.0.0.1:${database}/` }), "refused: NotCapable");
  assertEquals(await ask(platform, { do: "fetch", of: "http://192.0.2.1/" }), "refused: NotCapable");
  assertEquals(await ask(platform, { do: "fetch", of: "https://example.com/" }), "refused: NotCapable");
  await graph.shutdown();
});

Deno.test("a function works with the real client libraries against the real Data API", async () => {
  await using platform = await start();
  assertEquals(await ask(platform, { do: "rpc", of: "through supabase-js" }), 1);
  assertEquals(await ask(platform, { do: "authenticate" }), true);
  assertEquals([...await platform.sql`select body from public.note`], [{ body: "through supabase-js" }]);
});

Deno.test("`EdgeRuntime.waitUntil` lets work go on after the answer", async () => {
  await using platform = await start();
  await ask(platform, { do: "count" });
  assertEquals(await ask(platform, { do: "background", of: "later", milliseconds: 1_500 }), "accepted");
  assertEquals([...await platform.sql`select body from public.note`], []);
  await until(
    "the work in the background is done",
    async () => (await platform.sql`select from public.note where body = 'later'`).length === 1,
  );
});

Deno.test("a request under way at the end of a worker's wall clock gets 546, and the next one another worker", async () => {
  // Long enough to boot in, on this machine.
  for (let wallClockMs = 2_000; wallClockMs < 100_000; wallClockMs *= 2) {
    await using platform = await start({ wallClockMs });
    const response = await platform.invoke("probe", { do: "wait", milliseconds: 10 * wallClockMs });
    const { code } = await response.json();
    if (code === "BOOT_ERROR") continue;
    assertEquals([response.status, code], [546, "WORKER_LIMIT"]);
    assertEquals(platform.functionLogs("probe"), ["beforeunload wall_clock"]);
    assertEquals(platform.functionProcess("probe"), null);
    return;
  }
  throw new Error("no worker ever boots");
});

Deno.test("CPU is counted over a worker's life: past the soft limit it gets no more requests and finishes what it has", async () => {
  await using platform = await start({ cpuSoftMs: 1_500, cpuHardMs: 60_000 });
  assertEquals(await ask(platform, { do: "count" }), 1);
  const { pid } = platform.functionProcess("probe") ?? { pid: 0 };
  await ask(platform, { do: "background", of: "in the background", milliseconds: 3_000 });
  const underWay = ask(platform, { do: "wait", milliseconds: 2_000 });
  assertEquals(await ask(platform, { do: "wait", milliseconds: 500 }), "waited", "waiting costs no CPU");
  assertEquals(platform.functionProcess("probe")?.pid, pid);
  let requests = 0;
  for (; platform.functionProcess("probe")?.pid === pid; requests++) {
    assertEquals(await ask(platform, { do: "compute", milliseconds: 150 }), "computed");
  }
  assert(requests > 1, "no request reaches the limit by itself");
  assertEquals(await ask(platform, { do: "count" }), 1, "a new worker");
  assertEquals(await underWay, "waited");
  await until(
    "the work in the background is done",
    async () => (await platform.sql`select from public.note where body = 'in the background'`).length === 1,
  );
});

Deno.test("a worker is warned at 90 % of the hard limit of its CPU and killed at it, and a request under way gets 546", async () => {
  await using platform = await start({ cpuSoftMs: 500, cpuHardMs: 1_500 });
  const response = await platform.invoke("probe", { do: "compute_in_turns", milliseconds: 60_000 });
  assertEquals([response.status, (await response.json()).code], [546, "WORKER_LIMIT"]);
  assertEquals(platform.functionLogs("probe"), ["beforeunload cpu"]);
  assertEquals(await ask(platform, { do: "count" }), 1, "a new worker starts from nothing");
  assertEquals((await platform.invoke("probe", { do: "compute", milliseconds: 60_000 })).status, 546);
});

Deno.test("the limits are those of the free plan unless others are given, and loading a function counts", async () => {
  await using platform = await start();
  await ask(platform, { do: "count" });
  const before = platform.functionProcess("probe");
  // How much CPU a busy worker gets is the machine's affair; 600 ms and what loading takes are below the limit.
  await ask(platform, { do: "compute", milliseconds: 600 });
  assertEquals(platform.functionProcess("probe")?.pid, before?.pid);
  await until("it is retired", async () => {
    await ask(platform, { do: "compute", milliseconds: 200 });
    return platform.functionProcess("probe")?.pid !== before?.pid;
  });
  assert((before?.cpuMs ?? 0) > 0, "loading supabase-js is not free");
});

Deno.test("a killed worker is gone at once, its caller gets 500, and the next request boots another", async () => {
  await using platform = await start();
  assertEquals(platform.functionProcess("probe"), null, "nothing boots before the first request");
  assertEquals(await ask(platform, { do: "count" }), 1);
  const { pid } = platform.functionProcess("probe") ?? { pid: 0 };
  const underWay = platform.invoke("probe", { do: "wait", milliseconds: 60_000 });
  await ask(platform, { do: "count" });
  await platform.killFunction("probe");
  assertEquals(platform.functionProcess("probe"), null);
  assertEquals((await underWay).status, 500);
  assertEquals((await (await underWay).json()).code, "WORKER_ERROR");
  assertEquals(await ask(platform, { do: "count" }), 1);
  assertNotEquals(platform.functionProcess("probe")?.pid, pid);
});

Deno.test("requests that find a dead worker at the same time share one new worker", async () => {
  await using platform = await start();
  for (let round = 0; round < 3; round++) {
    await ask(platform, { do: "count" });
    const { pid } = platform.functionProcess("probe") ?? { pid: 0 };
    Deno.kill(pid, "SIGKILL");
    const responses = await Promise.all(Array.from({ length: 8 }, () => platform.invoke("probe", { do: "count" })));
    const counts = await Promise.all(responses.map(async (response) => (await response.json()).answer));
    const answered = counts.filter((count) => count !== undefined).toSorted();
    assertEquals(answered, answered.map((_, index) => index + 1), "one worker counted them all");
    await platform.killFunction("probe");
  }
});

Deno.test("a function that does not boot answers 503 and says why in its log; an unknown one answers 404", async () => {
  await using platform = await start();
  const broken = await platform.invoke("broken");
  assertEquals(broken.status, 503);
  assertEquals((await broken.json()).code, "BOOT_ERROR");
  assertMatch(platform.functionLogs("broken").join("\n"), /SyntaxError/);
  const unknown = await platform.invoke("nothing");
  assertEquals([unknown.status, (await unknown.json()).code], [404, "NOT_FOUND"]);
});

Deno.test("a function that asks for tokens lets in a user's token or a key, and nothing else", async () => {
  await using platform = await start();
  const url = `${platform.functionsUrl}/guarded`;
  const status = async (headers: Record<string, string>) => {
    const response = await fetch(url, { method: "POST", headers });
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await status({}), 401);
  assertEquals(await status({ authorization: "Bearer nonsense" }), 401);
  assertEquals(await status({ authorization: `Bearer ${await platform.userToken({ expiresInSeconds: -60 })}` }), 401);
  assertEquals(await status({ authorization: `Bearer ${await platform.userToken()}` }), 200);
  assertEquals(await status({ apikey: platform.publishableKey }), 200);
});

Deno.test("a function sees its path, the caller's address and headers", async () => {
  await using platform = await start();
  const response = await fetch(`${platform.functionsUrl}/probe/more?of=this`, {
    method: "POST",
    headers: { "x-forwarded-for": "203.0.113.7", "cf-connecting-ip": "203.0.113.8", origin: "https://shop.example" },
    body: JSON.stringify({ do: "request" }),
  });
  const { answer: { path, headers } } = await response.json();
  assertEquals(path, "/probe/more");
  assertEquals(headers["x-forwarded-for"], "203.0.113.7, 127.0.0.1", "what the caller says stands first");
  assertEquals(
    headers["cf-connecting-ip"],
    "127.0.0.1",
    "whom the connection comes from is not the caller's to choose",
  );
  assertEquals(headers.origin, "https://shop.example");
});
