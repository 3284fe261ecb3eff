/**
 * Which faults are tried again in place, how often, and for how long others are stayed away from.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { buildGraphError, transportError } from "../../shared/meta/graph_answer.ts";
import { throttledUntil } from "../../shared/meta/throttle.ts";
import { retryInPlace } from "../../shared/meta/retry.ts";
import type { UsageReading } from "../../shared/meta/usage_headers.ts";

function graphError(code: number, error_subcode?: number, usage: UsageReading[] = []): GraphApiError {
  return buildGraphError({ code, error_subcode, message: "" }, {
    http_status: 400,
    usage,
    fields: "",
    target: "account",
  });
}

function failing(errors: Error[]) {
  const waits: number[] = [];
  let calls = 0;
  const call = () => {
    const error = errors[calls++];
    return error === undefined ? Promise.resolve("good") : Promise.reject(error);
  };
  const sleep = (ms: number) => Promise.resolve(void waits.push(ms));
  return { call, waits, sleep, calls: () => calls };
}

Deno.test("retryInPlace() tries a passing fault three times, waiting longer each time", async () => {
  const { call, waits, sleep } = failing([graphError(2), graphError(1)]);
  assertEquals(await retryInPlace(call, { random: () => 0.5, sleep }), "good");
  assertEquals(waits, [375, 750]);
});

Deno.test("retryInPlace() throws the last error when the tries are spent", async () => {
  const { call, sleep, calls } = failing([graphError(2), graphError(2), graphError(2, 1504043)]);
  const error = await assertRejects(() => retryInPlace(call, { random: () => 0, sleep }), GraphApiError);
  assertEquals([error.reason, calls()], ["intermittent", 3]);
});

for (const [code, subcode] of [[80000], [17, 2446079], [4], [190, 463], [10], [2635], [2642], [100, 1487534]]) {
  Deno.test(`retryInPlace() does not repeat ${code}/${subcode ?? "-"}`, async () => {
    const { call, waits, sleep, calls } = failing([graphError(code ?? 0, subcode)]);
    await assertRejects(() => retryInPlace(call, { random: () => 0, sleep }), GraphApiError);
    assertEquals([waits, calls()], [[], 1]);
  });
}

Deno.test("retryInPlace() does not wait a second time for an answer that never came", async () => {
  const { call, sleep, calls } = failing([transportError("timeout", { http_status: null, usage: [] })]);
  await assertRejects(() => retryInPlace(call, { random: () => 0, sleep }), GraphApiError);
  assertEquals(calls(), 1);
});

Deno.test("retryInPlace() begins no call that could outlive the job's lease of 90 seconds", async () => {
  const tries = async (seconds: number[]) => {
    const { call, sleep, calls } = failing([graphError(2), graphError(2), graphError(2)]);
    const stopwatch = () => (seconds.shift() ?? 0) * 1000;
    await assertRejects(() => retryInPlace(call, { random: () => 0, sleep, stopwatch }), GraphApiError);
    return calls();
  };
  assertEquals([await tries([100, 126, 127]), await tries([100, 124, 148])], [1, 2]);
});

Deno.test("retryInPlace() does not repeat a passing fault whose headers say that a quota is spent", async () => {
  const spent: UsageReading = {
    scope: "business_use_case",
    key: "1",
    type: "ads_insights",
    pct: 3,
    regain_seconds: 60,
  };
  for (
    const [usage, calls] of [
      [spent, 1],
      [{ ...spent, scope: "account" as const, pct: 100 }, 1],
      [{ ...spent, scope: "account" as const, pct: 99 }, 2],
    ] as const
  ) {
    const failed = failing([graphError(2, undefined, [usage])]);
    await retryInPlace(failed.call, { random: () => 0, sleep: failed.sleep }).catch(() => undefined);
    assertEquals(failed.calls(), calls);
  }
});

Deno.test("retryInPlace() repeats what its caller names, and stops when it gives up", async () => {
  const poll = failing([graphError(2601)]);
  assertEquals(await retryInPlace(poll.call, { random: () => 0, sleep: poll.sleep, actions: ["poll"] }), "good");
  const spent = failing([graphError(2)]);
  await assertRejects(
    () => retryInPlace(spent.call, { random: () => 0, sleep: spent.sleep, give_up: () => true }),
    GraphApiError,
  );
  assertEquals(spent.calls(), 1);
});

Deno.test("retryInPlace() lets errors of ours pass at once", async () => {
  const { call, sleep, calls } = failing([new TypeError("ours")]);
  await assertRejects(() => retryInPlace(call, { random: () => 0, sleep }), TypeError);
  assertEquals(calls(), 1);
});

const NOW = new Date("2026-11-22T10:00:00Z");
const random = () => 0;

Deno.test("throttledUntil() believes the estimate of the refused use case, not of another one", () => {
  const usage: UsageReading[] = [
    { scope: "business_use_case", key: "1", type: "ads_insights", pct: 100, regain_seconds: 720 },
    { scope: "business_use_case", key: "1", type: "ads_management", pct: 100, regain_seconds: 3000 },
  ];
  assertEquals(throttledUntil(graphError(80000, 2446079, usage), NOW, { random }), new Date("2026-11-22T10:12:00Z"));
});

Deno.test("throttledUntil() doubles its own wait with each refusal, up to an hour", () => {
  const at = (attempts: number) => throttledUntil(graphError(17), NOW, { random, attempts })?.toISOString();
  assertEquals([at(0), at(1), at(3), at(20)], [
    "2026-11-22T10:01:00.000Z",
    "2026-11-22T10:02:00.000Z",
    "2026-11-22T10:08:00.000Z",
    "2026-11-22T11:00:00.000Z",
  ]);
});

Deno.test("throttledUntil() stays away 15 minutes after an abuse signal, and spreads what was throttled together", () => {
  assertEquals(throttledUntil(graphError(613, 1996), NOW, { random }), new Date("2026-11-22T10:15:00Z"));
  assertEquals(throttledUntil(graphError(613, 1996), NOW, { random: () => 0.5 }), new Date("2026-11-22T10:15:45Z"));
});

Deno.test("throttledUntil() is for throttles alone", () => {
  assertEquals(throttledUntil(graphError(190), NOW, { random }), null);
});
