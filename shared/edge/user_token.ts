/**
 * The user of a bearer token. A token that a public key of the project's JWKS can verify is verified here. Where Auth
 * still signs with a shared secret, a hosted `SUPABASE_JWKS` never holds it, so Auth is asked who that is. A bad token,
 * and an Auth that does not answer, cost the user id and nothing else.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { JWTVerifyGetKey } from "jose";
import type { Clock } from "../clock.ts";
import type { Log } from "./log.ts";

/** Finds the user of a request's bearer token; null without a valid one. Never rejects. */
export type FindUser = (request: Request) => Promise<string | null>;

/** Where users are looked up. */
export interface UserFinderOptions {
  /** `SUPABASE_URL`. */
  url: string;
  /** A publishable key of the project, which Auth wants beside the token. */
  publishable_key: string;
  /** `SUPABASE_JWKS`; without it the library fetches the project's. */
  jwks: string | undefined;
  /** Carries the question to Auth. */
  fetch: typeof fetch;
  /** Tells the time. */
  clock: Clock;
  /** Told once an isolate that Auth is asked, and each time it fails. */
  log: Log;
}

/** An event waits no longer for its user. */
const ASK_TIMEOUT_MS = 1_000;
/** After a failure nobody waits for Auth for so long. */
const PAUSE_MS = 5_000;
const KEPT_MS = 60_000;
const REFUSAL_KEPT_MS = 10_000;
const MAX_KNOWN_TOKENS = 1_000;
const MAX_TOKEN_CHARACTERS = 8_192;
/** What Auth signs with, other than a shared secret. https://supabase.com/docs/guides/auth/signing-keys */
const ALGORITHMS = ["ES256", "RS256", "EdDSA"];

interface Jwk {
  kid?: string;
  alg?: string;
  kty: string;
}

/** What a token says of itself, unverified. */
interface TokenHead {
  alg: unknown;
  kid: unknown;
  expires_at_ms: number;
}

function decodePart(part: string | undefined): Record<string, unknown> {
  const bytes = Uint8Array.from(atob((part ?? "").replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Reads a token's head; null for what is no user's token. The legacy API keys are tokens too, but nobody's. */
function readTokenHead(token: string): TokenHead | null {
  if (token.length > MAX_TOKEN_CHARACTERS || token.split(".").length !== 3) return null;
  try {
    const [header, payload] = token.split(".").map((part, index) => index < 2 ? decodePart(part) : {});
    if (typeof payload?.sub !== "string" || typeof payload.exp !== "number") return null;
    return { alg: header?.alg, kid: header?.kid, expires_at_ms: payload.exp * 1_000 };
  } catch {
    return null;
  }
}

function decodeJwks(text: string | undefined): Jwk[] | null {
  if (text === undefined || text.trim() === "") return null;
  try {
    const parsed: unknown = JSON.parse(text);
    const keys: unknown = Array.isArray(parsed) ? parsed : Object(parsed).keys;
    return Array.isArray(keys) ? keys.filter((key) => typeof key === "object" && key !== null) : [];
  } catch {
    return [];
  }
}

function bearerOf(request: Request): string | null {
  return /^Bearer (\S+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
}

/**
 * Makes the finder of one isolate; it keeps what Auth said of a token for a minute, at most until the token expires.
 */
export function createUserFinder(options: UserFinderOptions): FindUser {
  const { url, publishable_key, clock, log } = options;
  const keys = decodeJwks(options.jwks);
  const known = new Map<string, { user_id: Promise<string | null>; until_ms: number }>();
  const project_url = url.replace(/\/+$/, "");
  let keySet: JWTVerifyGetKey | null = null;
  let paused_until_ms = Number.NEGATIVE_INFINITY;
  let warned = false;
  const now_ms = () => clock.now().getTime();

  async function verify(token: string): Promise<string | null> {
    // Loaded by the first token that comes along: most events have none.
    const { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } = await import("jose");
    keySet ??= keys === null
      ? createRemoteJWKSet(new URL(`${project_url}/auth/v1/.well-known/jwks.json`), { timeoutDuration: ASK_TIMEOUT_MS })
      : createLocalJWKSet({ keys });
    try {
      const { payload } = await jwtVerify(token, keySet, { algorithms: ALGORITHMS });
      return payload.sub ?? null;
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }

  /** Resolves to null for a token that Auth refuses; rejects when Auth does not answer. */
  async function ask(token: string): Promise<string | null> {
    const response = await options.fetch(`${project_url}/auth/v1/user`, {
      headers: { apikey: publishable_key, authorization: `Bearer ${token}` },
      redirect: "manual",
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    });
    if (response.status === 401 || response.status === 403) {
      await response.body?.cancel();
      return null;
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`Auth answers HTTP ${response.status}`);
    }
    const user: unknown = await response.json();
    const id: unknown = Object(user).id;
    return typeof id === "string" && id !== "" ? id : null;
  }

  function askOnce(token: string, expires_at_ms: number): Promise<string | null> {
    const digest = createHash("sha256").update(token, "utf8").digest("base64");
    const held = known.get(digest);
    if (held !== undefined && held.until_ms > now_ms()) return held.user_id;
    if (paused_until_ms > now_ms()) return Promise.resolve(null);
    if (!warned) log.warn("users are looked up at Auth: no key of SUPABASE_JWKS verifies their tokens");
    warned = true;
    const entry = { user_id: ask(token), until_ms: Math.min(expires_at_ms, now_ms() + KEPT_MS) };
    entry.user_id.then((user_id) => {
      if (user_id === null) entry.until_ms = now_ms() + REFUSAL_KEPT_MS;
    }, () => known.delete(digest));
    known.delete(digest);
    known.set(digest, entry);
    for (const oldest of known.keys()) {
      if (known.size <= MAX_KNOWN_TOKENS) break;
      known.delete(oldest);
    }
    return entry.user_id;
  }

  return async (request) => {
    const token = bearerOf(request);
    const head = token === null ? null : readTokenHead(token);
    if (token === null || head === null || head.expires_at_ms <= now_ms()) return null;
    const isVerifiable = typeof head.alg === "string" && ALGORITHMS.includes(head.alg) &&
      (keys === null || keys.some(({ kid, alg = head.alg }) => kid === head.kid && alg === head.alg));
    try {
      return await (isVerifiable ? verify(token) : askOnce(token, head.expires_at_ms));
    } catch (error) {
      if (!isVerifiable) {
        if (paused_until_ms <= now_ms()) log.warn("Auth does not tell who a user is: events go on without", { error });
        paused_until_ms = now_ms() + PAUSE_MS;
      }
      return null;
    }
  };
}
