/**
 * How much longer a request may work. The platform kills a worker at its wall-clock limit, counted from the worker's
 * birth and not from the request's, and a request at 2 s of CPU; neither can be asked for, so the wall is taken from the
 * isolate's age and the CPU estimated from what was done (calls, rows, bytes) and from synchronous time measured.
 * Limits: https://supabase.com/docs/guides/functions/limits
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Why to stop; false: go on. */
export type Exhausted = false | "wall" | "cpu" | "unload";

/** Work done since the last count. */
export interface Work {
  /** Requests sent, to Meta or to the database. */
  calls?: number;
  /** Rows decoded and written. */
  rows?: number;
  /** Bytes of JSON parsed or made. */
  bytes?: number;
}

/** What is left of a request's time. */
export interface Budget {
  /** Adds work done, at its estimated CPU cost. */
  count(work: Work): void;
  /** Runs a synchronous piece of work and adds the time that it took. Do not `count` its rows and bytes as well. */
  measure<Result>(work: () => Result): Result;
  /** Whether to stop now, and why. */
  exhausted(): Exhausted;
  /** What is left until `exhausted`, in milliseconds; never below 0. */
  left(): { wall_ms: number; cpu_ms: number };
  /** What this request has used, in milliseconds; the CPU is an estimate. */
  used(): { wall_ms: number; cpu_ms: number };
}

/** All numbers of a budget; the defaults fit the free plan. */
export interface BudgetOptions {
  /** Tells the time. */
  clock: Clock;
  /** When this isolate was born, in milliseconds of the epoch. */
  isolate_started_ms?: number;
  /** Life of a worker; it is told to unload at 90 % of it. @default 150_000 */
  wall_limit_ms?: number;
  /** Age of the isolate at which to stop. @default 100_000 */
  wall_stop_ms?: number;
  /** What a request on an old isolate is given all the same, as far as 90 % of the isolate's life reach. @default 30_000 */
  wall_least_ms?: number;
  /** Estimated CPU of this request at which to stop, of the platform's 2,000. @default 1_500 */
  cpu_stop_ms?: number;
  /** CPU that a request has used before it is counted: authentication and reading the body. @default 15 */
  cpu_start_ms?: number;
  /** CPU of loading the function, counted to requests that come within a second of the isolate's birth. @default 150 */
  cpu_boot_ms?: number;
  /** CPU of one request to Meta or the database; measured at 0.4 here, doubled for slower machines. @default 0.9 */
  cpu_ms_per_call?: number;
  /** CPU of decoding, batching and handing on one row. @default 0.012 */
  cpu_ms_per_row?: number;
  /** CPU of parsing and making one megabyte of JSON. @default 12 */
  cpu_ms_per_megabyte?: number;
  /** Where `beforeunload` is dispatched. */
  unload?: EventTarget;
  /** High-resolution time for `measure`. */
  stopwatch?: () => number;
}

const unloading = new WeakMap<EventTarget, { now: boolean }>();

/** Listens once per isolate; the platform announces its end at 90 % of any limit. */
function watchUnload(target: EventTarget): { now: boolean } {
  const known = unloading.get(target);
  if (known !== undefined) return known;
  const state = { now: false };
  unloading.set(target, state);
  target.addEventListener("beforeunload", () => {
    state.now = true;
  });
  return state;
}

/** Starts the budget of one request. */
export function createBudget(options: BudgetOptions): Budget {
  const {
    clock,
    isolate_started_ms = performance.timeOrigin,
    wall_limit_ms = 150_000,
    wall_stop_ms = 100_000,
    wall_least_ms = 30_000,
    cpu_stop_ms = 1_500,
    cpu_start_ms = 15,
    cpu_boot_ms = 150,
    cpu_ms_per_call = 0.9,
    cpu_ms_per_row = 0.012,
    cpu_ms_per_megabyte = 12,
    unload = globalThis,
    stopwatch = () => performance.now(),
  } = options;
  const unloaded = watchUnload(unload);
  const started_ms = clock.now().getTime();
  const unload_ms = wall_limit_ms * 0.9;
  // An isolate past the age of its unloading shows that this runtime has no such limit: then a request has the time of a new one.
  const age_ms = started_ms - isolate_started_ms;
  const origin_ms = age_ms >= 0 && age_ms < unload_ms ? isolate_started_ms : started_ms;
  // A worker takes requests until it is told to unload, so a late one must get something done too.
  const stop_ms = Math.max(origin_ms + wall_stop_ms, Math.min(started_ms + wall_least_ms, origin_ms + unload_ms));
  let cpu_ms = cpu_start_ms + (age_ms >= 0 && age_ms < 1_000 ? cpu_boot_ms : 0);

  const wallLeft = () => Math.max(0, stop_ms - clock.now().getTime());
  const cpuLeft = () => Math.max(0, cpu_stop_ms - cpu_ms);

  return {
    count({ calls = 0, rows = 0, bytes = 0 }) {
      cpu_ms += calls * cpu_ms_per_call + rows * cpu_ms_per_row + (bytes / 1_000_000) * cpu_ms_per_megabyte;
    },
    measure(work) {
      const before = stopwatch();
      try {
        return work();
      } finally {
        cpu_ms += Math.max(0, stopwatch() - before);
      }
    },
    exhausted() {
      if (unloaded.now) return "unload";
      if (wallLeft() === 0) return "wall";
      return cpuLeft() === 0 ? "cpu" : false;
    },
    left: () => ({ wall_ms: wallLeft(), cpu_ms: cpuLeft() }),
    used: () => ({ wall_ms: clock.now().getTime() - started_ms, cpu_ms }),
  };
}
