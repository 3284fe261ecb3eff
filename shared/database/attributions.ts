/**
 * Working out which ad sold what: the sales to look at, and one call that works a batch of them out and keeps the
 * results.
 *
 * @module
 */

import { z } from "zod";
import type { Database } from "./rpc.ts";

const text = z.string().nullish().transform((value) => value ?? null);

const SalesSchema = z.object({
  transaction_refs: z.array(z.string()),
  people: z.array(z.object({ transaction_ref: z.string(), email: text, phone: text, country: text })),
});

/** Sales to look at; `people` are the buyers whose digests are stored nowhere, in clear: hash them and let go. */
export type SalesToAttribute = z.infer<typeof SalesSchema>;

const CountsSchema = z.object({
  attributed: z.number().int(),
  unattributed: z.number().int(),
  waiting: z.number().int(),
});

/** What became of sales: credited, not credited (with a reason), or waiting for an ad that is being read. */
export type AttributionCounts = z.infer<typeof CountsSchema>;

/** A buyer's digests, by the rules of Meta's `em` and `ph`. */
export interface BuyerDigests {
  /** The sale, as in `fb_ads.purchases`. */
  transaction_ref: string;
  /** SHA-256 of e-mail addresses. */
  email_digests: string[];
  /** SHA-256 of phone numbers. */
  phone_digests: string[];
}

/** Lists sales that wait, or takes up those named; at most `limit`. */
export async function listSalesToAttribute(
  database: Database,
  request: { transaction_refs?: string[]; limit: number },
): Promise<SalesToAttribute> {
  return SalesSchema.parse(await database.call("fb_list_sales_to_attribute", { ...request }));
}

/** Works sales out and keeps the results; the same again, or twice at once, changes nothing. */
export async function attributePurchases(
  database: Database,
  request: { transaction_refs: string[]; digests: BuyerDigests[] },
): Promise<AttributionCounts> {
  return CountsSchema.parse(await database.call("fb_attribute_purchases", { ...request }));
}

/**
 * Takes over refunds, chargebacks and whatever else the host changed of the newest 10,000 sales of the last days;
 * returns how many sales changed.
 */
export async function refreshReversals(database: Database, days: number): Promise<number> {
  return z.object({ changed: z.number().int() }).parse(await database.call("fb_refresh_reversals", { days })).changed;
}
