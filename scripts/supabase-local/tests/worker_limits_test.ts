/**
 * How long a function's workers live, by the wall clock and by CPU. The fixture project's function `probe` does what it
 * is asked for.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../mod.ts";
import { ask } from "./fixtures/probe.ts";
import { fixtureProject } from "./fixtures/recorder.ts";
import { until } from "../waiting.ts";

function start(options: Parameters<typeof startPlatform>[0] = {}): Promise<Platform> {
  return startPlatform({ projectRoot: fixtureProject, schedule: false, ...options });
}

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
  assert(platform.functionCpuMs("probe") >= 1_000, "what the worker that left has used is counted");
});
