/**
 * SHA-256 as Meta wants it, and telling values that somebody hashed already. Synchronous on purpose: WebCrypto costs
 * ten times as much per field.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** What a value given for a hashed field is: a digest to pass on, nothing, one that can never match, or clear text. */
export type GivenDigest = "digest" | "digest_of_nothing" | "unusable_digest" | "clear";

const SHA256 = /^[0-9a-f]{64}$/i;
/** Meta's parameter builder appends a dot and 8 case-sensitive characters, in its first version 2. */
const SHA256_WITH_SUFFIX = /^[0-9a-f]{64}\.(?:[\w-]{8}|[\w-]{2})$/i;
/** MD5, SHA-1 and SHA-512: Meta compares SHA-256 alone. */
const OTHER_DIGEST = /^(?:[0-9a-f]{32}(?:\.(?:[\w-]{8}|[\w-]{2}))?|[0-9a-f]{40}|[0-9a-f]{128})$/i;
const SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Hashes the UTF-8 bytes of a normalised value; 64 lower-case hexadecimal digits. */
export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** Tells whether a trimmed value is a digest already. */
export function recogniseDigest(text: string): GivenDigest {
  // Short, or with the first dash of a UUID: none of what follows.
  if (text.length < 32 || text[8] === "-") return "clear";
  if (SHA256.test(text)) return text.toLowerCase() === SHA256_OF_NOTHING ? "digest_of_nothing" : "digest";
  if (SHA256_WITH_SUFFIX.test(text)) return "digest";
  return OTHER_DIGEST.test(text) ? "unusable_digest" : "clear";
}

/** Passes a digest on: lower case, unless it carries the parameter builder's suffix, which is never touched. */
export function passDigest(text: string): string {
  return text.length === 64 ? text.toLowerCase() : text;
}

/** Digest of a user's id: what `external_id` is hashed to. */
export function digestUserId(user_id: string): string {
  return sha256(user_id.trim().toLowerCase());
}

/** Digest of a browser's id as it is; `fbp` is case-sensitive. */
export function digestBrowserId(browser_id: string): string {
  return sha256(browser_id.trim());
}
