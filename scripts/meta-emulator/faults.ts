/**
 * Scripted failures. A rule says which calls it meets (route, account, page, attempt, …) and what then happens instead
 * of, or beside, the true answer. Rules are plain JSON, so that the control surface takes the same ones.
 * @module
 */

import { mix } from "./random.ts";
import type { GraphErrorBody } from "./graph_error.ts";
import type { JsonRecord, JsonValue } from "./json_value.ts";

/** What a fault does. */
export type FaultAction =
  /** Answers a catalogued error (`"80000/2446079"`, `"1/reduce"`) or one spelt out; `status: 200` hides it in a 200. */
  | { kind: "error"; error: string | (Partial<GraphErrorBody> & { code: number; message: string }); status?: number }
  /** Answers this JSON (default status 200); `after_effect` first does what was asked. */
  | { kind: "body"; body: JsonValue; status?: number; after_effect?: boolean }
  /** Cuts the true answer's JSON to this share of its length (default 0.5) and sends it whole, with status 200. */
  | { kind: "truncate"; keep?: number }
  /** Answers an HTML page (default status 502). */
  | { kind: "html"; status?: number; after_effect?: boolean }
  /** Answers this text (default `Service Unavailable` with status 200). */
  | { kind: "text"; status?: number; body?: string }
  /** Answers nothing at all in the body (default status 200). */
  | { kind: "empty"; status?: number; after_effect?: boolean }
  /** Resets the connection before a byte; `after_effect` first does what was asked. */
  | { kind: "reset"; after_effect?: boolean }
  /** Closes the connection in the middle of the true answer, whose length was promised or, `chunked`, was not. */
  | { kind: "cut"; chunked?: boolean }
  /** Sends bytes that are no HTTP; `after_effect` first does what was asked. */
  | { kind: "garbage"; after_effect?: boolean }
  /** Begins a page and goes on with white space until the client has had enough; `after_effect` as above. */
  | { kind: "endless"; after_effect?: boolean }
  /** Stays silent for `ms`, then closes; `after_effect` first does what was asked. */
  | { kind: "hang"; ms: number; after_effect?: boolean }
  /** Makes the true answer so many bytes larger for each row in it, by white space that JSON allows. */
  | { kind: "pad"; bytes_per_row: number }
  /** Gives the true answer `ms` later. */
  | { kind: "slow"; ms: number }
  /** Keeps the true answer back until its rule is taken away, or the emulator closes. */
  | { kind: "hold" }
  /** Sets headers on the answer; `null` takes one away. */
  | { kind: "headers"; headers: Record<string, string | null> }
  /** Gives only `rows` rows of a page (0 is an empty page) though the list goes on. */
  | { kind: "short_page"; rows: number }
  /** Answers `null` for a sub-request of a batch. */
  | { kind: "null_entry" }
  /** Decides the fate of a report at its creation. */
  | { kind: "report"; outcome: ReportOutcome };

/** How a report run goes. */
export interface ReportOutcome {
  /** Final state; `complete` unless said otherwise, `never` runs for ever. */
  end?: "complete" | "failed" | "skipped" | "never";
  /** Polls until its end. */
  polls?: number;
  /** Polls that say 100 % and still `Job Running`. */
  polls_at_100?: number;
  /** First reads of the run by id that answer 100/33, as happens right after its creation. */
  missing_polls?: number;
  /** What the first reads of its results answer though the run is complete: `100/33`, `2601/1815107`, `empty`. */
  read_error?: string;
  /** How many such reads; 1 when absent. */
  read_errors?: number;
  /** `error_code` of a failed run. */
  error_code?: number;
  /** `error_subcode` of a failed run. */
  error_subcode?: number;
  /** `error_message` of a failed run. */
  error_message?: string;
}

/** Which calls a fault meets. Every member given must hold. */
export interface FaultMatch {
  /** Route name or names; `*` at the end stands for anything (`insights*`). */
  route?: string | string[];
  /** Digits of the account. */
  account?: string;
  /** HTTP method. */
  method?: string;
  /** Regular expression over the path. */
  path?: string;
  /** Page or pages of a list, from 1. */
  page?: number | number[];
  /** Attempt or attempts of the same request, from 1. */
  attempt?: number | number[];
  /** Only requests whose `limit` is at least this. */
  min_limit?: number;
  /** Only requests that have this text somewhere in their parameters. */
  params_contain?: string;
  /** Only sub-requests of a batch (true) or only others (false). */
  batched?: boolean;
}

