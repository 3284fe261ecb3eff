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

/** Asks Meta, at the price of one call, whether the client's token lives. @throws {GraphApiError} For any other failure. */
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
  /** Null for a token that does not expire. */
  expires_at: Date | null;
  /** Permissions, e.g. `ads_read`. */
  scopes: string[];
  /** What the usage headers of the answer say. */
  usage: UsageReading[];
}

/**
 * Reads what Meta says of the client's token, its end above all. The token goes in the body of a form with `method=get`,
 * Graph's way of reading with a body: as a parameter of the URL, which is how Meta's own page shows it, it would stand in
 * every log on the way. Where Graph refuses that form, permissions are still to be had by `fetchGrantedPermissions`.
 * https://developers.facebook.com/docs/graph-api/reference/debug_token
 *
 * @throws {GraphApiError}
 */
export async function fetchTokenInfo(client: GraphClient, token: string): Promise<TokenInfo> {
  const { body, usage } = await client.post("debug_token", { input_token: token, method: "get" });
  const { data } = body;
  if (!isObject(data)) throw transportError("malformed_body", { http_status: 200, usage });
  const expires = typeof data.expires_at === "number" ? data.expires_at : 0;
  const scopes = Array.isArray(data.scopes) ? data.scopes.filter((scope) => typeof scope === "string") : [];
  return {
    is_valid: data.is_valid === true,
    expires_at: expires > 0 ? new Date(expires * 1000) : null,
    scopes,
    usage,
  };
}
