/**
 * API keys and tokens of one platform, random each time: publishable and secret keys as on Supabase, the short-lived role
 * tokens that only the gateway and PostgREST know, and tokens of users signed with a key that functions can verify.
 *
 * @module
 */

/** Claims of a user's token beside those that every token has. */
export interface UserTokenOptions {
  /** The user's id, claim `sub`. Default: a random uuid. */
  sub?: string;
  /** The user's e-mail address. */
  email?: string;
  /** Seconds until the token expires; negative for one that has expired. Default 3600. */
  expiresInSeconds?: number;
}

/**
 * What Auth signs users' tokens with: a key of its own, whose public half is in the JWKS, or the legacy secret, which no
 * JWKS ever holds.
 */
export type TokenSigning = "ES256" | "HS256";

/** What Auth says of a user's valid token. */
export interface UserClaims {
  /** The user's id. */
  sub: string;
  /** Unix seconds. */
  exp: number;
  /** The user's e-mail address. */
  email?: string;
}

const ROLE_TOKEN_SECONDS = 120;

/** The keys of one platform. */
export class PlatformKeys {
  /** Publishable keys by name; acts as `anon`. */
  readonly publishable: Readonly<Record<string, string>> = { default: randomKey("sb_publishable_") };
  /** Secret keys by name; each acts as `service_role`. */
  readonly secret: Readonly<Record<string, string> & { default: string }> = { default: randomKey("sb_secret_") };
  /** Public keys of the users' tokens, as `SUPABASE_JWKS` holds them. */
  readonly jwks: { keys: Record<string, string | undefined>[] };
  /** All keys that PostgREST accepts, in its own form. */
  readonly postgrestSecret: string;

  readonly #signing: TokenSigning;
  readonly #userKeys: CryptoKeyPair;
  readonly #legacyKey: CryptoKey;
  readonly #roleKey: CryptoKey;
  readonly #roleTokens = new Map<string, { token: string; renewAt: number }>();
  readonly #keyId: string;

  private constructor(made: {
    signing: TokenSigning;
    user: CryptoKeyPair;
    publicJwk: JsonWebKey;
    legacy: CryptoKey;
    legacyJwk: JsonWebKey;
    role: CryptoKey;
    roleJwk: JsonWebKey;
  }) {
    this.#signing = made.signing;
    this.#userKeys = made.user;
    this.#legacyKey = made.legacy;
    this.#roleKey = made.role;
    this.#keyId = crypto.randomUUID();
    const { kty, crv, x, y } = made.publicJwk;
    const published = Object.assign({ kty, crv, x, y, alg: "ES256", use: "sig" }, { kid: this.#keyId });
    this.jwks = { keys: made.signing === "ES256" ? [published] : [] };
    const shared = [made.roleJwk, made.legacyJwk].map(({ kty, k }) => ({ kty, k, alg: "HS256" }));
    this.postgrestSecret = JSON.stringify({ keys: [published, ...shared] });
  }

  /** Makes a new set of keys. */
  static async generate(signing: TokenSigning = "ES256"): Promise<PlatformKeys> {
    const user = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const makeSecret = () =>
      crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, true, ["sign", "verify"]);
    const [legacy, role] = await Promise.all([makeSecret(), makeSecret()]);
    return new PlatformKeys({
      signing,
      user,
      publicJwk: await crypto.subtle.exportKey("jwk", user.publicKey),
      legacy,
      legacyJwk: await crypto.subtle.exportKey("jwk", legacy),
      role,
      roleJwk: await crypto.subtle.exportKey("jwk", role),
    });
  }

  /** The role that a key acts as, or null for a key that is none of ours. */
  roleOf(key: string): "anon" | "service_role" | null {
    if (Object.values(this.publishable).includes(key)) return "anon";
    return Object.values(this.secret).includes(key) ? "service_role" : null;
  }

  /** A token that makes PostgREST take this role; lives two minutes at most. */
  async roleToken(role: string): Promise<string> {
    const known = this.#roleTokens.get(role);
    if (known && known.renewAt > Date.now()) return known.token;
    const now = Math.floor(Date.now() / 1000);
    const token = await sign(
      { alg: "HS256", typ: "JWT" },
      { role, iat: now, exp: now + ROLE_TOKEN_SECONDS },
      (data) => crypto.subtle.sign("HMAC", this.#roleKey, data),
    );
    this.#roleTokens.set(role, { token, renewAt: Date.now() + ROLE_TOKEN_SECONDS * 500 });
    return token;
  }

  /** A user's token as Supabase Auth would sign it. */
  async userToken(options: UserTokenOptions = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: "platform",
      aud: "authenticated",
      role: "authenticated",
      sub: options.sub ?? crypto.randomUUID(),
      ...(options.email ? { email: options.email } : {}),
      iat: Math.min(now, now + (options.expiresInSeconds ?? 3600)),
      exp: now + (options.expiresInSeconds ?? 3600),
      session_id: crypto.randomUUID(),
      is_anonymous: false,
    };
    const [algorithm, key] = this.#signing === "ES256"
      ? [ES256, this.#userKeys.privateKey] as const
      : ["HMAC", this.#legacyKey] as const;
    const header = { alg: this.#signing, typ: "JWT", kid: this.#keyId };
    return await sign(header, claims, (data) => crypto.subtle.sign(algorithm, key, data));
  }

  /** What a token of {@linkcode PlatformKeys.userToken} says, or null for another one and for one that has expired. */
  async verifyUserToken(token: string): Promise<UserClaims | null> {
    const [header, payload, signature] = token.split(".");
    if (!header || !payload || !signature) return null;
    const [algorithm, key] = this.#signing === "ES256"
      ? [ES256, this.#userKeys.publicKey] as const
      : ["HMAC", this.#legacyKey] as const;
    try {
      const signed = new TextEncoder().encode(`${header}.${payload}`);
      const genuine = await crypto.subtle.verify(algorithm, key, fromBase64Url(signature), signed);
      const claims: UserClaims = JSON.parse(new TextDecoder().decode(fromBase64Url(payload)));
      return genuine && claims.exp > Date.now() / 1000 ? claims : null;
    } catch {
      return null;
    }
  }
}

const ES256 = { name: "ECDSA", hash: "SHA-256" } as const;

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

async function sign(
  header: Record<string, unknown>,
  claims: Record<string, unknown>,
  signBytes: (data: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>,
): Promise<string> {
  const encode = (value: unknown) => base64Url(new TextEncoder().encode(JSON.stringify(value)));
  const content = `${encode(header)}.${encode(claims)}`;
  return `${content}.${base64Url(new Uint8Array(await signBytes(new TextEncoder().encode(content))))}`;
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function randomKey(prefix: string): string {
  return `${prefix}${base64Url(crypto.getRandomValues(new Uint8Array(24)))}`;
}
