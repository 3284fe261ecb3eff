/**
 * Turns an accepted event into the row that is stored: what is personal in clear goes apart, because it is deleted
 * first, and what links events of one person is taken out as digests.
 *
 * @module
 */

import type { EventRow } from "../database/events.ts";
import { contentOf, personDigests, type ServerEvent, splitUserData } from "./event/server_event.ts";
import type { AcceptedEvent } from "./event/validate_event.ts";
import { digestBrowserId, digestUserId } from "../user_data/digest.ts";

/** The pieces in which an event is stored beside its key columns. */
export interface EventPieces {
  /** All of the event but its key, its time and the person. */
  content: Record<string, unknown>;
  /** Digests. */
  user_data: Record<string, unknown>;
  /** What Meta wants in clear. */
  browser_data: Record<string, unknown>;
  /** Digests by which the person is found. */
  person_digests: string[];
}

/** Takes an event apart for its columns. */
export function splitIntoColumns(event: ServerEvent): EventPieces {
  const { user_data, browser_data } = splitUserData(event.user_data);
  return { content: contentOf(event), user_data, browser_data, person_digests: personDigests(event.user_data) };
}

/** `custom_data.order_id` of an event. */
export function orderIdOf(event: ServerEvent): string | null {
  const order_id = event.custom_data?.order_id;
  return typeof order_id === "string" && order_id !== "" ? order_id : null;
}

/** Whether a text is a SHA-256, as a verified user's digest must be. */
function isDigest(text: string | undefined): text is string {
  return text !== undefined && /^[0-9a-f]{64}$/.test(text);
}

/**
 * Builds the row of an event.
 *
 * @param trusted The caller has the secret key: its word on who consented counts.
 */
export function buildEventRow(accepted: AcceptedEvent, trusted: boolean): EventRow {
  const { event, consent } = accepted;
  const { fbp } = event.user_data;
  // From a browser it comes out of a verified token or not at all.
  const given = event.user_data.external_id;
  const external_id = typeof given === "string" ? given : given?.[0];
  const user_id = trusted ? consent?.user_id : undefined;
  const browser_id = consent?.browser_id ?? fbp;
  return {
    event_name: event.event_name,
    event_id: event.event_id,
    event_time: event.event_time,
    action_source: event.action_source,
    ...splitIntoColumns(event),
    order_id: orderIdOf(event),
    user_digest: isDigest(external_id) ? external_id : user_id === undefined ? null : digestUserId(user_id),
    browser_digest: browser_id === undefined ? null : digestBrowserId(browser_id),
    consent: consent?.state ?? null,
    consent_since: consent?.since ?? null,
    test_event_code: accepted.test_event_code ?? null,
  };
}
