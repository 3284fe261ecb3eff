/**
 * From the bare key of a completed transaction to the content that is sent: claim, then snapshot.
 *
 * @module
 */

import { z } from "zod";
import type { EventRow } from "./events.ts";
import type { Database } from "./rpc.ts";

/** A host that made the view anew may show a postcode or an order number as a number. */
const text = z.union([z.string(), z.number().transform(String)]).nullish();

/** A row of `fb_ads.purchases`, as far as Meta learns of it. Times are ISO 8601, amounts decimal texts or numbers. */
export const PURCHASE_ROW_SCHEMA = z.object({
  transaction_ref: z.string().min(1),
  user_ref: text,
  completed_at: text,
  value: z.union([z.string(), z.number()]).nullish(),
  currency: text,
  order_id: text,
  content_ids: z.array(z.union([z.string(), z.number().transform(String), z.null()])).nullish().catch(null),
  contents: z.unknown().optional(),
  email: text,
  phone: text,
  first_name: text,
  last_name: text,
  city: text,
  state: text,
  zip: text,
  country: text,
});

/** A row of `fb_ads.purchases`. */
export type PurchaseRow = z.infer<typeof PURCHASE_ROW_SCHEMA>;

/** A stored event as the database returns it. */
export const STORED_EVENT_SCHEMA = z.object({
  event_name: z.string(),
  event_id: z.string(),
  event_time: z.number().int(),
  content: z.record(z.string(), z.unknown()),
  user_data: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
});

/** A stored event: its key, its time, its content and the person. */
export type StoredEvent = z.infer<typeof STORED_EVENT_SCHEMA>;

const ClaimedSchema = z.object({
  lease_id: z.string(),
  claimed: z.number().int(),
  purchases: z.array(z.object({
    id: z.number().int(),
    sale: PURCHASE_ROW_SCHEMA,
    checkout: STORED_EVENT_SCHEMA.extend({ id: z.number().int() }).nullable(),
    user_digest: z.string().nullable(),
    browser_digest: z.string().nullable(),
    consent: z.enum(["granted", "denied"]).nullable(),
    consent_at: z.string().nullable(),
  })),
});

/** Leased purchases; `claimed` counts also those that were settled in the database. */
export type ClaimedPurchases = z.infer<typeof ClaimedSchema>;

/** What is stored of a purchase, or, with `refused`, one that Meta would not take as it is. */
export interface PurchaseSnapshot extends
  Pick<
    EventRow,
    | "content"
    | "user_data"
    | "browser_data"
    | "order_id"
    | "user_digest"
    | "browser_digest"
    | "person_digests"
    | "consent"
  > {
  /** Row of the leased key. */
  id: number;
  /** Unix seconds; null leaves what the trigger noted. */
  event_time: number | null;
  /** Where it took place, in Meta's words; null when refused. */
  action_source: string | null;
  /** Since when the consent holds. */
  consent_at: string | null;
  /** Why it cannot be sent; makes it a dead letter. */
  refused: string | null;
}

/** What both calls need to know of the configuration. */
export interface PurchaseTargets {
  /** Where the purchases will go. */
  pixel_ids: string[];
  /** Whether a purchase without consent is suppressed. */
  require_consent: boolean;
}

/** Leases purchases that have no snapshot yet, for 90 s. */
export async function claimPurchases(
  database: Database,
  request: PurchaseTargets & { limit: number },
): Promise<ClaimedPurchases> {
  return ClaimedSchema.parse(await database.call("fb_claim_purchases", { ...request }));
}

/** Writes what is sent, once and for all; returns how many leases still held. */
export async function snapshotPurchases(
  database: Database,
  request: { lease_id: string; pixel_ids: string[]; purchases: PurchaseSnapshot[] },
): Promise<number> {
  const answer = await database.call("fb_snapshot_purchases", request);
  return z.object({ stored: z.number().int() }).parse(answer).stored;
}
