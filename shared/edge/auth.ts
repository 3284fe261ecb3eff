/**
 * Who calls. Keys are checked first and alone, by `@supabase/server` in constant time; only then is a user's token
 * looked at, and a bad one costs the user id and nothing else (given both at once, the library refuses the whole
 * request for a bad token). The answer to a stranger tells nothing: the library's own names modes and keys.
 *
 * @module
 */

import { createSupabaseContext, type SupabaseContext } from "@supabase/server";
import { createAdminClient, verifyAuth } from "@supabase/server/core";
import { AuthError, ConfigError, type FieldProblem } from "../errors.ts";

/** Who may call: our own callers only, or web apps too. */
export type Callers = "secret" | "publishable_or_secret";

/** Supabase client with the rights of `service_role`; for `shared/database/` only. */
export type AdminClient = SupabaseContext["supabaseAdmin"];

/** An authenticated caller. */
export interface Identity {
  /** `secret`: inside; `publishable`: a web app, which anyone can read the key of. */
  caller: "secret" | "publishable";
  /** The user whose valid token came along; null without one. */
  user_id: string | null;
  /** The database client of this request. */
  admin: AdminClient;
}

/** The keys that callers are checked against. */
export interface AuthEnvironment {
  /** The project's URL. */
  url: string;
  /** Keys of web apps by name. */
  publishableKeys: Record<string, string>;
  /** Keys with the rights of `service_role` by name. */
  secretKeys: Record<string, string>;
}

/** Name of the secret key that inside callers use. */
export const SECRET_KEY_NAME = "fb_ads";

type KeySet = { keys: Record<string, string>; problem: FieldProblem | null };

/** Reads a JSON object of key names and keys. */
function decodeKeys(name: string, text: string | undefined): KeySet {
  if (text === undefined || text.trim() === "") return { keys: {}, problem: null };
  const problem = { path: name, message: "must be a JSON object of key names and keys" };
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return { keys: {}, problem };
    const keys: Record<string, string> = {};
    for (const [key, value] of Object.entries(parsed)) {
      if (typeof value !== "string") return { keys: {}, problem };
      // An empty key would let an empty header in.
      if (value !== "") keys[key] = value;
    }
    return { keys, problem: null };
  } catch {
    return { keys: {}, problem };
  }
}

/**
 * The CLI's local stacks have one secret key, `default`, and none can be named there: it is the one named `fb_ads`. A
 * hosted project, which is always https, has to have a key of that name.
 */
function nameLocalKey(url: string, keys: Record<string, string>): Record<string, string> {
  const { default: only, ...others } = keys;
  if (only === undefined || Object.keys(others).length > 0 || !url.startsWith("http://")) return keys;
  return { ...keys, [SECRET_KEY_NAME]: only };
}

/**
 * Reads the platform's keys. The legacy keys stand in only where a project has none of the new form at all.
 *
 * @throws {ConfigError} When a variable is missing or malformed.
 */
export function loadAuthEnvironment(get: (name: string) => string | undefined, callers: Callers): AuthEnvironment {
  const url = get("SUPABASE_URL") ?? "";
  const secret = decodeKeys("SUPABASE_SECRET_KEYS", get("SUPABASE_SECRET_KEYS"));
  const publishable = decodeKeys("SUPABASE_PUBLISHABLE_KEYS", get("SUPABASE_PUBLISHABLE_KEYS"));
  const problems = [secret.problem, publishable.problem].filter((problem) => problem !== null);
  if (!URL.canParse(url)) problems.push({ path: "SUPABASE_URL", message: "must be the project's URL" });

  const service = get("SUPABASE_SERVICE_ROLE_KEY");
  const anon = get("SUPABASE_ANON_KEY");
  const secretKeys = Object.keys(secret.keys).length === 0 && service
    ? { [SECRET_KEY_NAME]: service }
    : nameLocalKey(url, secret.keys);
  const publishableKeys = Object.keys(publishable.keys).length === 0 && anon ? { default: anon } : publishable.keys;
  if (secret.problem === null && secretKeys[SECRET_KEY_NAME] === undefined) {
    problems.push({ path: "SUPABASE_SECRET_KEYS", message: `has no secret key named ${SECRET_KEY_NAME}` });
  }
  if (
    callers === "publishable_or_secret" && publishable.problem === null && Object.keys(publishableKeys).length === 0
  ) {
    problems.push({ path: "SUPABASE_PUBLISHABLE_KEYS", message: "has no publishable key" });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { url, publishableKeys, secretKeys };
}

/** The project's signing keys, when the platform hands them over; otherwise the library fetches them. */
function decodeJwks(text: string | undefined): { jwks: { keys: { kty: string }[] } } | Record<never, never> {
  if (text === undefined || text.trim() === "") return {};
  try {
    const parsed: unknown = JSON.parse(text);
    const keys: unknown = Array.isArray(parsed) ? parsed : Object(parsed).keys;
    return { jwks: { keys: Array.isArray(keys) ? keys : [] } };
  } catch {
    return { jwks: { keys: [] } };
  }
}

/** The user of the bearer token; null without a valid one. */
async function findUser(
  request: Request,
  env: AuthEnvironment,
  get: (name: string) => string | undefined,
): Promise<string | null> {
  if (!request.headers.get("authorization")?.startsWith("Bearer ")) return null;
  try {
    const { data } = await verifyAuth(request, { auth: "user", env: { ...env, ...decodeJwks(get("SUPABASE_JWKS")) } });
    return data?.userClaims?.id ?? null;
  } catch {
    // Keys that cannot be fetched are no reason to lose an event: it goes on without its user.
    return null;
  }
}

/** Options of `authenticate`. */
export interface AuthenticateOptions {
  /** Who may call. */
  callers: Callers;
  /** The keys to compare with. */
  env: AuthEnvironment;
  /** Looks a variable up by name, for the signing keys. */
  get: (name: string) => string | undefined;
  /** Carries the database client's requests. */
  fetch?: typeof fetch;
}

/**
 * Authenticates a request by its headers alone; the body stays unread.
 *
 * @throws {AuthError} 401 for everyone else.
 * @throws {ConfigError} When no caller could ever be let in.
 */
export async function authenticate(request: Request, options: AuthenticateOptions): Promise<Identity> {
  const { callers, get } = options;
  const supabaseOptions = options.fetch === undefined ? {} : { global: { fetch: options.fetch } };
  const env = {
    ...options.env,
    // The library wants one to make a client that is not used here; no caller is compared with this value.
    ...(callers === "secret" ? { publishableKeys: { default: "unused" } } : {}),
    jwks: { keys: [] },
  };
  const { data, error } = await createSupabaseContext(request, {
    auth: callers === "secret" ? `secret:${SECRET_KEY_NAME}` : [`secret:${SECRET_KEY_NAME}`, "publishable:*"],
    env,
    supabaseOptions,
  });
  if (error !== null) {
    if (error.status < 500) throw new AuthError("unauthorized");
    throw new ConfigError([{ path: "SUPABASE_*", message: `cannot be used: ${error.code}` }]);
  }
  if (data.authMode === "secret") {
    const user_id = callers === "secret" ? null : await findUser(request, options.env, get);
    return { caller: "secret", user_id, admin: data.supabaseAdmin };
  }
  // Whoever called, the database sees the one key that is ours and can be revoked alone.
  const admin: AdminClient = createAdminClient({ auth: { keyName: SECRET_KEY_NAME }, env, supabaseOptions });
  return { caller: "publishable", user_id: await findUser(request, options.env, get), admin };
}
