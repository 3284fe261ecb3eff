/**
 * A server event in Meta's field names, ready for `data[]` of `POST /{pixel_id}/events`, and the two halves in which it
 * is stored: the payload, and what is personal in clear. Keys come in one order, so that a retry is the identical text.
 * Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event
 *
 * @module
 */

import { CLEAR_FIELDS, type ClearField, HASHED_FIELDS, type UserData } from "../user_data/fields.ts";

/** Where an event took place, in Meta's words. */
export const ACTION_SOURCES = [
  "email",
  "website",
  "app",
  "phone_call",
  "chat",
  "physical_store",
  "system_generated",
  "business_messaging",
  "other",
] as const;

/** Where an event took place. */
export type ActionSource = (typeof ACTION_SOURCES)[number];

/** The earlier event that a delayed or appended one belongs to. */
export interface OriginalEventData {
  readonly event_name?: string | undefined;
  /** Unix seconds. */
  readonly event_time?: number | undefined;
  readonly order_id?: string | undefined;
  readonly event_id?: string | undefined;
}

/** Everything of a server event but its key, its time and the person. */
export interface ServerEventContent {
  readonly action_source: ActionSource;
  readonly event_source_url?: string | undefined;
  readonly referrer_url?: string | undefined;
  readonly custom_data?: Readonly<Record<string, unknown>> | undefined;
  readonly opt_out?: boolean | undefined;
  readonly data_processing_options?: readonly string[] | undefined;
  readonly data_processing_options_country?: number | undefined;
  readonly data_processing_options_state?: number | undefined;
  readonly original_event_data?: OriginalEventData | undefined;
  readonly attribution_data?: Readonly<Record<string, unknown>> | undefined;
  readonly customer_segmentation?: string | undefined;
}

/** A server event as Meta takes it. */
export interface ServerEvent extends ServerEventContent {
  readonly event_name: string;
  /** Unix seconds. */
  readonly event_time: number;
  readonly event_id: string;
  readonly user_data: UserData;
}

/** A server event as it is stored: frozen, and without what is personal in clear. */
export type ServerEventPayload = ServerEvent;

/** The fields of `user_data` that are stored apart, because they go as soon as the event is delivered. */
export type BrowserData = Partial<Record<ClearField, string>>;

const CONTENT_FIELDS = [
  "action_source",
  "event_source_url",
  "referrer_url",
  "custom_data",
  "opt_out",
  "data_processing_options",
  "data_processing_options_country",
  "data_processing_options_state",
  "original_event_data",
  "attribution_data",
  "customer_segmentation",
] as const;

/**
 * Builds the event that is sent from what is stored. Postgres keeps JSON objects in an order of its own: here every field
 * gets its place, so that all attempts send the same text.
 */
export function buildServerEvent(payload: ServerEventPayload, browser_data: BrowserData = {}): ServerEvent {
  const { event_name, event_time, event_id } = payload;
  const content: Record<string, unknown> = {};
  for (const field of CONTENT_FIELDS) {
    const value = payload[field];
    if (value !== undefined && value !== null) content[field] = value;
  }
  const user_data = orderUserData({ ...payload.user_data, ...browser_data });
  return { event_name, event_time, event_id, ...content, action_source: payload.action_source, user_data };
}

/** Takes an event apart for storing: the payload with digests alone, and the clear fields of the person. */
export function splitServerEvent(event: ServerEvent): { payload: ServerEventPayload; browser_data: BrowserData } {
  const user_data: UserData = {};
  const browser_data: BrowserData = {};
  for (const field of HASHED_FIELDS) {
    const value = event.user_data[field];
    if (value !== undefined) user_data[field] = value;
  }
  for (const field of CLEAR_FIELDS) {
    const value = event.user_data[field];
    if (value !== undefined) browser_data[field] = value;
  }
  return { payload: buildServerEvent({ ...event, user_data }), browser_data };
}

/** Lists the digests by which a person asks to be found: e-mail addresses, phone numbers and our own user id. */
export function personDigests(user_data: UserData): string[] {
  const digests = [user_data.em, user_data.ph, user_data.external_id].flat();
  return [...new Set(digests.flatMap((digest) => digest === undefined ? [] : [digest.slice(0, 64).toLowerCase()]))];
}

function orderUserData(given: UserData): UserData {
  const ordered: UserData = {};
  for (const field of HASHED_FIELDS) {
    const value = given[field];
    if (value !== undefined && value !== null) ordered[field] = value;
  }
  for (const field of CLEAR_FIELDS) {
    const value = given[field];
    if (value !== undefined && value !== null) ordered[field] = value;
  }
  return ordered;
}
