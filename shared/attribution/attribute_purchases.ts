/**
 * A run of attribution: batch after batch of the sales that wait, until none is left or the time is up. Everything is
 * decided in SQL; here only the digests are made that no stored event holds, by the same rules as for Meta.
 *
 * @module
 */

import type { AttributionCounts, BuyerDigests, SalesToAttribute } from "../database/attributions.ts";
import { isStatementTimeout } from "../database/rpc.ts";
import { buildUserData } from "../user_data/build_user_data.ts";

/** The ways out of a run. */
export interface AttributionPorts {
  /** Lists what waits, or takes up what is named. */
  listSales(request: { transaction_refs?: string[]; limit: number }): Promise<SalesToAttribute>;
  /** Works a batch out and keeps the results. */
  attribute(request: { transaction_refs: string[]; digests: BuyerDigests[] }): Promise<AttributionCounts>;
  /** Whether to stop now; the tick goes on with the rest. */
  exhausted(): boolean;
  /** Counts synchronous work. */
  measure<Result>(work: () => Result): Result;
}

/** What to attribute, and how buyers are hashed. */
export interface AttributionOptions {
  /** Only these; absent: all that wait. */
  transaction_refs?: readonly string[] | undefined;
  /** `FB_ADS_DEFAULT_COUNTRY`, for phone numbers without a country code. */
  default_country: string | null;
  /** ISO 8601 date of now. */
  today: string;
}

/** Sales a call: well under a second, and one transaction. */
export const SALES_PER_BATCH = 500;

/** Hashes buyers; a field that is no address or number is left out. */
export function digestBuyers(people: SalesToAttribute["people"], options: AttributionOptions): BuyerDigests[] {
  return people.map((buyer) => {
    const { user_data } = buildUserData({ em: buyer.email, ph: buyer.phone, country: buyer.country }, {
      today: options.today,
      ...(options.default_country === null ? {} : { default_country: options.default_country }),
    });
    const digests = (given: string | string[] | undefined) => given === undefined ? [] : [given].flat();
    return {
      transaction_ref: buyer.transaction_ref,
      email_digests: digests(user_data.em),
      phone_digests: digests(user_data.ph),
    };
  });
}

/**
 * Attributes what was asked for; returns what became of all sales that were looked at. A batch that the database does
 * not finish in the time of a statement is halved, so that one sale that costs too much keeps no other waiting.
 *
 * @throws {DatabaseError} of the last sale that could not be worked out, after all others
 */
export async function attributeInBatches(
  ports: AttributionPorts,
  options: AttributionOptions,
): Promise<AttributionCounts> {
  const total: AttributionCounts = { attributed: 0, unattributed: 0, waiting: 0 };
  const seen = new Set<string>();
  const named = options.transaction_refs === undefined ? undefined : [...new Set(options.transaction_refs)];
  const batches: SalesToAttribute[] = [];
  let limit = SALES_PER_BATCH;
  let failure: unknown;
  while (!ports.exhausted()) {
    if (batches.length === 0) {
      const wanted = named?.slice(seen.size, seen.size + limit);
      if (wanted?.length === 0) break;
      const sales = await ports.listSales({ limit, ...(wanted === undefined ? {} : { transaction_refs: wanted }) });
      // What comes again although it was just looked at is the next run's.
      const fresh = sales.transaction_refs.filter((ref) => !seen.has(ref));
      if (fresh.length === 0) break;
      for (const ref of fresh) seen.add(ref);
      batches.push(selectBuyers(sales, fresh));
    }
    const batch = batches.shift() ?? { transaction_refs: [], people: [] };
    try {
      const digests = ports.measure(() => digestBuyers(batch.people, options));
      const counts = await ports.attribute({ transaction_refs: batch.transaction_refs, digests });
      total.attributed += counts.attributed;
      total.unattributed += counts.unattributed;
      total.waiting += counts.waiting;
      limit = Math.min(2 * limit, SALES_PER_BATCH);
    } catch (error) {
      if (!isStatementTimeout(error)) throw error;
      const refs = batch.transaction_refs;
      if (refs.length === 1) failure = error;
      else {
        limit = Math.ceil(refs.length / 2);
        batches.unshift(selectBuyers(batch, refs.slice(0, limit)), selectBuyers(batch, refs.slice(limit)));
      }
    }
  }
  if (failure !== undefined) throw failure;
  return total;
}

/** Of listed sales only some. */
function selectBuyers({ people }: SalesToAttribute, transaction_refs: string[]): SalesToAttribute {
  const wanted = new Set(transaction_refs);
  return { transaction_refs, people: people.filter(({ transaction_ref }) => wanted.has(transaction_ref)) };
}
