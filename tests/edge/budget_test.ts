/**
 * When a run must end: by the isolate's age, by CPU, by rows and bytes, and at `beforeunload`.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { type BudgetOptions, createBudget } from "../../shared/edge/budget.ts";

const BIRTH = Date.UTC(2026, 10, 22, 3, 0, 0);

function setUp(age_ms: number, options: Partial<BudgetOptions> = {}) {
  let now_ms = BIRTH + age_ms;
  let watch_ms = 0;
  const unload = new EventTarget();
  const budget = createBudget({
    clock: { now: () => new Date(now_ms) },
    isolate_started_ms: BIRTH,
    unload,
    stopwatch: () => watch_ms,
    cpu_start_ms: 0,
    cpu_boot_ms: 0,
    ...options,
  });
  return { budget, unload, pass: (ms: number) => now_ms += ms, burn: (ms: number) => watch_ms += ms };
}

Deno.test("createBudget() counts the wall clock from the isolate's birth, not from the request's", () => {
  const { budget, pass } = setUp(60_000);
  assertEquals([budget.exhausted(), budget.left().wall_ms], [false, 40_000]);
  pass(39_999);
  assertEquals(budget.exhausted(), false);
  pass(1);
  assertEquals([budget.exhausted(), budget.left().wall_ms, budget.used().wall_ms], ["wall", 0, 40_000]);
});

Deno.test("createBudget() gives a late request thirty seconds, but no more than the worker has until it is unloaded", () => {
  // 75 s old: 30 s are more than the 25 s until 100 s. 120 s old: 15 s are left until 135 s, 90 % of 150 s.
  assertEquals([75_000, 99_999, 104_000, 120_000, 134_000].map((age) => setUp(age).budget.left().wall_ms), [
    30_000,
    30_000,
    30_000,
    15_000,
    1_000,
  ]);
  assertEquals(setUp(120_000).budget.exhausted(), false);
  const { budget, pass } = setUp(120_000);
  pass(15_000);
  assertEquals(budget.exhausted(), "wall");
});

Deno.test("createBudget() gives a whole budget where isolates outlive the limit, or were born in the future", () => {
  const old = setUp(3_600_000);
  assertEquals([old.budget.exhausted(), old.budget.left().wall_ms], [false, 100_000]);
  assertEquals(setUp(135_000).budget.left().wall_ms, 100_000);
  assertEquals(setUp(-5_000).budget.left().wall_ms, 100_000);
});

Deno.test("createBudget() estimates CPU from calls, rows and bytes", () => {
  const { budget } = setUp(0, { cpu_ms_per_call: 2, cpu_ms_per_row: 0.01, cpu_ms_per_megabyte: 10 });
  budget.count({ calls: 10, rows: 5_000, bytes: 3_000_000 });
  // 10 × 2 + 5,000 × 0.01 + 3 × 10
  assertEquals([budget.used().cpu_ms, budget.left().cpu_ms], [100, 1_400]);
  budget.count({ rows: 140_000 });
  assertEquals([budget.exhausted(), budget.left().cpu_ms], ["cpu", 0]);
});

Deno.test("createBudget() counts the loading of the function to the requests that waited for it", () => {
  assertEquals(setUp(999, { cpu_boot_ms: 150 }).budget.used().cpu_ms, 150);
  assertEquals(setUp(1_000, { cpu_boot_ms: 150 }).budget.used().cpu_ms, 0);
});

Deno.test("measure() adds the time that synchronous work took, also when it throws", () => {
  const { budget, burn } = setUp(0);
  assertEquals(budget.measure(() => burn(700) && "result"), "result");
  assertThrows(() =>
    budget.measure(() => {
      burn(800);
      throw new Error("inside");
    })
  );
  assertEquals([budget.used().cpu_ms, budget.exhausted()], [1_500, "cpu"]);
});

Deno.test("each request has a CPU budget of its own", () => {
  const first = setUp(0);
  first.budget.count({ rows: 1_000_000 });
  assertEquals([first.budget.exhausted(), setUp(0).budget.exhausted()], ["cpu", false]);
});

Deno.test("beforeunload exhausts every budget of the isolate, the running and the coming", () => {
  const { budget, unload } = setUp(0);
  unload.dispatchEvent(new Event("beforeunload"));
  assertEquals(budget.exhausted(), "unload");
  assertEquals(setUp(0, { unload }).budget.exhausted(), "unload");
  assertEquals(setUp(0).budget.exhausted(), false);
});

Deno.test("all numbers are options", () => {
  const options = { wall_limit_ms: 400_000, wall_stop_ms: 350_000, cpu_stop_ms: 10, cpu_start_ms: 4 };
  assertEquals(setUp(200_000, options).budget.left(), { wall_ms: 150_000, cpu_ms: 6 });
});
