/**
 * Meta's quotas per ad account and use case: the documented formulas times a factor, regenerating over an hour of the
 * clock, with blocks that calls during the block prolong; and the older score per ad account.
 * https://developers.facebook.com/docs/marketing-api/overview/rate-limiting
 * @module
 */

import type { EmulatorClock } from "./clock.ts";
import { refusal } from "./error_catalogue.ts";
import type { Settings } from "./settings.ts";
import type { AdAccount } from "./world/account.ts";
import type { World } from "./world/world.ts";

/** Use cases that have a quota of their own. */
export type UseCase = "ads_insights" | "ads_management";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const SCORE_DECAY_MS = 300_000;
const CALLS = {
  ads_insights: { development_access: 600, standard_access: 190_000, per_ad: 400, code: "80000/2446079" },
  ads_management: { development_access: 300, standard_access: 100_000, per_ad: 40, code: "80004/2446079" },
} as const;
const MAX_SCORE = { development_access: 60, standard_access: 9000 } as const;
const CALLS_PER_APP_USER = 200;

interface Meter {
  calls: number;
  /** When each call of the last hour came, for a rolling hour. */
  times: number[];
  cpu: number;
  at: number;
  blockedUntil: number;
}

interface Score {
  points: number;
  at: number;
  blockedUntil: number;
}

/** One entry of the business-use-case header. */
export interface UsageEntry {
  /** Use case. */
  type: string;
  /** Per cent of the calls. */
  call_count: number;
  /** Per cent of the CPU time. */
  total_cputime: number;
  /** Per cent of the wall time. */
  total_time: number;
  /** Minutes; 0 while calls are let in. */
  estimated_time_to_regain_access: number;
  /** Tier of the app. */
  ads_api_access_tier: string;
}

/** Counts calls against quotas and refuses those that are over them. */
export class QuotaModel {
  readonly #meters = new Map<string, Meter>();
  readonly #scores = new Map<string, Score>();
  readonly #activeAds = new Map<string, { revision: number; count: number }>();
  #app: { calls: number; times: number[]; at: number } = { calls: 0, times: [], at: 0 };
  readonly #world: () => World;
  readonly #settings: Settings;
  readonly #clock: EmulatorClock;

