/**
 * `attribute-purchase`: links completed sales to the ads that brought them, in `ad_attributions`, or records why there
 * is none. Called by the tick when sales wait, and by hand with the references of sales.
 *
 * @module
 */

import { z } from "zod";
import { attributeInBatches } from "../../../shared/attribution/attribute_purchases.ts";
import {
  attributePurchases,
  type AttributionCounts,
  listSalesToAttribute,
  refreshReversals,
} from "../../../shared/database/attributions.ts";
import type { Answer } from "../../../shared/edge/answer.ts";
import type { Call } from "../../../shared/edge/serve.ts";

/** `transaction_refs`: the host's keys as text, as in `fb_ads.purchases`; absent: all that wait. */
export const BodySchema = z.strictObject({
  transaction_refs: z.array(z.string().min(1).max(200)).max(10_000).optional(),
});

/** The settings that it reads. */
export const SETTINGS = ["default_country"] as const;

type AttributeCall = Call<z.infer<typeof BodySchema>, typeof SETTINGS[number]>;

/** How far back changed sales are looked for when all that waits is asked for; the schedule looks further. */
const REVERSAL_DAYS = 7;

/** Answers one request; the same again, or twice at once, is the same one row a sale. */
export async function handleAttributePurchase(call: AttributeCall): Promise<Answer> {
  if (call.respond_async) {
    call.background(() => attribute(call));
    return { status: 202, body: {} };
  }
  return { status: 200, body: { ...await attribute(call) } };
}

async function attribute(call: AttributeCall): Promise<AttributionCounts> {
  const { body, budget, clock, config, database } = call;
  const counts = await attributeInBatches({
    listSales: (request) => listSalesToAttribute(database, request),
    attribute: (request) => attributePurchases(database, request),
    exhausted: () => budget.exhausted() !== false,
    measure: budget.measure,
  }, {
    transaction_refs: body.transaction_refs,
    default_country: config.default_country,
    today: clock.now().toISOString().slice(0, 10),
  });
  if (body.transaction_refs === undefined) await refreshReversals(database, REVERSAL_DAYS);
  return counts;
}
