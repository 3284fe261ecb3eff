/**
 * What was asked of the emulator, in order: enough to prove that no page was read twice and that no account had two
 * requests in flight. Tokens appear as names only.
 * @module
 */

import type { JsonRecord } from "./json_value.ts";

/** One call, sub-requests of a batch included. */
export interface LedgerEntry {
  /** Number of the call, from 1. */
  seq: number;
  /** HTTP method. */
  method: string;
  /** Path with its version. */
  path: string;
  /** Version, such as `v27.0`; empty when the path had none. */
  version: string;
  /** Name of the route, such as `ads` or `insights.create`. */
  route: string;
  /** Parameters without the token. */
  params: JsonRecord;
  /** Request headers without `authorization`. */
  headers: Record<string, string>;
  /** Digits of the ad account concerned, or `null`. */
  account: string | null;
  /** Page of a list, from 1. */
  page: number;
  /** How often this very request has come, from 1. */
  attempt: number;
  /** Name of the token, `none` or `unknown`. */
  token: string;
  /** True when the token came in the URL or the body. */
  token_in_url: boolean;
  /** True for a sub-request of a batch. */
  batched: boolean;
  /** Requests of the same account that were in flight when this one began, itself included. */
  in_flight: number;
  /** Milliseconds of the clock. */
  started: number;
  /** Milliseconds of the clock; `null` while it runs. */
  ended: number | null;
  /** Real milliseconds it took. */
  took_ms: number;
  /** HTTP status; 0 when the connection was cut. */
  status: number;
  /** Graph's `code`, when an error was answered. */
  code: number | null;
  /** Graph's `error_subcode`. */
  error_subcode: number | null;
  /** Rows in `data`. */
  rows: number;
  /** Id of the fault that acted, or `null`. */
  fault: string | null;
}

/** Records calls and counts those in flight. */
export class Ledger {
  /** The calls, oldest first; the oldest are forgotten past {@link Ledger.capacity}. */
  calls: LedgerEntry[] = [];
  /** How many calls are remembered. */
  capacity = 200_000;
  #seq = 0;
  readonly #attempts = new Map<string, number>();
  readonly #inFlight = new Map<string, number>();
  readonly #peak = new Map<string, number>();
  #waiting: { meets: (call: LedgerEntry) => boolean; resolve: (call: LedgerEntry) => void }[] = [];
  #allInFlight = 0;
  #allPeak = 0;

  /** Opens an entry; `identity` tells the same request apart from others for its attempt number. */
  begin(identity: string, entry: Omit<LedgerEntry, "seq" | "attempt" | "in_flight">): LedgerEntry {
    const attempt = (this.#attempts.get(identity) ?? 0) + 1;
    this.#attempts.set(identity, attempt);
    const account = entry.account ?? "";
    const inFlight = (this.#inFlight.get(account) ?? 0) + 1;
    this.#inFlight.set(account, inFlight);
    this.#peak.set(account, Math.max(inFlight, this.#peak.get(account) ?? 0));
    this.#allInFlight++;
    this.#allPeak = Math.max(this.#allPeak, this.#allInFlight);
    this.#seq++;
    const full: LedgerEntry = { ...entry, seq: this.#seq, attempt, in_flight: inFlight };
    this.calls.push(full);
    this.#waiting = this.#waiting.filter(({ meets, resolve }) => {
      const met = meets(full);
      if (met) resolve(full);
      return !met;
    });
    if (this.calls.length > this.capacity) this.calls.splice(0, Math.ceil(this.capacity / 10));
    return full;
  }

  /** Resolves when a call begins that meets the condition; calls of the past do not count. */
  whenCalled(meets: (call: LedgerEntry) => boolean): Promise<LedgerEntry> {
    return new Promise((resolve) => this.#waiting.push({ meets, resolve }));
  }

  /** Closes an entry. */
  end(entry: LedgerEntry, nowMs: number): void {
    entry.ended = nowMs;
    const account = entry.account ?? "";
    this.#inFlight.set(account, (this.#inFlight.get(account) ?? 1) - 1);
    this.#allInFlight--;
  }

  /** Returns the most requests that were ever in flight at once: of one account (digits), or of all. */
  maxInFlight(account?: string): number {
    return account === undefined ? this.#allPeak : this.#peak.get(account) ?? 0;
  }

  /** Returns the highest count in flight that any single account reached. */
  maxInFlightOfAnyAccount(): number {
    let most = 0;
    for (const [account, peak] of this.#peak) if (account !== "") most = Math.max(most, peak);
    return most;
  }

  /** How many calls came since the last reset, remembered or not. */
  get count(): number {
    return this.#seq;
  }

  /** Counts remembered calls by route. */
  countByRoute(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const call of this.calls) counts[call.route] = (counts[call.route] ?? 0) + 1;
    return counts;
  }

  /** Forgets all calls, attempts and peaks; calls in flight stay counted. */
  reset(): void {
    this.calls = [];
    this.#seq = 0;
    this.#attempts.clear();
    this.#peak.clear();
    for (const [account, count] of this.#inFlight) this.#peak.set(account, count);
    this.#allPeak = this.#allInFlight;
  }
}
