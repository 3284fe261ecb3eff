/**
 * The charge to the limits of browsers, made before what they sent is stored: it stands whatever becomes of that.
 *
 * @module
 */

import { z } from "zod";
import type { Database } from "./rpc.ts";

/** What a browser is about to have stored. */
export interface VisitorCharge {
  /** Address that a visitor's limits count by; stored as a bucket. */
  visitor: string;
  /** Its network; stored as a bucket. */
  network: string;
  /** Events to be stored, large ones counted as several. */
  events: number;
  /** Denials of consent. */
  denials: number;
}

const ChargedSchema = z.object({
  limited: z.enum(["minute", "day"]).optional(),
  takes_denials: z.boolean(),
  remembers_denials: z.boolean(),
});

/**
 * What may be stored. `limited`: no event, for the limit of this window is spent; `takes_denials`: denials all the
 * same; `remembers_denials`: those of browsers that nothing is known of too.
 */
export type Charged = z.infer<typeof ChargedSchema>;

/** Charges a visitor; each call charges anew. */
export async function chargeVisitor(database: Database, charge: VisitorCharge): Promise<Charged> {
  return ChargedSchema.parse(await database.call("fb_charge_visitor", { ...charge }));
}
