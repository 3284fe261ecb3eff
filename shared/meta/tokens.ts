/**
 * What is known of a token without ever writing it down: a fingerprint to name it by, and what Meta says of it.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { GraphApiError, type UsageReading } from "../errors.ts";
import { transportError } from "./graph_answer.ts";
import type { GraphClient } from "./graph_client.ts";
import { isObject } from "./graph_values.ts";

/** Names a token in tables and logs: the first 16 hex digits of its SHA-256. */
export function fingerprintToken(token: string): string {
  return createHash("sha256").update(token).digest("hex").slice(0, 16);
}

/** Whether a token lives. */
export interface TokenProbe {
  /** Whether Meta takes the token. */
  is_valid: boolean;
  /** Our name of the reason when it does not, e.g. `token_expired`. */
  reason: string | null;
  /** What the usage headers of the answer say. */
  usage: UsageReading[];
}

/**
 * Asks Meta, at the price of one call, whether the client's token lives. @throws {GraphApiError} For any other failure.
 */
export async function probeToken(client: GraphClient): Promise<TokenProbe> {
  try {
    const answer = await client.get("me", { fields: "id" });
    return { is_valid: true, reason: null, usage: answer.usage };
  } catch (error) {
    if (!(error instanceof GraphApiError) || error.action !== "stop_token") throw error;
    return { is_valid: false, reason: error.reason, usage: error.usage };
  }
}

/**
 * Reads which permissions the client's token has, without the token in the URL: `me/permissions` is about whoever asks.
 * https://developers.facebook.com/docs/graph-api/reference/user/permissions
 *
 * @throws {GraphApiError}
 */
export async function fetchGrantedPermissions(client: GraphClient): Promise<string[]> {
  const { body, usage } = await client.get("me/permissions", { limit: 200 });
  if (!Array.isArray(body.data)) throw transportError("malformed_body", { http_status: 200, usage });
  const granted: string[] = [];
  for (const entry of body.data) {
    if (isObject(entry) && entry.status === "granted" && typeof entry.permission === "string") {
      granted.push(entry.permission);
    }
  }
  return granted.sort();
}

/** What Meta says of a token. */
export interface TokenInfo {
  /** Whether Meta takes the token. */
  is_valid: boolean;
  /** When it ends; `unknown` where Meta does not say, as of a token that is dead already. */
  expires_at: Date | "never" | "unknown";
  /** Permissions, e.g. `ads_read`. */
  scopes: string[];
  /** What the usage headers of the answer say. */
  usage: UsageReading[];
}

/** Meta's word for "never" is 0. */
function readExpiry(expires_at: unknown): TokenInfo["expires_at"] {
  if (typeof expires_at !== "number" || !Number.isSafeInteger(expires_at) || expires_at < 0) return "unknown";
  return expires_at === 0 ? "never" : new Date(expires_at * 1000);
}

/**
 * Reads what Meta says of the client's token, its end above all. Meta takes the token to inspect as a parameter only;
 * the request is therefore one of a batch, whose parameters travel in the body: in a URL it would stand in every log on
 * the way.
 * https://developers.facebook.com/docs/graph-api/reference/debug_token
 *
 * @throws {GraphApiError}
 */
export async function fetchTokenInfo(client: GraphClient, token: string): Promise<TokenInfo> {
  const { body: [answer], usage } = await client.batch([{ path: "debug_token", params: { input_token: token } }]);
  if (answer === undefined || answer === null) throw transportError("empty_body", { http_status: 200, usage });
  if (answer.error !== null) throw answer.error;
  const { data } = answer.body;
  if (!isObject(data)) throw transportError("malformed_body", { http_status: 200, usage });
  const scopes = Array.isArray(data.scopes) ? data.scopes.filter((scope) => typeof scope === "string") : [];
  return { is_valid: data.is_valid === true, expires_at: readExpiry(data.expires_at), scopes, usage };
}
