/**
 * The outbox: deliveries are leased, sent, and their outcome written, a batch a call.
 *
 * @module
 */

import { z } from "zod";
import { STORED_EVENT_SCHEMA } from "./purchases.ts";
import type { Database } from "./rpc.ts";

/** A pixel as this invocation knows it. */
export interface PixelToken {
  /** Meta's id. */
  pixel_id: string;
  /** Name of the token that Vault has for it; null when it has none. */
  token_fingerprint: string | null;
}

const DeliverySchema = STORED_EVENT_SCHEMA.extend({
  event_row_id: z.number().int(),
  pixel_id: z.string(),
  /** Its pixel is blocked: this one finds out whether it still is. */
  is_probe: z.boolean(),
  /** Meta may have it already. */
  is_repeat: z.boolean(),
  test_event_code: z.string().nullable(),
});

/** One event to send to one pixel. */
export type Delivery = z.infer<typeof DeliverySchema>;

const ClaimSchema = z.object({
  lease_id: z.string(),
  deliveries: z.array(DeliverySchema),
  settled: z.number().int(),
  is_cut: z.boolean().default(false),
});

/**
 * Deliveries under one lease of 90 s; `settled`: how many more were due and ended in the database (too old, no
 * consent); `is_cut`: more is due, but would be too much for one worker at once.
 */
export type DeliveryClaim = z.infer<typeof ClaimSchema>;

/**
 * What came of an attempt. `unknown`: Meta may have it; `later`: refused, but not for good; `released`: not tried;
 * `throttled`: refused because the pixel must wait.
 */
export type Outcome = "sent" | "unknown" | "later" | "released" | "throttled" | "blocked" | "dead" | "expired";

/** The same outcome of several deliveries to one pixel. */
export interface RecordedOutcome {
  /** Where they went. */
  pixel_id: string;
  /** Rows of the events. */
  event_row_ids: number[];
  /** What came of them. */
  outcome: Outcome;
  /** Meta's error code. */
  code: number | null;
  /** Meta's `error_subcode`. */
  subcode: number | null;
  /** Meta's trace id. */
  fbtrace_id: string | null;
  /** Our word for a refusal. */
  reason: string | null;
  /** An earlier request of the same attempt may have brought them to Meta, whatever came of the last. */
  may_be_sent: boolean;
}

/** What an answer says of a whole pixel. */
export interface PixelChange {
  /** Meta's id. */
  pixel_id: string;
  /** `open`: it takes events; `block`: token or permission are dead; `throttle`: throttled. */
  change: "open" | "block" | "throttle";
  /** Name of the token that Meta refused. */
  token_fingerprint?: string;
  /** How long Meta asks to stay away. */
  seconds?: number;
  /** Meta's error code. */
  code?: number | null;
  /** Meta's `error_subcode`. */
  subcode?: number | null;
  /** Meta's trace id. */
  fbtrace_id?: string | null;
  /** Our word for it. */
  reason?: string;
}

/** Leases what is due. */
export async function claimDeliveries(
  database: Database,
  request: { pixels: PixelToken[]; limit: number },
): Promise<DeliveryClaim> {
  return ClaimSchema.parse(await database.call("fb_claim_deliveries", request));
}

/** Makes a lease last 90 s more; false when it was lost, and nothing more may be sent under it. */
export async function renewDeliveries(database: Database, lease_id: string): Promise<boolean> {
  const answer = await database.call("fb_renew_deliveries", { lease_id });
  return z.object({ held: z.number().int() }).parse(answer).held > 0;
}

/** Writes outcomes; returns of how many deliveries the lease still held. */
export async function recordDeliveries(
  database: Database,
  request: { lease_id: string; outcomes: RecordedOutcome[]; pixels: PixelChange[] },
): Promise<number> {
  const answer = await database.call("fb_record_deliveries", request);
  return z.object({ recorded: z.number().int() }).parse(answer).recorded;
}
