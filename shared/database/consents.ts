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
  /** `browser`: by the publishable key, within a visitor's limits; `server`: by the secret key. */
  origin: "browser" | "server";
  /** Address that a browser's limits count by; never stored. */
  visitor: string | null;
}

const StoredConsentSchema = z.object({
  limited: z.enum(["minute", "day"]).optional(),
  suppressed: z.number().int().default(0),
});

/** What a withdrawal took back; `limited`: nothing was kept, because the visitor (or all of them) sent too much. */
export type StoredConsent = z.infer<typeof StoredConsentSchema>;

/** Keeps a decision; a withdrawal suppresses what still waits. */
export async function storeConsent(database: Database, request: ConsentRequest): Promise<StoredConsent> {
  return StoredConsentSchema.parse(await database.call("fb_store_consent", { ...request }));
}
