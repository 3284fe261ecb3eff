/**
 * When a run must end: by the isolate's age, by the CPU of its life, by rows and bytes, and at `beforeunload`.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { type AccountOptions, createIsolateAccount } from "../../shared/edge/budget.ts";

const BIRTH = Date.UTC(2026, 10, 22, 3, 0, 0);

function setUp(options: Partial<AccountOptions> = {}) {
  let now_ms = BIRTH;
  let watch_ms = 0;
  const unload = new EventTarget();
  const account = createIsolateAccount({
    born_ms: BIRTH,
    now_ms: () => now_ms,
    stopwatch: () => watch_ms,
    unload,
    cpu_boot_ms: 0,
    cpu_ms_per_request: 0,
    ...options,
  });
  return {
    open: account.openBudget,
    openAt: (age_ms: number) => {
      now_ms = BIRTH + age_ms;
      return account.openBudget();
    },
    unload,
    pass: (ms: number) => now_ms += ms,
    burn: (ms: number) => watch_ms += ms,
  };
}

Deno.test("a budget counts the wall clock from the isolate's birth, not from the request's", () => {
  const { openAt, pass } = setUp();
  const budget = openAt(60_000);
  assertEquals([budget.exhausted(), budget.left().wall_ms], [false, 40_000]);
  pass(39_999);
  assertEquals(budget.exhausted(), false);
  pass(1);
  assertEquals([budget.exhausted(), budget.left().wall_ms, budget.used().wall_ms], ["wall", 0, 40_000]);
});

Deno.test("a request in the second half of 150 s shows a longer life: two thirds of twice the age are its end", () => {
  // 75 s: until 100. 90 s: a life of 180, until 120. 200 s, the last of 400: until 266.7. An hour: 100 s at most.
  const left = [0, 75_000, 90_000, 200_000, 3_600_000].map((age) => Math.round(setUp().openAt(age).left().wall_ms));
  assertEquals(left, [100_000, 25_000, 30_000, 66_667, 100_000]);
});

Deno.test("a clock that went back gives a new isolate's budget", () => {
  assertEquals(setUp().openAt(-5_000).left().wall_ms, 100_000);
});

Deno.test("a budget estimates CPU from requests, calls, rows and bytes", () => {
  const { open } = setUp({ cpu_ms_per_request: 3, cpu_ms_per_call: 2, cpu_ms_per_row: 0.01, cpu_ms_per_megabyte: 10 });
  const budget = open();
  budget.count({ calls: 10, rows: 5_000, bytes: 3_000_000 });
  // 3 + 10 × 2 + 5,000 × 0.01 + 3 × 10
  assertEquals([budget.used().cpu_ms, budget.left().cpu_ms], [103, 1_397]);
  budget.count({ rows: 139_700 });
  assertEquals([budget.exhausted(), budget.left().cpu_ms], ["cpu", 0]);
});

Deno.test("one account counts for all requests of an isolate, and for loading it", () => {
  const { open } = setUp({ cpu_boot_ms: 150, cpu_ms_per_request: 1, cpu_ms_per_call: 1 });
  const first = open();
  first.count({ calls: 600 });
  const second = open();
  second.count({ calls: 200 });
  // 150 + 1 + 600 + 1 + 200
  assertEquals([first.left().cpu_ms, second.left().cpu_ms], [548, 548]);
  assertEquals([second.used().cpu_ms, first.exhausted(), second.exhausted()], [201, false, false]);
  second.count({ calls: 548 });
  assertEquals([first.exhausted(), second.exhausted()], ["cpu", "cpu"]);
});

Deno.test("a request that arrives shows that the isolate is below its soft limit", () => {
  const { open } = setUp({ cpu_ms_per_call: 1 });
  open().count({ calls: 10_000 });
  assertEquals(open().left().cpu_ms, 500);
  const { open: openNew } = setUp({ cpu_ms_per_call: 1 });
  openNew().count({ calls: 300 });
  assertEquals(openNew().left().cpu_ms, 1_200);
});

Deno.test("measure() adds the time that synchronous work took, also when it throws", () => {
  const { open, burn } = setUp();
  const budget = open();
  assertEquals(budget.measure(() => burn(700) && "result"), "result");
  assertThrows(() =>
    budget.measure(() => {
      burn(800);
      throw new Error("inside");
    })
  );
  assertEquals([budget.used().cpu_ms, budget.exhausted()], [1_500, "cpu"]);
});

Deno.test("beforeunload exhausts every budget of the isolate, the running and the coming", () => {
  const { open, unload } = setUp();
  const budget = open();
  unload.dispatchEvent(new Event("beforeunload"));
  assertEquals([budget.exhausted(), open().exhausted()], ["unload", "unload"]);
  assertEquals(setUp().open().exhausted(), false);
});

Deno.test("an isolate is born when the module is loaded, where nothing else is said", () => {
  const { wall_ms } = createIsolateAccount({ unload: new EventTarget() }).openBudget().left();
  assertEquals(wall_ms <= 100_000 && wall_ms > 0, true);
});

Deno.test("all numbers are options", () => {
  const { openAt } = setUp({ wall_limit_ms: 390_000, wall_request_ms: 350_000, cpu_stop_ms: 10, cpu_boot_ms: 4 });
  assertEquals(openAt(150_000).left(), { wall_ms: 110_000, cpu_ms: 6 });
});
