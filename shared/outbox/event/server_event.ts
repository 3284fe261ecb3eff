/**
 * A server event in Meta's field names, ready for `data[]` of `POST /{pixel_id}/events`, and the two halves in which it
 * is stored: the payload, and what is personal in clear. Keys come in one order, so that a retry is the identical text.
 * Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event
 *
 * @module
 */

import { CLEAR_FIELDS, type ClearField, HASHED_FIELDS, type UserData } from "../../user_data/fields.ts";

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

/** By which messenger, in Meta's words: goes with `business_messaging` and with nothing else. */
export const MESSAGING_CHANNELS = ["messenger", "whatsapp", "instagram"] as const;

/** Where an event took place. */
export type ActionSource = (typeof ACTION_SOURCES)[number];

/** The earlier event that a delayed or appended one belongs to. */
export interface OriginalEventData {
  /** Its name. */
  readonly event_name?: string | undefined;
  /** Unix seconds. */
  readonly event_time?: number | undefined;
  /** Its `custom_data.order_id`. */
  readonly order_id?: string | undefined;
  /** Its id. */
  readonly event_id?: string | undefined;
}

/** Everything of a server event but its key, its time and the person. */
export interface ServerEventContent {
  /** Where it took place. */
  readonly action_source: ActionSource;
  /** By which messenger; required for `business_messaging`. */
  readonly messaging_channel?: (typeof MESSAGING_CHANNELS)[number] | undefined;
  /** The page; required for `website`. */
  readonly event_source_url?: string | undefined;
  /** The page before it. */
  readonly referrer_url?: string | undefined;
  /** What was bought or looked at. */
  readonly custom_data?: Readonly<Record<string, unknown>> | undefined;
  /** True: for attribution alone, not for delivery. */
  readonly opt_out?: boolean | undefined;
  /** Limited Data Use. */
  readonly data_processing_options?: readonly string[] | undefined;
  /** 1 the United States, 0 to be found by the address. */
  readonly data_processing_options_country?: number | undefined;
  /** 1000 to 1013, or 0 to be found by the address. */
  readonly data_processing_options_state?: number | undefined;
  /** The earlier event that this one belongs to. */
  readonly original_event_data?: OriginalEventData | undefined;
  /** For `AppendAttribution` alone. */
  readonly attribution_data?: Readonly<Record<string, unknown>> | undefined;
  /** New or existing customer, in Meta's words. */
  readonly customer_segmentation?: string | undefined;
}

/** What tells one event from another, and when it was. */
export interface ServerEventKey {
  /** Standard or custom name, case-sensitive. */
  readonly event_name: string;
  /** Unix seconds. */
  readonly event_time: number;
  /** With `event_name` the key of de-duplication. */
  readonly event_id: string;
}

/** A server event as Meta takes it. */
export interface ServerEvent extends ServerEventKey, ServerEventContent {
  /** The person, hashed. */
  readonly user_data: UserData;
}

/** A server event as it is stored: a snapshot, without what is personal in clear. */
export type ServerEventPayload = ServerEvent;

/** The fields of `user_data` that are stored apart, because they go as soon as the event is delivered. */
export type BrowserData = Partial<Record<ClearField, string>>;

const CONTENT_FIELDS = [
  "action_source",
  "messaging_channel",
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
 * Builds the event that is sent from what is stored. Postgres keeps JSON objects in an order of its own: here every
 * field gets its place, so that all attempts send the same text.
 */
export function buildServerEvent(payload: ServerEventPayload, browser_data?: BrowserData): ServerEvent {
  return orderEvent(payload, orderUserData({ ...payload.user_data, ...browser_data }));
}

/** Puts the fields of an event into their places; those of the person are in theirs. */
export function orderEvent(payload: ServerEventContent & ServerEventKey, user_data: UserData): ServerEvent {
  const { event_name, event_time, event_id, action_source } = payload;
  return { event_name, event_time, event_id, ...contentOf(payload), action_source, user_data };
}

/** All of an event but its key, its time and the person, each field in its place. */
export function contentOf(event: ServerEventContent): Record<string, unknown> {
  const content: Record<string, unknown> = {};
  for (const field of CONTENT_FIELDS) {
    const value = event[field];
    if (value !== undefined && value !== null) content[field] = value;
  }
  return content;
}

/** Parts what is hashed from what is in clear. */
export function splitUserData(given: UserData): { user_data: UserData; browser_data: BrowserData } {
  const user_data: UserData = {};
  const browser_data: BrowserData = {};
  for (const field of HASHED_FIELDS) {
    const value = given[field];
    if (value !== undefined) user_data[field] = value;
  }
  for (const field of CLEAR_FIELDS) {
    const value = given[field];
    if (value !== undefined) browser_data[field] = value;
  }
  return { user_data, browser_data };
}

/** Lists the digests by which a person asks to be found: e-mail addresses, phone numbers and our own user id. */
export function personDigests(user_data: UserData): string[] {
  const digests = new Set<string>();
  for (const given of [user_data.em, user_data.ph, user_data.external_id]) {
    if (typeof given === "string") digests.add(given.slice(0, 64).toLowerCase());
    else given?.forEach((digest) => digests.add(digest.slice(0, 64).toLowerCase()));
  }
  return [...digests];
}

/** Puts the person's fields into their places. */
export function orderUserData(given: UserData): UserData {
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
