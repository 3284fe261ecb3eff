/**
 * Consent, as an event carries it and as a request of its own gives or withdraws it.
 *
 * @module
 */

import { z } from "zod";
import { fieldPath } from "../errors.ts";
import { containsEmail } from "../user_data/personal_text.ts";
import type { Note } from "../user_data/normalised.ts";
import { isStorable } from "../user_data/unicode_text.ts";

/** What a person decided. Withdrawn is denied from then on. */
export type ConsentState = "granted" | "denied";

/** A decision of a person or a browser. */
export interface Consent {
  /** What was decided. */
  readonly state: ConsentState;
  /** Since when, in Unix seconds; absent means now. */
  readonly since?: number | undefined;
  /** Where it was given, such as `banner` or `checkout`. */
  readonly source?: string | undefined;
  /** The host's user id. */
  readonly user_id?: string | undefined;
  /** The browser's id (`fbp`, or one of the host's own). */
  readonly browser_id?: string | undefined;
}

/** A decision, or what is wrong with it. */
export type ReadConsent = { readonly consent: Consent } | { readonly problems: Note[] };

const text = z.string().trim().min(1).max(256).refine(isStorable, "is not well-formed text");
const state = z.enum(["granted", "denied", "withdrawn"]).transform((given): ConsentState =>
  given === "granted" ? "granted" : "denied"
);
const seconds = z.number({ error: "must be seconds since 1970, or an ISO 8601 time with its offset" })
  .int("must be whole seconds since 1970").positive().max(100_000_000_000, "is in milliseconds");
const isoTime = z.iso.datetime({ offset: true });
const moment = z.preprocess((given) => {
  const read = isoTime.safeParse(given);
  return read.success ? Math.floor(Date.parse(read.data) / 1_000) : given;
}, seconds.optional());
const CONSENT_SCHEMA = z.object({
  state,
  since: moment,
  source: text.refine((source) => !containsEmail(source), "must not contain an e-mail address").optional(),
  user_id: text.optional(),
  browser_id: text.optional(),
});

/**
 * Reads consent: `true`, `false`, `"granted"`, `"denied"`, `"withdrawn"`, or an object with `state` and, where known,
 * `since` (seconds since 1970 or ISO 8601), `source`, `user_id`, `browser_id`. Anything unclear is a problem, never
 * consent.
 *
 * @param now_ms A decision of the future is refused: it would win over every later one.
 */
export function readConsent(given: unknown, now_ms: number): ReadConsent {
  if (typeof given === "boolean") return { consent: { state: given ? "granted" : "denied" } };
  if (typeof given === "string") {
    const read = state.safeParse(given);
    return read.success
      ? { consent: { state: read.data } }
      : { problems: [{ path: "consent", message: "must be granted, denied or withdrawn" }] };
  }
  const read = CONSENT_SCHEMA.safeParse(given);
  if (!read.success) {
    return {
      problems: read.error.issues.map((issue) => ({
        path: fieldPath(issue.path, "consent"),
        message: issue.message,
      })),
    };
  }
  if (read.data.since !== undefined && read.data.since * 1_000 > now_ms + 300_000) {
    return { problems: [{ path: "consent.since", message: "is in the future" }] };
  }
  return { consent: read.data };
}
