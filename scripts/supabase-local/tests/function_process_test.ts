/**
 * The life of a worker by its wall clock, told by a child that only notes what it is told: in which order things
 * happen, however late they do.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FunctionProcess } from "../function_process.ts";
import type { Child } from "../reaper.ts";

const LIMITS = { wallClockMs: 200, cpuSoftMs: Infinity, cpuHardMs: Infinity };

/** A child that serves, leaves when it is told to, and notes what it is told. */
function startChild(): { child: Child; told: string[] } {
  const told: string[] = [];
  const end = Promise.withResolvers<Deno.CommandStatus>();
  let output: ReadableStreamDefaultController<string> | undefined;
  const leave = (line: string, code: number): void => {
    told.push(line);
    output?.close();
    end.resolve({ success: code === 0, code, signal: null });
  };
  const child: Child = {
    pid: 0,
    output: new ReadableStream({ start: (controller) => void (output = controller) }),
    ended: end.promise,
    tell(line) {
      if (line === "leave") leave(line, 0);
      else told.push(line);
      return Promise.resolve();
    },
    kill: (signal) => leave(signal, 1),
  };
  return { child, told };
}

Deno.test("a worker with a request is warned at 90 % of its wall clock and killed at the end of it", async () => {
  const { child, told } = startChild();
  const worker = new FunctionProcess(child, LIMITS, () => undefined);
  assert(worker.beginRequest());
  await worker.ended;
  assertEquals([told, worker.endedBy], [["beforeunload wall_clock", "SIGKILL"], "wall_clock"]);
});

Deno.test("a worker without a request leaves at half of its wall clock, before any warning", async () => {
  const { child, told } = startChild();
  const worker = new FunctionProcess(child, LIMITS, () => undefined);
  await worker.ended;
  assertEquals([told, worker.endedBy, worker.beginRequest()], [["leave"], undefined, false]);
});

Deno.test("past half of its wall clock a worker gets no more requests and leaves when it has finished what it has", async () => {
  const { child, told } = startChild();
  const worker = new FunctionProcess(child, LIMITS, () => undefined);
  assert(worker.beginRequest() && worker.beginRequest());
  // Timers come in their order, however late: this is after the half and before the warning.
  await new Promise((resolve) => setTimeout(resolve, LIMITS.wallClockMs * 0.6));
  assertEquals([worker.beginRequest(), told], [false, []]);
  worker.endRequest();
  assertEquals(told, []);
  worker.endRequest();
  await worker.ended;
  assertEquals([told, worker.endedBy], [["leave"], undefined]);
});
