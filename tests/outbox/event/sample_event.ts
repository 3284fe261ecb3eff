/**
 * A good event and the circumstances in which it is taken, for tests that spoil one thing at a time.
 *
 * @module
 */

import { BROWSER, SERVER } from "../../../shared/outbox/event/caller_profile.ts";
import { validateEvent, type ValidateEventOptions } from "../../../shared/outbox/event/validate_event.ts";

/** 22 November 2026, 12:00 UTC, in milliseconds. */
export const NOW_MS = 1_795_348_800_000;
/** The same in seconds. */
export const NOW = 1_795_348_800;

/** A caller with the secret key. */
export const server: ValidateEventOptions = { now_ms: NOW_MS, profile: SERVER, newEventId: () => "made" };

/** A web page. */
export const browser: ValidateEventOptions = {
  ...server,
  profile: BROWSER,
  known: { client_ip_address: "198.51.100.4", client_user_agent: "Agent/1" },
};

/** A Purchase with everything that Meta asks for, with fields replaced. */
export function samplePurchase(replaced: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    event_name: "Purchase",
    event_time: NOW - 60,
    event_id: "t-1",
    action_source: "website",
    event_source_url: "https://shop.example/thanks",
    user_data: { em: "john@example.com", client_user_agent: "Agent/1", client_ip_address: "203.0.113.7" },
    custom_data: { value: 150000, currency: "IDR" },
    ...replaced,
  };
}

/** The paths of an event's problems; empty when it was accepted. */
export function problemPaths(input: unknown, options: ValidateEventOptions = server): string[] {
  const result = validateEvent(input, options);
  return result.ok ? [] : result.problems.map((problem) => problem.path);
}

/** The paths of an event's notes. */
export function notePaths(input: unknown, options: ValidateEventOptions = server): string[] {
  return validateEvent(input, options).notes.map((note) => note.path);
}