  /** Measures against `settings.quota`. */
  constructor(world: () => World, settings: Settings, clock: EmulatorClock) {
    this.#world = world;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Forgets all use and all blocks. */
  reset(): void {
    this.#meters.clear();
    this.#scores.clear();
    this.#app = { calls: 0, times: [], at: 0 };
  }

  /** Sets an account's use in per cent, to start a test close to a limit. */
  setUse(account: AdAccount, useCase: UseCase, percent: number): void {
    const meter = this.#meter(account, useCase);
    meter.calls = this.limit(account, useCase) * percent / 100;
  }

  /** Returns the calls that an account may make in an hour. */
  limit(account: AdAccount, useCase: UseCase): number {
    const { tier, scale } = this.#settings.quota;
    const revision = this.#world().revision;
    const known = this.#activeAds.get(account.plan.account_id);
    const count = known?.revision === revision ? known.count : account.activeAds();
    this.#activeAds.set(account.plan.account_id, { revision, count });
    return Math.max(1, (CALLS[useCase][tier] + CALLS[useCase].per_ad * count) * scale);
  }

  /** Counts one call of the app; refuses it past 200 calls an hour for each of its users. */
  chargeApp(): void {
    const now = this.#clock.now();
    this.#app.calls = Math.max(0, this.#app.calls - this.#appLimit() * (now - this.#app.at) / HOUR_MS) + 1;
    this.#app.at = now;
    this.#count(this.#app, now);
    if (this.#settings.quota.enforced && this.#app.calls > this.#appLimit()) throw refusal("4");
  }

  /** Counts one call of an account; refuses it when the account is blocked or becomes so. */
  charge(account: AdAccount, useCase: UseCase, points: number): void {
    const { enforced, score_enforced, block_minutes, prolong_minutes } = this.#settings.quota;
    const now = this.#clock.now();
    const meter = this.#meter(account, useCase);
    meter.calls++;
    this.#count(meter, now);
    if (enforced && now < meter.blockedUntil) {
      meter.blockedUntil += prolong_minutes * MINUTE_MS;
      throw refusal(CALLS[useCase].code);
    }
    if (enforced && (meter.calls > this.limit(account, useCase) || meter.cpu > 100)) {
      meter.blockedUntil = now + block_minutes * MINUTE_MS;
      throw refusal(CALLS[useCase].code);
    }
    const score = this.#score(account);
    score.points += points;
    if (!score_enforced) return;
    if (now < score.blockedUntil) {
      score.blockedUntil += prolong_minutes * MINUTE_MS;
      throw refusal("17/2446079");
    }
    if (score.points > MAX_SCORE[this.#settings.quota.tier]) {
      score.blockedUntil = now + SCORE_DECAY_MS;
      throw refusal("17/2446079");
    }
  }

  #count(meter: { calls: number; times: number[] }, now: number): void {
    if (!this.#settings.quota.rolling) return;
    meter.times.push(now);
    this.#roll(meter, now);
  }

  #roll(meter: { calls: number; times: number[] }, now: number): void {
    meter.times = meter.times.filter((time) => time > now - HOUR_MS);
    meter.calls = meter.times.length;
  }

  /** Counts the work that an answer took. */
  chargeRows(account: AdAccount, useCase: UseCase, rows: number): void {
    this.#meter(account, useCase).cpu += rows * this.#settings.quota.cpu_per_1000_rows / 1000;
  }

  /** Returns the entry of a use case as the header tells it. */
  entry(account: AdAccount, useCase: UseCase): UsageEntry {
    const meter = this.#meter(account, useCase);
    const left = Math.max(0, meter.blockedUntil - this.#clock.now());
    return {
      type: useCase,
      call_count: Math.floor(meter.calls * 100 / this.limit(account, useCase)),
      total_cputime: Math.floor(meter.cpu),
      total_time: Math.floor(meter.cpu * 1.2),
      estimated_time_to_regain_access: Math.ceil(left / MINUTE_MS),
      ads_api_access_tier: this.#settings.quota.tier,
    };
  }

  /** Returns the score of an account in per cent, and the seconds until it is let in again. */
  accountScore(account: AdAccount): { percent: number; reset_seconds: number } {
    const score = this.#score(account);
    const tier = this.#settings.quota.score_enforced ? this.#settings.quota.tier : "standard_access";
    return {
      percent: Math.round(score.points * 10_000 / MAX_SCORE[tier]) / 100,
      reset_seconds: Math.ceil(Math.max(0, score.blockedUntil - this.#clock.now()) / 1000),
    };
  }

  /** Returns the use of the app's own limit in per cent. */
  appPercent(): number {
    return Math.floor(this.#app.calls * 100 / this.#appLimit());
  }

  #appLimit(): number {
    return Math.max(1, CALLS_PER_APP_USER * this.#settings.quota.app_users);
  }

  #meter(account: AdAccount, useCase: UseCase): Meter {
    const key = `${account.plan.account_id}/${useCase}`;
    const now = this.#clock.now();
    const meter = this.#meters.get(key) ?? { calls: 0, times: [], cpu: 0, at: now, blockedUntil: 0 };
    const share = Math.max(0, now - meter.at) / HOUR_MS;
    if (share > 0) {
      meter.calls = Math.max(0, meter.calls - this.limit(account, useCase) * share);
      meter.cpu = Math.max(0, meter.cpu - 100 * share);
      meter.at = now;
    }
    if (this.#settings.quota.rolling) this.#roll(meter, now);
    this.#meters.set(key, meter);
    return meter;
  }

  #score(account: AdAccount): Score {
    const now = this.#clock.now();
    const score = this.#scores.get(account.plan.account_id) ?? { points: 0, at: now, blockedUntil: 0 };
    score.points = Math.max(0, score.points - MAX_SCORE[this.#settings.quota.tier] * (now - score.at) / SCORE_DECAY_MS);
    score.at = now;
    this.#scores.set(account.plan.account_id, score);
    return score;
  }
}
