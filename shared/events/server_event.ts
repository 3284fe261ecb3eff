/**
 * A server event in Meta's field names, ready for `data[]` of `POST /{pixel_id}/events`, and the two halves in which it
 * is stored: the key columns, and everything else. Keys come in one order, so that a retry is the identical text.
 * Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event
 *
 * @module
 */

import type { UserData } from "../user_data/fields.ts";

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

/** Everything of a server event but its key, its time and the person: what is stored as one JSON value. */
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

/** The pieces in which an event is stored. */
export interface ServerEventPieces {
  readonly event_name: string;
  /** Unix seconds. */
  readonly event_time: number;
  readonly event_id: string;
  readonly user_data: UserData;
  readonly content: ServerEventContent;
}

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

/** Puts the stored pieces together again; what is absent stays absent. */
export function buildServerEvent(pieces: ServerEventPieces): ServerEvent {
  const { event_name, event_time, event_id, user_data } = pieces;
  return { event_name, event_time, event_id, ...orderContent(pieces.content), user_data };
}

/** Takes an event apart for storing. */
export function splitServerEvent(event: ServerEvent): ServerEventPieces {
  const { event_name, event_time, event_id, user_data } = event;
  return { event_name, event_time, event_id, user_data, content: orderContent(event) };
}

function orderContent(content: ServerEventContent): ServerEventContent {
  const ordered: Record<string, unknown> = {};
  for (const field of CONTENT_FIELDS) {
    const value = content[field];
    if (value !== undefined && value !== null) ordered[field] = value;
  }
  return { ...ordered, action_source: content.action_source };
}
