/**
 * The keys of the project, as the platform hands them to a function: whose key is it that a caller shows.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { ConfigError, type FieldProblem } from "../errors.ts";

/** Who may call: our own callers only, or web apps too. */
export type Callers = "secret" | "publishable_or_secret";

/**
 * Name of the key that an uptime monitor asks the Data API with. It is a secret key by its form, with a role that may
 * ask one question: no function takes it.
 */
const MONITOR_KEY = "fb_ads_monitor";

/** Keys by their names. */
export type NamedKeys = Record<string, string>;

/** The project's address and keys. */
export interface ProjectKeys {
  /** `SUPABASE_URL`. */
  url: string;
  /** Keys of web apps. */
  publishable: NamedKeys;
  /** Keys with the rights of `service_role`; at least one. That of a monitor is none of them. */
  secret: NamedKeys;
  /** The key that the database sees, whoever called: `default`, else the first. */
  database_key: string;
}

/** Reads a JSON object of key names and keys. */
function decodeKeys(name: string, text: string | undefined): { keys: NamedKeys; problem: FieldProblem | null } {
  if (text === undefined || text.trim() === "") return { keys: {}, problem: null };
  const problem = { path: name, message: "must be a JSON object of key names and keys" };
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return { keys: {}, problem };
    const keys: NamedKeys = {};
    for (const [key, value] of Object.entries(parsed)) {
      if (typeof value !== "string") return { keys: {}, problem };
      // An empty key would let an empty header in.
      if (value !== "" && key !== MONITOR_KEY) keys[key] = value;
    }
    return { keys, problem: null };
  } catch {
    return { keys: {}, problem };
  }
}

/**
 * Reads the platform's keys. The legacy keys stand in only where a project has none of the new form at all.
 * https://supabase.com/docs/guides/functions/secrets
 *
 * @throws {ConfigError} When a variable is missing or malformed.
 */
export function loadProjectKeys(get: (name: string) => string | undefined, callers: Callers): ProjectKeys {
  const url = get("SUPABASE_URL") ?? "";
  const secret = decodeKeys("SUPABASE_SECRET_KEYS", get("SUPABASE_SECRET_KEYS"));
  const publishable = decodeKeys("SUPABASE_PUBLISHABLE_KEYS", get("SUPABASE_PUBLISHABLE_KEYS"));
  const problems = [secret.problem, publishable.problem].filter((problem) => problem !== null);
  if (!URL.canParse(url)) problems.push({ path: "SUPABASE_URL", message: "must be the project's URL" });

  const legacySecret = get("SUPABASE_SERVICE_ROLE_KEY");
  const legacyPublishable = get("SUPABASE_ANON_KEY");
  if (Object.keys(secret.keys).length === 0 && legacySecret) secret.keys.default = legacySecret;
  if (Object.keys(publishable.keys).length === 0 && legacyPublishable) publishable.keys.default = legacyPublishable;
  const database_key = secret.keys.default ?? Object.values(secret.keys)[0];
  if (secret.problem === null && database_key === undefined) {
    problems.push({ path: "SUPABASE_SECRET_KEYS", message: "has no secret key" });
  }
  const needsPublishable = callers === "publishable_or_secret" && publishable.problem === null;
  if (needsPublishable && Object.keys(publishable.keys).length === 0) {
    problems.push({ path: "SUPABASE_PUBLISHABLE_KEYS", message: "has no publishable key" });
  }
  if (problems.length > 0 || database_key === undefined) throw new ConfigError(problems);
  return { url, publishable: publishable.keys, secret: secret.keys, database_key };
}

/** SHA-256 of a key. Digests have one length, so comparing them tells nothing of a key's. */
export function digestKey(key: string): Uint8Array {
  return createHash("sha256").update(key, "utf8").digest();
}

/** Whether two digests are equal; takes as long for every pair. */
export function digestsAreEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}

/** Tells by a key's digest whether it is one of the project's; every key is compared, whichever fits. */
export function createKeyRing(keys: ProjectKeys): (digest: Uint8Array) => "secret" | "publishable" | null {
  const rings = [
    ["publishable", Object.values(keys.publishable).map(digestKey)],
    ["secret", Object.values(keys.secret).map(digestKey)],
  ] as const;
  return (digest) => {
    let found: "secret" | "publishable" | null = null;
    for (const [kind, digests] of rings) {
      for (const known of digests) if (digestsAreEqual(known, digest)) found = kind;
    }
    return found;
  };
}
