/**
 * The invented world behind the emulator: accounts, their trees and figures, and the changes a test makes to them.
 * Seed and instant are arguments; the machine's clock and randomness are never asked.
 * @module
 */

import { parseDay } from "../calendar.ts";
import type { JsonRecord, JsonValue } from "../json_value.ts";
import { type AccountPlan, AdAccount } from "./account.ts";
import type { Restatement } from "./figures.ts";
import type { AdTreeNode } from "./objects.ts";

/** How a restatement is asked for: days as text, the instant optional. */
export interface RestatementRequest extends Omit<Restatement, "at" | "since" | "until"> {
  /** Digits of the account. */
  account_id: string;
  /** First local day, `YYYY-MM-DD`. */
  since: string;
  /** Last local day, `YYYY-MM-DD`; `since` when absent. */
  until?: string;
  /** Epoch milliseconds from which it holds; at once when absent. */
  at?: number;
}

/** What a world is made of. */
export interface WorldOptions {
  /** Any integer; the same seed gives the same world. */
  seed?: number;
  /** The instant at which the world is looked at first; ages count back from it. */
  now: Date;
  /** The accounts. */
  accounts: AccountPlan[];
  /** Pixels that receive events. */
  pixels?: string[];
}

/** All data of the emulator. */
export class World {
  /** Seed of everything generated. */
  readonly seed: number;
  /** The accounts, in the order of `me/adaccounts`. */
  readonly accounts: AdAccount[];
  /** Pixel ids that exist. */
  readonly pixels: Set<string>;
  /** Gives each action list a second entry of one `action_type`, as breakdowns do. */
  repeatedActionTypes = true;
  /** Action types that Meta began to send yesterday: listed in every row beside the known ones. */
  extraActionTypes: string[] = [];
  /** Fields that every read refuses as nonexistent, to act a schema that drifts. */
  readonly refusedFields: Set<string> = new Set();
  #revision = 0;

  /** Plans a world. Trees are made when first read. */
  constructor(options: WorldOptions) {
    this.seed = options.seed ?? 20_261_122;
    const baseMs = options.now.getTime();
    this.accounts = options.accounts.map((plan, seq) => new AdAccount(seq, plan, this.seed, baseMs));
    this.pixels = new Set(options.pixels ?? ["1234567890123456"]);
  }

  /** Grows with every change, so that computed answers are not kept too long. */
  get revision(): number {
    return this.#revision;
  }

  /** Tells the world that a test changed a record in place. */
  touch(): void {
    this.#revision++;
  }

  /** Finds an account by its digits, with or without `act_`. */
  account(id: string): AdAccount | undefined {
    const digits = id.replace(/^act_/, "");
    return this.accounts.find((account) => account.plan.account_id === digits);
  }

  /** Finds the account of an id of the ad tree. */
  accountOf(id: string): AdAccount | undefined {
    return /^1202[1-4]\d{13}$/.test(id) ? this.accounts[Number(id.slice(5, 9))] : undefined;
  }

  /** Finds a campaign, ad set or ad. */
  find(id: string): AdTreeNode | undefined {
    return this.accountOf(id)?.find(id);
  }

  /**
   * Changes an object as a marketer (or Meta) would. `nowMs` moves its `updated_time`; `null` leaves that alone.
   * `name`, `status`, `review`, `hidden`, `unreadable`, `first_day`, `last_day`, `daily_budget`, `lifetime_budget` are
   * the object's own; every other key is a Meta field to answer with (`null` leaves it out).
   */
  edit(id: string, changes: JsonRecord, nowMs: number | null): AdTreeNode {
    const node = this.find(id);
    if (!node) throw new RangeError(`no object ${id} in this world`);
    for (const [key, value] of Object.entries(changes)) editOne(node, key, value);
    if (nowMs !== null) node.updated = Math.floor(nowMs / 1000);
    this.touch();
    return node;
  }

  /** Restates figures from an instant on. */
  restate(request: RestatementRequest, nowMs: number): Restatement {
    const account = this.account(request.account_id);
    const since = parseDay(request.since);
    const until = parseDay(request.until ?? request.since);
    if (!account || since === undefined || until === undefined) {
      throw new RangeError(`restatement needs a known account and days, found ${JSON.stringify(request)}`);
    }
    const { account_id: _account, since: _since, until: _until, at, ...rest } = request;
    const rule: Restatement = { ...rest, at: at ?? nowMs, since, until };
    account.restatements.push(rule);
    this.touch();
    return rule;
  }
}

function editOne(node: AdTreeNode, key: string, value: JsonValue): void {
  const text = typeof value === "string" ? value : null;
  if ((key === "name" || key === "status") && text !== null) node[key] = text;
  else if (key === "review") node.review = text;
  else if (key === "hidden" || key === "unreadable") node[key] = value === true;
  else if ((key === "daily_budget" || key === "lifetime_budget") && node.kind !== "ad") node[key] = text;
  else if ((key === "first_day" || key === "last_day") && node.kind === "ad" && typeof value === "number") {
    node[key] = value;
  } else node.extra[key] = value;
}
