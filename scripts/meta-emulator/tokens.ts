/**
 * The tokens that the emulator knows, what each may read, and how it died. A token is named in the ledger, never
 * written there.
 * @module
 */

import { createHmac } from "node:crypto";
import type { GraphCall } from "./graph_call.ts";
import { GraphRefusal } from "./graph_error.ts";
import { catalogueError, refusal } from "./error_catalogue.ts";

/** One token. */
export interface Token {
  /** Name for ledgers and control; says nothing about the secret. */
  name: string;
  /** Account ids (digits) that it may read, or all. */
  accounts: string[] | "*";
  /** Pixel ids that it may send to, or all. */
  pixels: string[] | "*";
  /** Scopes that `debug_token` tells. */
  scopes: string[];
  /** Key of the error that it answers with (`190/463`), or `null` while it lives. */
  dead: string | null;
  /** HTTP status of that error instead of the catalogue's, for 190 arrives as 400 or 401. */
  dead_status: number | null;
  /** Epoch milliseconds of its end, 0 for never; past it the token answers 190/463. */
  expires_at: number;
  /** Secret of its app: what an `appsecret_proof` is checked against. */
  app_secret: string;
  /** True for a token of an app with "Require App Secret": every call must carry the proof. */
  requires_proof: boolean;
}

/** Keeps tokens by their secret text. */
export class TokenBook {
  readonly #tokens = new Map<string, Token>();

  /** Adds or replaces a token. */
  add(secret: string, token: Partial<Token> & { name: string }): Token {
    const entry: Token = {
      accounts: "*",
      pixels: "*",
      scopes: ["ads_read"],
      dead: null,
      dead_status: null,
      expires_at: 0,
      app_secret: "emulator-app-secret",
      requires_proof: false,
      ...token,
    };
    this.#tokens.set(secret, entry);
    return entry;
  }

  /** Finds a token by its name. */
  named(name: string): Token | undefined {
    return [...this.#tokens.values()].find((token) => token.name === name);
  }

  /** Lists the tokens without their secrets. */
  list(): Token[] {
    return [...this.#tokens.values()];
  }

  /** Looks a secret up. */
  find(secret: string): Token | undefined {
    return this.#tokens.get(secret);
  }

  /** Returns the live token of a secret; refuses as Graph does for none, an unknown or a dead one. */
  authorize(secret: string | null, nowMs: number): Token {
    if (secret === null || secret === "") {
      throw refusal("190", { message: "An access token is required to request this resource." });
    }
    const token = this.#tokens.get(secret);
    if (!token) throw refusal("190/463", { message: "Invalid OAuth access token - Cannot parse access token" });
    const dead = token.dead ?? (token.expires_at !== 0 && nowMs >= token.expires_at ? "190/463" : null);
    if (dead !== null) {
      const body = catalogueError(dead);
      throw new GraphRefusal(token.dead_status === null ? body : { ...body, status: token.dead_status });
    }
    return token;
  }
}

/** Refuses a call whose proof is wrong, and one without any where the token's app requires it. */
export function requireProof({ secret, proof }: GraphCall, { app_secret, requires_proof }: Token): void {
  if (proof === null) {
    if (requires_proof) throw refusal("100/proof_missing");
    return;
  }
  if (proof !== createHmac("sha256", app_secret).update(secret ?? "").digest("hex")) throw refusal("100/proof_wrong");
}

/** Refuses with 200 and HTTP 403 when the token may not read the account. */
export function requireAccount(token: Token, accountId: string): void {
  if (token.accounts !== "*" && !token.accounts.includes(accountId)) throw refusal("200");
}
