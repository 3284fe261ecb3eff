/**
 * The `event_id` of a Purchase, for pages that render on a server and for the client: the reference of the transaction,
 * as `shared/outbox/event/purchase_event.ts` derives it for Meta.
 *
 * @module
 */

/**
 * Derives the `eventID` for a Pixel's Purchase.
 *
 * @param transaction_ref What `fb_ads.purchases` calls the transaction: its key as text, after the table's prefix if it
 * has one.
 */
export const purchaseEventId = (transaction_ref: string): string => transaction_ref;
