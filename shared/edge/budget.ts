/**
 * How much longer a request may work. The platform counts wall clock and CPU over an isolate's life, all its requests
 * together: at half of the wall clock, and at the soft limit of the CPU, the isolate gets no more requests; at the
 * whole, and at the hard limit, it is killed. Neither can be asked for, so one account an isolate is kept here: its
 * age, and the CPU estimated from what was done (requests, calls, rows, bytes) and from synchronous time measured.
 * Limits: https://supabase.com/docs/guides/functions/limits
 *
 * @module
 */

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
  /** What the isolate has used since this request began, in milliseconds; the CPU is an estimate. */
  used(): { wall_ms: number; cpu_ms: number };
}

/** The account of one isolate. */
export interface IsolateAccount {
  /** Opens the budget of a request that has just arrived. */
  openBudget(): Budget;
}

/** All numbers of an account; the defaults fit the free plan. */
export interface AccountOptions {
  /** When this isolate was born, in milliseconds of the epoch. @default when this module was loaded */
  born_ms?: number;
  /** Life of an isolate. @default 150_000 */
  wall_limit_ms?: number;
  /** What a request is given at most. @default 100_000 */
  wall_request_ms?: number;
  /** CPU of its life after which the platform sends an isolate no more requests. @default 1_000 */
  cpu_soft_ms?: number;
  /** Estimated CPU of the isolate's life at which to stop, of the platform's 2,000. @default 1_500 */
  cpu_stop_ms?: number;
  /** CPU of loading the function; measured at 110 to 140 here. @default 150 */
  cpu_boot_ms?: number;
  /** CPU of taking a request in: keys, body, answer. @default 1 */
  cpu_ms_per_request?: number;
  /** CPU of one request to Meta or the database; measured at 0.4 here, doubled for slower machines. @default 0.9 */
  cpu_ms_per_call?: number;
  /** CPU of decoding, batching and handing on one row. @default 0.012 */
  cpu_ms_per_row?: number;
  /** CPU of parsing and making one megabyte of JSON. @default 12 */
  cpu_ms_per_megabyte?: number;
  /** Where `beforeunload` is dispatched. */
  unload?: EventTarget;
  /** The machine's time, in milliseconds of the epoch: limits know no other. */
  now_ms?: () => number;
  /** High-resolution time for `measure`. */
  stopwatch?: () => number;
}

/** `performance.timeOrigin` is not there on the edge runtime. */
const LOADED_MS = Date.now();

/** Begins the account of an isolate. */
export function createIsolateAccount(options: AccountOptions = {}): IsolateAccount {
  const {
    born_ms = LOADED_MS,
    wall_limit_ms = 150_000,
    wall_request_ms = 100_000,
    cpu_soft_ms = 1_000,
    cpu_stop_ms = 1_500,
    cpu_boot_ms = 150,
    cpu_ms_per_request = 1,
    cpu_ms_per_call = 0.9,
    cpu_ms_per_row = 0.012,
    cpu_ms_per_megabyte = 12,
    unload = globalThis,
    now_ms = Date.now,
    stopwatch = () => performance.now(),
  } = options;
  let cpu_ms = cpu_boot_ms;
  let unloading = false;
  // The platform announces the end of an isolate at 90 % of any limit.
  unload.addEventListener("beforeunload", () => {
    unloading = true;
  });

  function openBudget(): Budget {
    const opened_ms = now_ms();
    // An isolate that gets a request is at most half way through its life: an old one shows that its life is longer.
    const life_ms = Math.max(wall_limit_ms, 2 * (opened_ms - born_ms));
    const stop_ms = Math.min(opened_ms + wall_request_ms, born_ms + life_ms * 2 / 3);
    // And it has used less than the soft limit, whatever was estimated.
    cpu_ms = Math.min(cpu_ms, cpu_soft_ms) + cpu_ms_per_request;
    const cpu_before_ms = cpu_ms - cpu_ms_per_request;
    const wallLeft = () => Math.max(0, stop_ms - now_ms());
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
        if (unloading) return "unload";
        if (wallLeft() === 0) return "wall";
        return cpuLeft() === 0 ? "cpu" : false;
      },
      left: () => ({ wall_ms: wallLeft(), cpu_ms: cpuLeft() }),
      used: () => ({ wall_ms: now_ms() - opened_ms, cpu_ms: Math.max(0, cpu_ms - cpu_before_ms) }),
    };
  }
  return { openBudget };
}
