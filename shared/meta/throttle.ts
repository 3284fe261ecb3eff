/**
 * How long to stay away after Meta refused a call for its quota. Meta sends no `Retry-After`; its estimate, where there
 * is one, stands in the usage headers of the refusal itself.
 *
 * @module
 */

import type { GraphApiError } from "../errors.ts";

/** Options of `throttledUntil`. */
export interface ThrottleOptions {
  /** Refusals in a row before this one; each doubles the wait that Meta gives no estimate for. @default 0 */
  attempts?: number;
  /** Uniform in [0, 1): spreads accounts that were throttled together. */
  random: () => number;
  /** Longest wait. @default 3_600 */
  max_seconds?: number;
}

/** The instant before which no call under the refused limit may be made; `null` for errors that do not throttle. */
export function throttledUntil(error: GraphApiError, now: Date, options: ThrottleOptions): Date | null {
  if (!error.action.startsWith("throttle_")) return null;
  const { attempts = 0, random, max_seconds = 3_600 } = options;
  const wanted = error.use_case === "any" ? null : `ads_${error.use_case}`;
  const estimates = error.usage
    .filter((reading) => wanted === null || reading.type === undefined || reading.type === wanted)
    .filter((reading) => reading.scope !== "account" || reading.pct >= 100)
    .map((reading) => reading.regain_seconds);
  const estimate = Math.max(0, ...estimates);
  const doubled = Math.max(error.min_throttle_seconds, 60) * 2 ** Math.min(attempts, 10);
  // An estimate is believed, even past the longest wait of our own, up to a day.
  const seconds = estimate > 0
    ? Math.min(Math.max(estimate, error.min_throttle_seconds), 86_400)
    : Math.min(doubled, max_seconds);
  return new Date(now.getTime() + Math.round(seconds * (1 + random() * 0.1)) * 1000);
}
