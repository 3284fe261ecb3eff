/**
 * A request that gives or withdraws consent. A browser speaks for itself and for its verified user; a server with the
 * secret key for whomever it names.
 *
 * @module
 */

import { chargeVisitor } from "../database/charges.ts";
import { storeConsent } from "../database/consents.ts";
import type { Database } from "../database/rpc.ts";
import { RequestError } from "../errors.ts";
import { readConsent } from "./consent.ts";
import { digestBrowserId, digestUserId } from "../user_data/digest.ts";
import { networkOf, tooManyRequests, visitorOf } from "../user_data/visitor.ts";

/** Who speaks. */
export interface ConsentSpeaker {
  /** The caller has the secret key. */
  trusted: boolean;
  /** The verified user; null without one. */
  user_id: string | null;
  /** The browser's address as the platform saw it; null when unknown. */
  client_ip_address: string | null;
  /** The present, in milliseconds since 1970. */
  now_ms: number;
}

/** `fbp` is what most browsers are known by, so it may be called that here too. */
function nameBrowser(given: unknown): unknown {
  if (typeof given !== "object" || given === null || !("fbp" in given) || "browser_id" in given) return given;
  const { fbp, ...others } = given;
  return { ...others, browser_id: fbp };
}

/**
 * Keeps the decision; returns how many waiting deliveries a withdrawal took back.
 *
 * @throws {RequestError} When it is unclear what was decided, or nobody is named; 429 where consent is given and a
 * limit is spent. A withdrawal is never refused.
 */
export async function takeConsent(given: unknown, speaker: ConsentSpeaker, database: Database): Promise<number> {
  const read = readConsent(nameBrowser(given), speaker.now_ms);
  if ("problems" in read) {
    throw new RequestError("invalid_field", "This consent cannot be taken.", { details: [...read.problems] });
  }
  const { consent } = read;
  const user_id = (speaker.trusted ? consent.user_id : undefined) ?? speaker.user_id;
  const { browser_id } = consent;
  if (user_id === null && browser_id === undefined) {
    const message = speaker.trusted
      ? "name a user_id or a browser_id"
      : "name a browser_id (the value of _fbp), or send the user's token";
    throw new RequestError("invalid_field", "This consent names nobody.", { details: [{ path: "consent", message }] });
  }
  const isDenial = consent.state === "denied";
  const charge = speaker.trusted ? null : await chargeVisitor(database, {
    visitor: visitorOf(speaker.client_ip_address),
    network: networkOf(speaker.client_ip_address),
    events: isDenial ? 0 : 1,
    denials: isDenial ? 1 : 0,
  });
  // Nobody is kept from withdrawing.
  if (charge?.limited !== undefined && !isDenial) throw tooManyRequests(charge.limited, speaker.now_ms);
  const stored = await storeConsent(database, {
    state: consent.state,
    since: consent.since ?? null,
    // A word such as "banner"; anything longer might be somebody's data.
    source: consent.source !== undefined && /^[\w.-]{1,40}$/.test(consent.source) ? consent.source : null,
    user_digest: user_id === null ? null : digestUserId(user_id),
    browser_digest: browser_id === undefined ? null : digestBrowserId(browser_id),
    remembers_denials: charge?.remembers_denials ?? true,
  });
  return stored.suppressed;
}
