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

  readonly #userKeys: CryptoKeyPair;
  readonly #roleKey: CryptoKey;
  readonly #roleTokens = new Map<string, { token: string; renewAt: number }>();
  readonly #keyId: string;

  private constructor(
    userKeys: CryptoKeyPair,
    publicJwk: JsonWebKey,
    roleKey: CryptoKey,
    roleJwk: JsonWebKey,
    keyId: string,
  ) {
    this.#userKeys = userKeys;
    this.#roleKey = roleKey;
    this.#keyId = keyId;
    const { kty, crv, x, y } = publicJwk;
    const published = Object.assign({ kty, crv, x, y, alg: "ES256", use: "sig" }, { kid: keyId });
    this.jwks = { keys: [published] };
    this.postgrestSecret = JSON.stringify({ keys: [published, { kty: roleJwk.kty, k: roleJwk.k, alg: "HS256" }] });
  }

  /** Makes a new set of keys. */
  static async generate(): Promise<PlatformKeys> {
    const user = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const role = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, true, ["sign"]);
    return new PlatformKeys(
      user,
      await crypto.subtle.exportKey("jwk", user.publicKey),
      role,
      await crypto.subtle.exportKey("jwk", role),
      crypto.randomUUID(),
    );
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
    return await sign(
      { alg: "ES256", typ: "JWT", kid: this.#keyId },
      claims,
      (data) => crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, this.#userKeys.privateKey, data),
    );
  }

  /** Whether a token is one of {@linkcode PlatformKeys.userToken} and has not expired. */
  async verifyUserToken(token: string): Promise<boolean> {
    const [header, payload, signature] = token.split(".");
    if (!header || !payload || !signature) return false;
    try {
      const genuine = await crypto.subtle.verify(
        { name: "ECDSA", hash: "SHA-256" },
        this.#userKeys.publicKey,
        fromBase64Url(signature),
        new TextEncoder().encode(`${header}.${payload}`),
      );
      const claims: { exp?: number } = JSON.parse(new TextDecoder().decode(fromBase64Url(payload)));
      return genuine && (claims.exp ?? 0) > Date.now() / 1000;
    } catch {
      return false;
    }
  }
}

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
