/**
 * From Meta's usage headers to what the database keeps and to the brake: which quota to leave alone before Meta blocks
 * it. Meta calls made while blocked prolong the block, so stopping early is cheaper than being stopped.
 *
 * @module
 */

import type { Throttle, UsageRow } from "../database/sync_jobs.ts";
import type { UsageReading } from "../errors.ts";
import { decideBrakes } from "../meta/usage_headers.ts";

/** Key of the one app whose tokens we use, in `fb_ads.quotas`. */
const APP_KEY = "default";

/** Turns readings into rows of `fb_ads.quotas`; readings without an owner are left out. */
export function buildUsageRows(readings: readonly UsageReading[]): UsageRow[] {
  return readings.flatMap((reading): UsageRow[] => {
    const isApp = isOfApp(reading);
    const key = isApp ? APP_KEY : reading.key;
    if (key === null) return [];
    return [{
      scope: isApp ? "app" : "account",
      key,
      use_case: businessUseCaseOf(reading),
      usage_percent: reading.pct,
      regain_seconds: reading.regain_seconds,
      access_tier: reading.tier ?? null,
    }];
  });
}

function isOfApp({ scope }: UsageReading): boolean {
  return scope === "app" || scope === "insights_app";
}

function businessUseCaseOf(reading: UsageReading): string {
  if (reading.scope === "business_use_case") return reading.type ?? "";
  return reading.scope === "insights_app" || reading.scope === "insights_account" ? "ads_insights" : "";
}

/** Options of `decideThrottle`. */
export interface BrakeScope {
  /** The account that was asked about; null for the discovery of accounts. */
  fb_account_id: string | null;
  /** The use case that the call spent. */
  use_case: "ads_management" | "ads_insights";
  /** The present instant. */
  now: Date;
  /** Percent from which on to stay away. */
  threshold: number;
  /** How fast the quotas rise. */
  rises?: UsageRises;
}

/**
 * How much each quota rises between two readings of one account's calls, at most. Others call at the same time, so what
 * the last rise was is what the next call may find; and what the app's quota rose by for one account, the first call
 * of another may find.
 */
export class UsageRises {
  #last = new Map<string, number>();
  #rises = new Map<string, number>();

  /** Keeps what an answer of the account's says. */
  note(fb_account_id: string | null, readings: readonly UsageReading[]): void {
    for (const reading of readings) {
      const last = keyOf(fb_account_id, reading);
      const shared = riseKeyOf(fb_account_id, reading);
      const rise = reading.pct - (this.#last.get(last) ?? reading.pct);
      this.#rises.set(shared, Math.max(this.#rises.get(shared) ?? 0, rise));
      this.#last.set(last, reading.pct);
    }
  }

  /** The largest rise so far, in per cent; 0 after the first reading. */
  of(fb_account_id: string | null, reading: UsageReading): number {
    return this.#rises.get(riseKeyOf(fb_account_id, reading)) ?? 0;
  }
}

function riseKeyOf(fb_account_id: string | null, reading: UsageReading): string {
  return keyOf(isOfApp(reading) ? null : fb_account_id, reading);
}

function keyOf(fb_account_id: string | null, { scope, key, type }: UsageReading): string {
  return [fb_account_id, scope, key, type].join("/");
}

/**
 * Whether to throttle after a good answer, and how long. Headers speak of other use cases, and sometimes of other
 * accounts, too: only what this very call spends counts. A key that is no account of ours may be the business that owns
 * it.
 */
export function decideThrottle(readings: readonly UsageReading[], scope: BrakeScope): Throttle | null {
  const names_account = readings.some((reading) => reading.key !== null && reading.key === scope.fb_account_id);
  const relevant = readings.filter((reading) => {
    const use_case = businessUseCaseOf(reading);
    if (use_case !== "" && use_case !== scope.use_case) return false;
    if (isOfApp(reading)) return true;
    if (scope.fb_account_id === null) return false;
    return !names_account || reading.key === null || reading.key === scope.fb_account_id;
  });
  const riseOf = (reading: UsageReading) => scope.rises?.of(scope.fb_account_id, reading) ?? 0;
  const throttles = decideBrakes(relevant, scope.now, { threshold: scope.threshold, riseOf }).map((
    brake,
  ): Throttle => ({
    scope: isOfApp(brake.reading) ? "app" : "account",
    use_case: businessUseCaseOf(brake.reading),
    seconds: Math.ceil((brake.until.getTime() - scope.now.getTime()) / 1000),
    is_window: brake.is_window,
    error: null,
  }));
  // An app-wide limit outweighs an account's; among equals the longest counts.
  throttles.sort((a, b) => Number(b.scope === "app") - Number(a.scope === "app") || b.seconds - a.seconds);
  return throttles[0] ?? null;
}