/** A scripted failure. */
export interface FaultRule {
  /** Name of the rule; made up when absent. */
  id?: string;
  /** Which calls. */
  match?: FaultMatch;
  /** What happens. */
  action: FaultAction;
  /** Lets the first so many matching calls pass. */
  skip?: number;
  /** Acts at most so often; for ever when absent. */
  times?: number;
  /** Acts with this probability, drawn from `seed`. */
  probability?: number;
  /** Seed of the draw. */
  seed?: number;
}

/** What a fault is matched against. */
export interface FaultSubject {
  /** Route name. */
  route: string;
  /** Digits of the account, or `null`. */
  account: string | null;
  /** HTTP method. */
  method: string;
  /** Path. */
  path: string;
  /** Page, from 1. */
  page: number;
  /** Attempt, from 1. */
  attempt: number;
  /** The `limit` parameter. */
  limit: number;
  /** All parameters. */
  params: JsonRecord;
  /** True in a batch. */
  batched: boolean;
}

/** Actions that change the true answer and leave room for others. */
const ADDING: ReadonlySet<FaultAction["kind"]> = new Set(["slow", "hold", "headers", "report", "short_page", "pad"]);

interface Armed {
  id: string;
  rule: FaultRule;
  met: number;
  acted: number;
  removal: PromiseWithResolvers<void>;
}

/** What a rule does to a call. */
export interface ActingFault {
  /** The rule. */
  id: string;
  /** What happens. */
  action: FaultAction;
  /** Resolves when the rule is taken away. */
  removed: Promise<void>;
}

/** Holds the rules and finds those that act on a call. */
export class FaultBook {
  #rules: Armed[] = [];
  #made = 0;

  /** Adds a rule and returns its id. */
  add(rule: FaultRule): string {
    this.#made++;
    const id = rule.id ?? `fault-${this.#made}`;
    this.#rules.push({ id, rule, met: 0, acted: 0, removal: Promise.withResolvers() });
    return id;
  }

  /** Takes a rule away. */
  remove(id: string): void {
    const isMeant = (armed: Armed): boolean => armed.id === id;
    for (const { removal } of this.#rules.filter(isMeant)) removal.resolve();
    this.#rules = this.#rules.filter((armed) => !isMeant(armed));
  }

  /** Takes all rules away. */
  clear(): void {
    for (const { removal } of this.#rules) removal.resolve();
    this.#rules = [];
  }

  /** Tells how often each rule has met and acted. */
  list(): { id: string; rule: FaultRule; met: number; acted: number }[] {
    return this.#rules.map(({ id, rule, met, acted }) => ({ id, rule, met, acted }));
  }

  /**
   * Returns the actions for a call, in the order of the rules. Those that only change the true answer
   * add up; of all others the first acts, and later ones keep their count.
   */
  actionsFor(subject: FaultSubject): ActingFault[] {
    const actions: ActingFault[] = [];
    let decided = false;
    for (const armed of this.#rules) {
      const { rule } = armed;
      const adds = ADDING.has(rule.action.kind);
      if (decided && !adds) continue;
      if (rule.times !== undefined && armed.acted >= rule.times) continue;
      if (!meets(rule.match ?? {}, subject)) continue;
      armed.met++;
      if (armed.met <= (rule.skip ?? 0)) continue;
      if (rule.probability !== undefined && mix(rule.seed ?? 1, armed.met) / 2 ** 32 >= rule.probability) continue;
      armed.acted++;
      actions.push({ id: armed.id, action: rule.action, removed: armed.removal.promise });
      decided ||= !adds;
    }
    return actions;
  }
}

function oneOf(expected: number | number[], actual: number): boolean {
  return Array.isArray(expected) ? expected.includes(actual) : expected === actual;
}

function meets(match: FaultMatch, subject: FaultSubject): boolean {
  if (match.route !== undefined) {
    const routes = Array.isArray(match.route) ? match.route : [match.route];
    const fits = (route: string): boolean =>
      route.endsWith("*") ? subject.route.startsWith(route.slice(0, -1)) : subject.route === route;
    if (!routes.some(fits)) return false;
  }
  if (match.account !== undefined && match.account !== subject.account) return false;
  if (match.method !== undefined && match.method !== subject.method) return false;
  if (match.path !== undefined && !new RegExp(match.path).test(subject.path)) return false;
  if (match.page !== undefined && !oneOf(match.page, subject.page)) return false;
  if (match.attempt !== undefined && !oneOf(match.attempt, subject.attempt)) return false;
  if (match.min_limit !== undefined && subject.limit < match.min_limit) return false;
  if (match.params_contain !== undefined && !JSON.stringify(subject.params).includes(match.params_contain)) {
    return false;
  }
  return match.batched === undefined || match.batched === subject.batched;
}
