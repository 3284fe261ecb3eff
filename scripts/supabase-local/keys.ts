/**
 * API keys and tokens of one platform, random each time: publishable and secret keys as on Supabase, the tokens that
 * only the gateway and PostgREST know, and tokens of users signed with a key that functions can verify.
 *
 * PostgREST's tokens have no times. Its program is static and sees the machine's clock, whatever PLATFORM_CLOCK says;
 * so the gateway judges when a user's token ends. They are of no use beyond the platform, which makes their key and
 * ends with it.
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

/** What PostgREST is told of a caller: the role to take, and whatever else SQL may read of the token. */
export interface Claims extends Record<string, unknown> {
  /** A role of the database. */
  role: string;
}

/**
 * What Auth signs users' tokens with: a key of its own, whose public half is in the JWKS, or the legacy secret, which
 * no JWKS ever holds.
 */
export type TokenSigning = "ES256" | "HS256";

/** The keys of one platform. */
export class PlatformKeys {
  /** Publishable keys by name; acts as `anon`. */
  readonly publishable: Readonly<Record<string, string>> = { default: randomKey("sb_publishable_") };
  /** Secret keys by name: `default`, which acts as `service_role`, and those whose template names another role. */
  readonly secret: Readonly<Record<string, string> & { default: string }>;
  /** Public keys of the users' tokens, as `SUPABASE_JWKS` holds them. */
  readonly jwks: { keys: Record<string, string | undefined>[] };
  /** The key that PostgREST accepts, in its own form. */
  readonly postgrestSecret: string;

  readonly #roles: Readonly<Record<string, string>>;
  readonly #signing: TokenSigning;
  readonly #userKeys: CryptoKeyPair;
  readonly #legacyKey: CryptoKey;
  readonly #roleKey: CryptoKey;
  readonly #keyId: string;

  private constructor(made: {
    signing: TokenSigning;
    roles: Readonly<Record<string, string>>;
    user: CryptoKeyPair;
    publicJwk: JsonWebKey;
    legacy: CryptoKey;
    role: CryptoKey;
    roleJwk: JsonWebKey;
  }) {
    this.#signing = made.signing;
    this.#roles = { ...made.roles, default: "service_role" };
    const secretKeys = Object.keys(this.#roles).map((name) => [name, randomKey("sb_secret_")]);
    this.secret = { default: "", ...Object.fromEntries(secretKeys) };
    this.#userKeys = made.user;
    this.#legacyKey = made.legacy;
    this.#roleKey = made.role;
    this.#keyId = crypto.randomUUID();
    const { kty, crv, x, y } = made.publicJwk;
    const published = Object.assign({ kty, crv, x, y, alg: "ES256", use: "sig" }, { kid: this.#keyId });
    this.jwks = { keys: made.signing === "ES256" ? [published] : [] };
    this.postgrestSecret = JSON.stringify({ keys: [{ kty: made.roleJwk.kty, k: made.roleJwk.k, alg: "HS256" }] });
  }

  /** Makes a new set of keys; `roles`: by name, the roles of secret keys beside `default`. */
  static async generate(
    signing: TokenSigning = "ES256",
    roles: Readonly<Record<string, string>> = {},
  ): Promise<PlatformKeys> {
    const user = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const makeSecret = () =>
      crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, true, ["sign", "verify"]);
    const [legacy, role] = await Promise.all([makeSecret(), makeSecret()]);
    return new PlatformKeys({
      signing,
      roles,
      user,
      publicJwk: await crypto.subtle.exportKey("jwk", user.publicKey),
      legacy,
      role,
      roleJwk: await crypto.subtle.exportKey("jwk", role),
    });
  }

  /** The role that a key acts as, or null for a key that is none of ours. */
  roleOf(key: string): string | null {
    if (Object.values(this.publishable).includes(key)) return "anon";
    const name = Object.keys(this.secret).find((known) => this.secret[known] === key);
    return name === undefined ? null : this.#roles[name] ?? null;
  }

  /** A token that makes PostgREST take a role, and shows SQL these claims. */
  postgrestToken(claims: Claims): Promise<string> {
    return sign({ alg: "HS256", typ: "JWT" }, claims, (data) => crypto.subtle.sign("HMAC", this.#roleKey, data));
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

  /**
   * The claims of one of {@linkcode PlatformKeys.userToken} without its times; null when it has expired or is not ours.
   */
  async readUserToken(token: string): Promise<Claims | null> {
    const [header, payload, signature] = token.split(".");
    if (!header || !payload || !signature) return null;
    const [algorithm, key] = this.#signing === "ES256"
      ? [ES256, this.#userKeys.publicKey] as const
      : ["HMAC", this.#legacyKey] as const;
    try {
      const signed = new TextEncoder().encode(`${header}.${payload}`);
      const genuine = await crypto.subtle.verify(algorithm, key, fromBase64Url(signature), signed);
      const { iat: _iat, exp, ...claims } = JSON.parse(new TextDecoder().decode(fromBase64Url(payload)));
      return genuine && exp > Date.now() / 1000 ? claims : null;
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
