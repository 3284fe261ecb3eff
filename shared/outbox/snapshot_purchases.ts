/**
 * Takes the snapshot of completed transactions: reads the sale and its checkout, normalises and hashes, and writes
 * the content once, before the first attempt, so that every retry is the identical event.
 *
 * @module
 */

import {
  type ClaimedPurchases,
  claimPurchases,
  type PurchaseSnapshot,
  snapshotPurchases,
  type StoredEvent,
} from "../database/purchases.ts";
import type { Database } from "../database/rpc.ts";
import { buildPurchaseEvent } from "./event/purchase_event.ts";
import { buildServerEvent, type ServerEvent, type ServerEventContent } from "./event/server_event.ts";
import { orderIdOf, splitIntoColumns } from "./event_row.ts";

/** What a snapshot needs. */
export interface SnapshotOptions {
  /** Where the keys and the sales are. */
  database: Database;
  /** The present, in milliseconds since 1970. */
  now_ms: number;
  /** Where the purchases will go. */
  pixel_ids: string[];
  /** Whether a purchase without consent is suppressed. */
  require_consent: boolean;
  /** For phone numbers without a country code. */
  default_country: string | null;
  /** Runs synchronous work on the budget. */
  measure: <Result>(work: () => Result) => Result;
}

/** Purchases a call: their normalising and hashing is some 10 ms of CPU. */
export const PURCHASES_PER_CLAIM = 200;

/** What we stored ourselves is what we take it for: it was checked when it came in. */
function decodeContent(content: Record<string, unknown>): ServerEventContent {
  return content as unknown as ServerEventContent;
}

/** Puts a stored event together again; the same row gives the same text every time. */
export function rebuildEvent(stored: StoredEvent): ServerEvent {
  const { event_name, event_id, event_time, user_data } = stored;
  return buildServerEvent({ ...decodeContent(stored.content), event_name, event_id, event_time, user_data });
}

/** A leased purchase: the sale, its checkout and its consent. */
export type ClaimedPurchase = ClaimedPurchases["purchases"][number];

function refusedPurchase(claimed: ClaimedPurchase, refused: string): PurchaseSnapshot {
  return {
    id: claimed.id,
    event_time: null,
    action_source: null,
    content: null,
    user_data: {},
    browser_data: {},
    order_id: null,
    user_digest: null,
    browser_digest: null,
    person_digests: [],
    consent: claimed.consent,
    consent_at: claimed.consent_at,
    refused,
  };
}

/** Builds what is written of one purchase. */
function buildPurchaseSnapshot(
  claimed: ClaimedPurchase,
  options: Pick<SnapshotOptions, "now_ms" | "default_country">,
): PurchaseSnapshot {
  const checkout = claimed.checkout === null ? undefined : rebuildEvent(claimed.checkout);
  const built = buildPurchaseEvent(claimed.sale, {
    now_ms: options.now_ms,
    ...(options.default_country === null ? {} : { default_country: options.default_country }),
    ...(checkout === undefined ? {} : { checkout }),
  });
  if (built.outcome !== "built") {
    const paths = [...new Set(built.problems.map((problem) => problem.path))].join(", ");
    return refusedPurchase(claimed, built.outcome === "expired" ? "event_too_old" : `incomplete: ${paths}`);
  }
  const { event } = built;
  return {
    id: claimed.id,
    event_time: event.event_time,
    action_source: event.action_source,
    ...splitIntoColumns(event),
    order_id: orderIdOf(event),
    user_digest: claimed.user_digest,
    browser_digest: claimed.browser_digest,
    consent: claimed.consent,
    consent_at: claimed.consent_at,
    refused: null,
  };
}

/** Takes the snapshots of one batch; returns how many keys were taken up, 0 when nothing waits. */
export async function snapshotWaitingPurchases(options: SnapshotOptions): Promise<number> {
  const { database, pixel_ids, require_consent } = options;
  const claim = await claimPurchases(database, { pixel_ids, require_consent, limit: PURCHASES_PER_CLAIM });
  if (claim.purchases.length > 0) {
    const purchases = options.measure(() => claim.purchases.map((claimed) => buildPurchaseSnapshot(claimed, options)));
    await snapshotPurchases(database, { lease_id: claim.lease_id, pixel_ids, purchases });
  }
  return claim.claimed;
}
