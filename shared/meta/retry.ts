/**
 * Short retries in place, for faults that pass within seconds. Never for throttles: a call made while blocked prolongs
 * the block, and a blocked account is parked in the database instead of sleeping here.
 *
 * @module
 */

import { type GraphAction, GraphApiError } from "../errors.ts";

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
}

/** What is retried in place unless said otherwise. */
export const RETRIED_IN_PLACE: readonly GraphAction[] = ["retry", "retry_then_shrink"];

/** Calls until it goes well, fails for good, or the tries are spent; then throws the last error. */
export async function retryInPlace<Result>(call: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  const { tries = 3, first_delay_ms = 500, actions = RETRIED_IN_PLACE, random, sleep, give_up } = options;
  for (let attempt = 1;; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      // What took a minute to come to nothing would outlive the job's lease the second time.
      const isWorthIt = error instanceof GraphApiError && actions.includes(error.action) &&
        error.reason !== "aborted" && error.reason !== "timeout";
      if (!isWorthIt || attempt >= tries || give_up?.() === true) throw error;
      // Half fixed, half random: never at once, never in step with others.
      await sleep(first_delay_ms * 2 ** (attempt - 1) * (0.5 + random() / 2));
    }
  }
}
