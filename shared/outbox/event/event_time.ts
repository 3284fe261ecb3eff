/**
 * The age of an event. One event older than Meta's limit makes Meta refuse every event of its request (100/2804003), so
 * none may get that far; times in milliseconds are answered with success and vanish.
 *
 * @module
 */

import type { ActionSource } from "./server_event.ts";

const DAY = 86_400;
/** How old an event may be, in seconds. */
const MAX_EVENT_AGE_SECONDS = 7 * DAY;
/** How old an event of a shop on the street may be, in seconds. */
const MAX_STORE_EVENT_AGE_SECONDS = 62 * DAY;
/** How far a clock may be ahead of ours, in seconds; such an event is taken as of now. */
const MAX_CLOCK_SKEW_SECONDS = 300;
/** The year 5138 in seconds, 1973 in milliseconds: whatever is larger is not seconds. */
const CLEARLY_MILLISECONDS = 100_000_000_000;

/** An accepted time, or why it was refused. */
export type CheckedEventTime =
  | { readonly event_time: number; readonly ahead: boolean }
  | { readonly refused: string };

/** Returns the oldest `event_time` that Meta still takes, in seconds. */
export function oldestEventTime(action_source: ActionSource | undefined, now_ms: number): number {
  const age = action_source === "physical_store" ? MAX_STORE_EVENT_AGE_SECONDS : MAX_EVENT_AGE_SECONDS;
  return Math.floor(now_ms / 1_000) - age;
}

/** Checks a time against Meta's limits. A time up to five minutes ahead becomes now. */
export function checkEventTime(
  event_time: number,
  action_source: ActionSource | undefined,
  now_ms: number,
): CheckedEventTime {
  const now = Math.floor(now_ms / 1_000);
  if (event_time >= CLEARLY_MILLISECONDS) return { refused: "is in milliseconds; Meta wants seconds since 1970" };
  if (!Number.isSafeInteger(event_time)) return { refused: "must be whole seconds since 1970" };
  if (event_time > now + MAX_CLOCK_SKEW_SECONDS) return { refused: "is in the future" };
  if (event_time < oldestEventTime(action_source, now_ms)) {
    const days = action_source === "physical_store" ? 62 : 7;
    return { refused: `is more than ${days} days ago, which Meta refuses` };
  }
  return { event_time: Math.min(event_time, now), ahead: event_time > now };
}

/**
 * A time as people write it, in seconds: a text of digits, ISO 8601 with its zone. Anything else is given back as it
 * is; a time without a zone may be any of 38 moments.
 */
export function readTime(given: unknown): unknown {
  if (typeof given !== "string") return given;
  const text = given.trim();
  if (/^\d{9,11}$/.test(text)) return Number(text);
  if (!/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})$/.test(text)) return given;
  const at = Date.parse(text.replace(" ", "T").replace(/([+-]\d{2})(\d{2})$/, "$1:$2"));
  return Number.isNaN(at) ? given : Math.floor(at / 1_000);
}
