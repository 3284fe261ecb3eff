/**
 * The body of a request that brings events: one event, or `{events: [...]}` with at most a thousand. One bad event does
 * not spoil the others; whether none being good is an error is the caller's to say.
 *
 * @module
 */

import type { Note } from "../../user_data/normalised.ts";
import { isObject } from "./lenient_object.ts";
import { type ValidatedEvent, validateEvent, type ValidateEventOptions } from "./validate_event.ts";

/** The most events that one request may bring, which is also Meta's limit. */
export const MAX_EVENTS = 1_000;

/** One outcome for every event in the order given, or what is wrong with the body as a whole. */
export type ValidatedEvents = { readonly events: ValidatedEvent[] } | { readonly problems: Note[] };

/**
 * Validates the events of a request's body. A `test_event_code` beside the list, as Meta has it, and a `consent` there
 * hold for all of them that have none of their own.
 */
export function validateEvents(body: unknown, options: ValidateEventOptions): ValidatedEvents {
  if (!isObject(body)) return { problems: [{ path: "", message: "the body must be an event or {events: [...]}" }] };
  if (!("events" in body)) return { events: [validateEvent(body, options)] };
  if (!Array.isArray(body.events)) return { problems: [{ path: "events", message: "must be a list" }] };
  if (body.events.length === 0) return { problems: [{ path: "events", message: "must not be empty" }] };
  if (body.events.length > MAX_EVENTS) {
    return { problems: [{ path: "events", message: `must not hold more than ${MAX_EVENTS} events` }] };
  }
  const { test_event_code, consent } = body;
  const common = {
    ...(test_event_code === undefined ? {} : { test_event_code }),
    ...(consent === undefined ? {} : { consent }),
  };
  const none = Object.keys(common).length === 0;
  return {
    events: body.events.map((event: unknown) =>
      validateEvent(none || !isObject(event) ? event : { ...common, ...event }, options)
    ),
  };
}

/** Puts the place of an event in its batch before the paths of its problems: `events[3].event_time`. */
export function locateProblems(problems: readonly Note[], index: number): Note[] {
  const event = `events[${index}]`;
  return problems.map(({ path, message }) => ({ path: path === "" ? event : `${event}.${path}`, message }));
}
