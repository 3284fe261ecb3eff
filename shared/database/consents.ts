/**
 * Consent given or withdrawn by a request of its own.
 *
 * @module
 */

import { z } from "zod";
import type { Database } from "./rpc.ts";

/** A decision of a user, a browser or both. */
export interface ConsentRequest {
  /** What was decided. */
  state: "granted" | "denied";
  /** Unix seconds; null: now. */
  since: number | null;
  /** Where it was given. */
  source: string | null;
  /** SHA-256 of the user's id. */
  user_digest: string | null;
  /** SHA-256 of the browser's id. */
  browser_digest: string | null;
  /** Whether a denial is kept of a browser that nothing is known of. */
  remembers_denials: boolean;
}

const StoredConsentSchema = z.object({
  suppressed: z.number().int(),
});

/** What a withdrawal took back. */
export type StoredConsent = z.infer<typeof StoredConsentSchema>;

/** Keeps a decision; a withdrawal suppresses what still waits. */
export async function storeConsent(database: Database, request: ConsentRequest): Promise<StoredConsent> {
  return StoredConsentSchema.parse(await database.call("fb_store_consent", { ...request }));
}
