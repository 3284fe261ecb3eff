/**
 * Meta's usage headers, which come with every answer, errors included: four shapes, three units, lists whose worst
 * entry is not always the first. Malformed ones are ignored. `decideBrakes` says until when to stay away before Meta
 * blocks.
 * https://developers.facebook.com/docs/graph-api/overview/rate-limiting#headers
 *
 * @module
 */

import type { UsageReading } from "../errors.ts";

export type { UsageReading } from "../errors.ts";

type JsonObject = Record<string, unknown>;

const MAX_REGAIN_SECONDS = 604_800;

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses one header as a JSON object; null when it is missing or malformed. */
function decodeHeader(headers: Headers, name: string): JsonObject | null {
  const text = headers.get(name);
  if (text === null) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

/** A number that is one (Meta also quotes them); null for everything else. */
function decodeNumber(value: unknown): number | null {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number >= 0 ? number : null;
}

function worst(values: unknown[]): number | null {
  const numbers = values.map(decodeNumber).filter((value) => value !== null);
  return numbers.length === 0 ? null : Math.max(...numbers);
}

/** A word of Meta's own vocabulary; null for everything else, so that nothing odd reaches the database. */
function wordOf(value: unknown): string | null {
  return typeof value === "string" && /^\w{1,64}$/.test(value) ? value : null;
}

/** A time that Meta names, in seconds; longer than a week it is no time to wait. */
function secondsOf(value: unknown, unit_seconds: number): number {
  return Math.min((decodeNumber(value) ?? 0) * unit_seconds, MAX_REGAIN_SECONDS);
}

function tierOf(entry: JsonObject): { tier: string } | Record<never, never> {
  const tier = wordOf(entry.ads_api_access_tier);
  return tier === null ? {} : { tier };
}

function readApp(headers: Headers): UsageReading[] {
  const usage = decodeHeader(headers, "x-app-usage");
  const pct = usage === null ? null : worst([usage.call_count, usage.total_time, usage.total_cputime]);
  return pct === null ? [] : [{ scope: "app", key: null, pct, regain_seconds: 0 }];
}

function readAccount(headers: Headers, fb_account_id: string | null): UsageReading[] {
  const usage = decodeHeader(headers, "x-ad-account-usage");
  const pct = usage === null ? null : decodeNumber(usage.acc_id_util_pct);
  if (usage === null || pct === null) return [];
  const regain_seconds = secondsOf(usage.reset_time_duration, 1);
  return [{ scope: "account", key: fb_account_id, pct, regain_seconds, ...tierOf(usage) }];
}

/** One reading per key and use case: the worst of its entries. */
function readBusinessUseCases(headers: Headers): UsageReading[] {
  const usage = decodeHeader(headers, "x-business-use-case-usage") ?? {};
  const readings = new Map<string, UsageReading>();
  for (const [name, list] of Object.entries(usage)) {
    const key = name.replace(/^act_/, "");
    if (!/^\d{1,30}$/.test(key)) continue;
    for (const entry of Array.isArray(list) ? list : []) {
      if (!isObject(entry)) continue;
      const pct = worst([entry.call_count, entry.total_time, entry.total_cputime]);
      // This one is in minutes, unlike every other time that Meta sends.
      const regain_seconds = secondsOf(entry.estimated_time_to_regain_access, 60);
      if (pct === null && regain_seconds === 0) continue;
      const type = wordOf(entry.type) ?? "unknown";
      const before = readings.get(`${key} ${type}`);
      readings.set(`${key} ${type}`, {
        scope: "business_use_case",
        key,
        type,
        pct: Math.max(pct ?? 0, before?.pct ?? 0),
        regain_seconds: Math.max(regain_seconds, before?.regain_seconds ?? 0),
        ...(before?.tier === undefined ? {} : { tier: before.tier }),
        ...tierOf(entry),
      });
    }
  }
  return [...readings.values()];
}

function readInsights(headers: Headers, fb_account_id: string | null): UsageReading[] {
  const throttles = ["x-fb-ads-insights-throttle", "x-fb-ads-insights-reach-throttle"]
    .map((name) => decodeHeader(headers, name)).filter((usage) => usage !== null);
  const app = worst(throttles.map((usage) => usage.app_id_util_pct));
  const account = worst(throttles.map((usage) => usage.acc_id_util_pct));
  const tier = throttles.map(tierOf).find((found) => "tier" in found) ?? {};
  const readings: UsageReading[] = [];
  if (app !== null) readings.push({ scope: "insights_app", key: null, pct: app, regain_seconds: 0, ...tier });
  if (account !== null) {
    readings.push({ scope: "insights_account", key: fb_account_id, pct: account, regain_seconds: 0, ...tier });
  }
  return readings;
}

/**
 * Reads all usage headers of one answer.
 *
 * @param fb_account_id Whom the call was about, for the headers that do not say.
 */
export function parseUsageHeaders(headers: Headers, fb_account_id: string | null = null): UsageReading[] {
  return [
    ...readApp(headers),
    ...readAccount(headers, fb_account_id),
    ...readBusinessUseCases(headers),
    ...readInsights(headers, fb_account_id),
  ];
}

/** Options of the brake. */
export interface BrakeOptions {
  /** Percentage from which on to stay away. @default 90 */
  threshold?: number;
  /** By how many per cent a limit rose between two readings: what the next call may find. @default none */
  riseOf?: (reading: UsageReading) => number;
  /** Seconds beyond which no header is believed. @default 86_400 */
  max_seconds?: number;
}

/** A limit that is nearly or wholly used up. */
export interface Brake {
  /** The reading that calls for it. */
  reading: UsageReading;
  /** No call under this limit before then. */
  until: Date;
  /** Meta named no time: it is the whole window, as if all was used just now. */
  is_window: boolean;
}

/**
 * Over how many seconds a limit counts: a rolling hour for an app and a use case; the older scores decay in minutes.
 */
const WINDOW_SECONDS: Readonly<Record<UsageReading["scope"], number>> = {
  app: 3_600,
  business_use_case: 3_600,
  account: 300,
  insights_app: 300,
  insights_account: 300,
};

/** Which limits call for a pause, and until when. A use case with a regain time is blocked whatever its percentage. */
export function decideBrakes(readings: readonly UsageReading[], now: Date, options: BrakeOptions = {}): Brake[] {
  const { threshold = 90, max_seconds = 86_400, riseOf = () => 0 } = options;
  const brakes: Brake[] = [];
  for (const reading of readings) {
    // An account's reset time is always there; it is the length of the window, not a block.
    const isBlocked = reading.scope === "business_use_case" && reading.regain_seconds > 0;
    if (reading.pct < threshold && reading.pct + riseOf(reading) < 100 && !isBlocked) continue;
    // What was used comes back when the window has passed; a call before that only uses up what is left.
    const is_window = reading.regain_seconds === 0;
    const seconds = is_window ? WINDOW_SECONDS[reading.scope] : Math.max(reading.regain_seconds, 60);
    brakes.push({ reading, until: new Date(now.getTime() + Math.min(seconds, max_seconds) * 1000), is_window });
  }
  return brakes;
}
