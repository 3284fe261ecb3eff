/**
 * Taking events in: one call stores a batch, and says of each what became of it.
 *
 * @module
 */

import { z } from "zod";
import type { Database } from "./rpc.ts";
import type { Touchpoint } from "./touchpoints.ts";

/** An event as it is stored: key, content, the person as digests, and apart from it what is personal in clear. */
export interface EventRow {
  /** Meta's name of the event. */
  event_name: string;
  /** Meta's key for de-duplication, together with the name. */
  event_id: string;
  /** Unix seconds. */
  event_time: number;
  /** Where it took place, in Meta's words. */
  action_source: string;
  /** All of the event but its key, its time and the person. */
  content: unknown;
  /** Digests. */
  user_data: Record<string, unknown>;
  /** Fields that Meta wants in clear; deleted when the delivery is final. */
  browser_data: Record<string, unknown>;
  /** `custom_data.order_id`. */
  order_id: string | null;
  /** SHA-256 of a verified user's id. */
  user_digest: string | null;
  /** SHA-256 of `fbp`, or of the host's own browser id. */
  browser_digest: string | null;
  /** Digests by which a person is found. */
  person_digests: string[];
  /** What the event itself says. */
  consent: "granted" | "denied" | null;
  /** Unix seconds; null: when the event happened. */
  consent_since: number | null;
  /** Sends it to Meta's Test Events as well. */
  test_event_code: string | null;
  /** `fbc` was built here from the click id: an earlier sight of that click corrects its time. */
  fbc_is_built?: boolean;
  /** What it says of an ad click; kept only where the event is. */
  touchpoint?: Touchpoint | null;
}

/** A batch to store. */
export interface StoreEventsRequest {
  /** `browser`: by the publishable key; `server`: by the secret key. */
  origin: "browser" | "server";
  /** Whether a denial is kept of a browser that nothing is known of. */
  remembers_denials: boolean;
  /** Where the events will go: a delivery each. */
  pixel_ids: string[];
  /** Whether anything but granted is suppressed. */
  require_consent: boolean;
  /** In the order of the answers. */
  events: EventRow[];
}

const StoredSchema = z.object({
  statuses: z.array(z.enum(["stored", "suppressed", "duplicate", "refused"])),
});

/** What became of an event in the database. */
export type StoredStatus = z.infer<typeof StoredSchema>["statuses"][number];

/** Stores a batch; returns what became of each event, in their order. Storing it again changes nothing. */
export async function storeEvents(database: Database, request: StoreEventsRequest): Promise<StoredStatus[]> {
  return StoredSchema.parse(await database.call("fb_store_events", { ...request })).statuses;
}
