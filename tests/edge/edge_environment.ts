/**
 * The platform's variables of an invented project, and user tokens signed for it.
 *
 * @module
 */

import { generateKeyPairSync, sign } from "node:crypto";
import { Buffer } from "node:buffer";

/** Secret key named `default`. */
export const SECRET = "sb_secret_default_0123456789abcdef";
/** Secret key named `server`. */
export const OTHER_SECRET = "sb_secret_other_0123456789abcdef";
/** Key of the schedule, which only the database knows. */
export const SCHEDULE_KEY = "fb_ads_0123456789abcdef0123456789abcdef";
/** `printf '<the key of the schedule>' | sha256sum` */
export const SCHEDULE_DIGEST = "7204eb290e9f92a8a60c51a3caedec0ab741ec833746a421023306545f3f85ca";
/** Publishable key of a web app. */
export const PUBLISHABLE = "sb_publishable_web_0123456789abcdef";

const signing = generateKeyPairSync("ec", { namedCurve: "P-256" });
const foreign = generateKeyPairSync("ec", { namedCurve: "P-256" });

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** A user's token as Auth signs it; expired when `expires_in` is negative. `by`: another project's Auth. */
export function signUserToken(
  claims: Record<string, unknown>,
  expires_in = 3600,
  by: "own" | "foreign" = "own",
): string {
  const now = Math.floor(Date.now() / 1000);
  const head = base64url({ alg: "ES256", kid: "k1", typ: "JWT" });
  const body = base64url({
    role: "authenticated",
    aud: "authenticated",
    iat: now - 10,
    exp: now + expires_in,
    ...claims,
  });
  const key = (by === "own" ? signing : foreign).privateKey;
  const signature = sign("sha256", Buffer.from(`${head}.${body}`), { key, dsaEncoding: "ieee-p1363" });
  return `${head}.${body}.${signature.toString("base64url")}`;
}

/** The variables, with those of a test on top; null takes one away. */
export function environment(more: Record<string, string | null> = {}): (name: string) => string | undefined {
  const variables: Record<string, string | null> = {
    SUPABASE_URL: "http://127.0.0.1:54321",
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: SECRET, server: OTHER_SECRET }),
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ web: PUBLISHABLE }),
    SUPABASE_JWKS: JSON.stringify({
      keys: [{ ...signing.publicKey.export({ format: "jwk" }), alg: "ES256", kid: "k1", use: "sig" }],
    }),
    FB_ADS_ALLOWED_ORIGINS: "https://shop.example",
    ...more,
  };
  return (name) => variables[name] ?? undefined;
}
