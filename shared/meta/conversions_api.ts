/**
 * The Conversions API: sends server events and tells what a refusal means for them. One bad event makes Meta refuse the
 * whole request, and (code, subcode) says whether an event, the pixel, the token or nobody is to blame, or leaves it
 * open.
 * https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api
 *
 * @module
 */

import type { GraphApiError } from "../errors.ts";
import type { ServerEvent } from "../outbox/event/server_event.ts";
import { transportError } from "./graph_answer.ts";
import type { GraphClient } from "./graph_client.ts";

/** The most events that Meta takes in one request. */
export const MAX_EVENTS_PER_REQUEST = 1_000;

/** Meta answers within 600 ms as a rule; what takes longer than this has an unknown outcome. */
const TIMEOUT_MS = 10_000;

/** What Meta said of a request that it took. */
export interface EventsAnswer {
  /** How many events Meta says it has received; to be compared with what was sent. */
  events_received: number;
  /** Meta's trace id: what its support asks for. */
  fbtrace_id: string | null;
}

/**
 * Sends events to a pixel, the token in the header. Nothing is tried again here.
 *
 * @throws {GraphApiError}
 */
export async function sendEvents(
  client: GraphClient,
  pixel_id: string,
  events: readonly ServerEvent[],
  test_event_code: string | null,
): Promise<EventsAnswer> {
  const body = { data: events, ...(test_event_code === null ? {} : { test_event_code }) };
  const answer = await client.postJson(`${pixel_id}/events`, body, { timeout_ms: TIMEOUT_MS });
  const { fbtrace_id } = answer.body;
  const events_received = Number.parseInt(String(answer.body.events_received), 10);
  if (Number.isNaN(events_received)) throw transportError("malformed_body", { http_status: 200, usage: answer.usage });
  return { events_received, fbtrace_id: typeof fbtrace_id === "string" ? fbtrace_id.slice(0, 64) : null };
}

/** Who or what a refusal is about. */
export type RefusalKind =
  /** Nobody knows whether Meta has the events: send the same again later. */
  | "unknown"
  /** The pixel must wait; Meta has nothing. */
  | "throttled"
  /** The app, the token, its permission or the pixel is to blame, and no event; Meta has nothing. */
  | "blocked"
  /** One of the events is bad, and Meta says what is wrong with it or which it is; Meta has nothing. */
  | "event"
  /** One of the events is too old; Meta has nothing. */
  | "too_old"
  /** A parameter is bad: an event's, or one that all requests share; Meta has nothing. */
  | "parameter"
  /** A refusal that this version does not know; Meta has nothing. */
  | "unclear";

/** Kinds that say neither that an event is to blame nor that none is: only other events of the pixel can tell. */
export const UNCLEAR: ReadonlySet<RefusalKind> = new Set<RefusalKind>(["parameter", "unclear"]);

/** What a refusal means. */
export interface Refusal {
  /** What to do follows from it. */
  kind: RefusalKind;
  /** Our word for it, kept with the delivery. */
  reason: string;
  /** Least time to stay away, for `throttled`. */
  seconds: number;
}

/** Subcodes of code 100 that name what is wrong with an event. */
const EVENT_SUBCODES: Readonly<Record<number, string>> = {
  2804001: "fbc_malformed",
  2804003: "event_too_old",
  2804009: "value_missing",
  2804010: "currency_missing",
  2804019: "parameter_invalid",
  2804043: "extinfo_invalid",
  2804050: "not_enough_user_data",
  2804066: "messaging_event_invalid",
  2804072: "page_and_click_conflict",
};
/** The click id of an event is malformed: it goes without. */
export const FBC_MALFORMED = 2_804_001;
/** Subcodes of the Conversions API; a known or unknown one of them is about an event. */
const FIRST_EVENT_SUBCODE = 2_804_000;
const LAST_EVENT_SUBCODE = 2_804_999;
/** An old version of the API, an unknown path or a missing capability: a person must act, and no event is to blame. */
const CONFIGURATION_CODES: ReadonlySet<number> = new Set([3, 12, 294, 2500, 2635]);
/** Meta calls this a policy block; it passes. */
const POLICY_BLOCK = 368;

function secondsOf(error: GraphApiError): number {
  // An ad account's reset time is always there: the length of its window, not a block.
  const blocks = error.usage.filter((reading) => reading.scope === "business_use_case");
  return Math.max(error.min_throttle_seconds, ...blocks.map((reading) => reading.regain_seconds), 0);
}

/**
 * Tells what a refusal is about, from codes and Meta's type of error; of its words only the place of an event is read.
 */
export function classifyRefusal(error: GraphApiError): Refusal {
  const { meta_code: code, error_subcode: subcode } = error;
  const refusal = (kind: RefusalKind, reason: string): Refusal => ({ kind, reason, seconds: secondsOf(error) });
  if (code === null) return refusal("unknown", "outcome_unknown");
  if (code === 100 && subcode !== null && subcode >= FIRST_EVENT_SUBCODE && subcode <= LAST_EVENT_SUBCODE) {
    return refusal(subcode === 2804003 ? "too_old" : "event", EVENT_SUBCODES[subcode] ?? "event_refused");
  }
  if (code === POLICY_BLOCK || error.code === "meta_rate_limited") return refusal("throttled", "throttled");
  if (error.code === "meta_token_invalid") {
    return refusal("blocked", error.reason.startsWith("app_") ? error.reason : "token_dead");
  }
  if (code === 100 && subcode === 33) return refusal("blocked", "pixel_missing_or_forbidden");
  if (error.code === "meta_permission") return refusal("blocked", "permission_missing");
  if (CONFIGURATION_CODES.has(code)) return refusal("blocked", "configuration");
  // Said of the method, the path or the app, never of what a request carries.
  if (code === 100 && error.type === "GraphMethodException") return refusal("blocked", "configuration");
  if (code === 100) return refusal(error.data_index === null ? "parameter" : "event", "parameter_invalid");
  if (error.code === "meta_unavailable") return refusal("unknown", "outcome_unknown");
  return refusal("unclear", "unknown_code");
}
