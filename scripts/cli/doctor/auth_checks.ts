/**
 * How the project's Auth signs the tokens of users: `capi-event` verifies those of a public key itself, and asks Auth
 * about every other.
 *
 * @module
 */

import { z } from "zod";
import { networkCause } from "../operator/network.ts";
import type { Finding, Patient } from "./finding.ts";
import { readAccess } from "./function_checks.ts";

const TIMEOUT_MS = 10_000;
/** Supabase publishes the public keys here: https://supabase.com/docs/guides/auth/signing-keys */
const KEYS_PATH = "/auth/v1/.well-known/jwks.json";
const KeysSchema = z.object({ keys: z.array(z.unknown()) });
const COST =
  "capi-event asks Auth about each signed-in visitor: a request more for an event, and where Auth does not " +
  "answer within a second, the event goes without the user id.";

/** Reads the published keys; finds nothing where the project's address is not known, which is a finding of its own. */
export async function checkAuth(patient: Patient): Promise<Finding[]> {
  const access = await readAccess(patient);
  if (access === null) return [];
  const url = new URL(KEYS_PATH, access.url);
  try {
    const response = await patient.fetch(url, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
    const { keys } = KeysSchema.parse(await response.json());
    if (keys.length > 0) {
      return [{
        check: "auth",
        severity: "ok",
        found: "the functions verify users' tokens by the project's public key",
      }];
    }
    return [{
      check: "auth",
      severity: "warning",
      found: "Auth signs users' tokens with the legacy JWT secret, which nobody but Auth can verify.",
      cost: COST,
      remedy: "Migrate to signing keys (dashboard > Project Settings > JWT Keys > Migrate JWT secret, then rotate).",
    }];
  } catch (error) {
    return [{
      check: "auth",
      severity: "warning",
      found: `${url.host} did not give Auth's public keys: ${networkCause(error) ?? "its answer is none of Auth's"}.`,
      cost: "Nothing is known about how users' tokens are verified.",
      remedy: "See whether Auth is up (dashboard > Authentication), then run the doctor again.",
    }];
  }
}
