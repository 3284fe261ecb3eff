/**
 * Short retries in place, for faults that pass within seconds. Never for throttles: a call made while blocked prolongs
 * the block, and a blocked account is throttled in the database instead of sleeping here.
 *
 * @module
 */

import { type GraphAction, GraphApiError } from "../errors.ts";
import { decideBrakes } from "./usage_headers.ts";

/** Options of `retryInPlace`. */
export interface RetryOptions {
  /** Calls in all, the first included. @default 3 */
  tries?: number;
  /** Longest wait before the second call; doubles with each. @default 500 */
  first_delay_ms?: number;
  /** Actions that are worth another call at once. */
  actions?: readonly GraphAction[];
  /** Uniform in [0, 1). */
  random: () => number;
  /** Waits; tests pass a wait of their own. */
  sleep: (ms: number) => Promise<void>;
  /** Stop trying, e.g. because the budget is spent. */
  give_up?: () => boolean;
  /** High-resolution time in milliseconds. */
  stopwatch?: () => number;
}

/** Calls take a minute at most, and a job's lease lasts 90 s: later than this no further call may begin. */
const LATEST_START_MS = 25_000;

/** What is retried in place unless said otherwise. */
const RETRIED_IN_PLACE: readonly GraphAction[] = ["retry", "retry_then_shrink"];

/** Whether another call may help at once; not where it would prolong a block, or outlive the job's lease. */
function isPassing(error: unknown, actions: readonly GraphAction[]): boolean {
  if (!(error instanceof GraphApiError) || !actions.includes(error.action)) return false;
  if (error.reason === "aborted" || error.reason === "timeout") return false;
  return decideBrakes(error.usage, new Date(), { threshold: 100 }).length === 0;
}

/** Calls until it goes well, fails for good, or the tries are spent; then throws the last error. */
export async function retryInPlace<Result>(call: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  const { tries = 3, first_delay_ms = 500, actions = RETRIED_IN_PLACE, random, sleep, give_up } = options;
  const stopwatch = options.stopwatch ?? (() => performance.now());
  const began_ms = stopwatch();
  for (let attempt = 1;; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error, actions) || attempt >= tries || give_up?.() === true) throw error;
      if (stopwatch() - began_ms > LATEST_START_MS) throw error;
      // Half fixed, half random: never at once, never in step with others.
      await sleep(first_delay_ms * 2 ** (attempt - 1) * (0.5 + random() / 2));
    }
  }
}
