/**
 * Breakdowns: which may be combined, what rows they make of one, and which give none. Spend and counts are shared out
 * to the last unit; reach is not, for one person is reached in several places.
 * https://developers.facebook.com/docs/marketing-api/insights/breakdowns
 * @module
 */

import { monthsBefore } from "../calendar.ts";
import { refusal } from "../error_catalogue.ts";
import { invalidParameter } from "../graph_error.ts";
import type { AdAccount } from "../world/account.ts";
import type { DailyMetrics } from "../world/figures.ts";

/** One value of a breakdown, or one combination of values, and its part of the whole. */
interface Slice {
  values: Record<string, string>;
  weight: number;
}

const HOURS = Array.from({ length: 24 }, (_, hour) => {
  const text = String(hour).padStart(2, "0");
  return [`${text}:00:00 - ${text}:59:59`, 1 + hour % 6] as [string, number];
});
const POSITIONS: Record<string, [position: string, weight: number][]> = {
  facebook: [["feed", 60], ["facebook_reels", 30], ["marketplace", 10]],
  instagram: [["feed", 40], ["instagram_reels", 35], ["instagram_stories", 25]],
  audience_network: [["an_classic", 100]],
  messenger: [["messenger_inbox", 100]],
};
const DIMENSIONS: Record<string, [value: string, weight: number][]> = {
  age: [["18-24", 20], ["25-34", 35], ["35-44", 25], ["45-54", 12], ["55-64", 5], ["65+", 3]],
  gender: [["female", 55], ["male", 43], ["unknown", 2]],
  country: [["ID", 60], ["PH", 30], ["SG", 10]],
  region: [["West Java", 45], ["Jakarta", 35], ["Metro Manila", 20]],
  comscore_market: [["Los Angeles", 70], ["New York", 30]],
  publisher_platform: [["facebook", 60], ["instagram", 35], ["audience_network", 4], ["messenger", 1]],
  // Only beside its platform, which decides its values.
  platform_position: [],
  device_platform: [["mobile_app", 80], ["mobile_web", 12], ["desktop", 8]],
  impression_device: [["android_smartphone", 65], ["iphone", 30], ["desktop", 5]],
  frequency_value: [["1", 60], ["2", 25], ["3", 10], ["4", 5]],
  hourly_stats_aggregated_by_advertiser_time_zone: HOURS,
  hourly_stats_aggregated_by_audience_time_zone: HOURS,
};
/** What may be asked for together; one alone always, but for the position. */
const COMBINATIONS = [
  "age,gender",
  "country,region",
  "platform_position,publisher_platform",
  "device_platform,publisher_platform",
  "device_platform,platform_position,publisher_platform",
  "impression_device,publisher_platform",
  "impression_device,platform_position,publisher_platform",
  "age,country",
  "country,gender",
  "age,country,gender",
];
/** Since August 2026 these give no rows until they are switched on for the ad account. */
const OPT_IN = ["impression_device", "hourly_stats_aggregated_by_audience_time_zone", "frequency_value"];
/** Months for which Meta tells reach by a breakdown, and hours; and how often people were reached. */
const HOURLY_MONTHS = 13;
const REACH_MONTHS = 13;
const FREQUENCY_MONTHS = 6;

/** Checks the names and their combination, and returns them sorted. */
export function readBreakdowns(names: string[]): string[] {
  const unknown = names.find((name) => !Object.hasOwn(DIMENSIONS, name));
  if (unknown !== undefined) {
    const known = Object.keys(DIMENSIONS).join(", ");
    throw invalidParameter(`Param breakdowns[0] must be one of {${known}} - got "${unknown}".`);
  }
  const sorted = [...new Set(names)].sort();
  const isAllowed = sorted.length < 2 ? sorted[0] !== "platform_position" : COMBINATIONS.includes(sorted.join(","));
  if (!isAllowed) throw refusal("2/1504041");
  return sorted;
}

/** Tells whether an account gets rows at all: some breakdowns must be switched on for it. */
export function isSwitchedOn(account: AdAccount, names: string[], switchedOn: Record<string, string[]>): boolean {
  const own = switchedOn[account.plan.account_id] ?? [];
  return names.every((name) => !OPT_IN.includes(name) || own.includes(name));
}

/** Tells whether Meta still keeps a day so finely. */
export function isKept(names: string[], day: number, today: number): boolean {
  const months = names.includes("frequency_value")
    ? FREQUENCY_MONTHS
    : names.some((name) => name.startsWith("hourly_"))
    ? HOURLY_MONTHS
    : null;
  return months === null || day >= monthsBefore(today, months);
}

/** Tells whether Meta still tells reach by a breakdown for a row that begins on a day. */
export function tellsReach(names: string[], day: number, today: number): boolean {
  return names.length === 0 || day >= monthsBefore(today, REACH_MONTHS);
}

function slicesOf(names: string[]): Slice[] {
  let slices: Slice[] = [{ values: {}, weight: 1 }];
  // The platform first: the position depends on it.
  for (const name of [...names].sort((left, right) => right.localeCompare(left))) {
    slices = slices.flatMap(({ values, weight }) => {
      const dimension = name === "platform_position"
        ? POSITIONS[values["publisher_platform"] ?? ""] ?? []
        : DIMENSIONS[name] ?? [];
      return dimension.map(([value, part]) => ({ values: { ...values, [name]: value }, weight: weight * part }));
    });
  }
  return slices;
}

function shareOut(total: number, slices: Slice[], whole: number): number[] {
  const parts = slices.map(({ weight }) => Math.floor(total * weight / whole));
  const rest = total - parts.reduce((sum, part) => sum + part, 0);
  return parts.map((part, index) => index === 0 ? part + rest : part);
}

/** Shares the figures of a row out; what has nothing to tell has no row. */
export function breakDown(
  metrics: DailyMetrics,
  names: string[],
): { values: Record<string, string>; metrics: DailyMetrics }[] {
  const slices = slicesOf(names);
  const whole = slices.reduce((sum, { weight }) => sum + weight, 0);
  const shared: Record<keyof DailyMetrics, number[]> = {
    spend: shareOut(metrics.spend, slices, whole),
    impressions: shareOut(metrics.impressions, slices, whole),
    clicks: shareOut(metrics.clicks, slices, whole),
    reach: slices.map(({ weight }) => Math.ceil(metrics.reach * weight / whole)),
    inline_link_clicks: shareOut(metrics.inline_link_clicks, slices, whole),
    purchases: shareOut(metrics.purchases, slices, whole),
    purchase_value: shareOut(metrics.purchase_value, slices, whole),
  };
  return slices.map(({ values }, index) => ({
    values,
    metrics: {
      spend: shared.spend[index] ?? 0,
      impressions: shared.impressions[index] ?? 0,
      clicks: shared.clicks[index] ?? 0,
      reach: shared.reach[index] ?? 0,
      inline_link_clicks: shared.inline_link_clicks[index] ?? 0,
      purchases: shared.purchases[index] ?? 0,
      purchase_value: shared.purchase_value[index] ?? 0,
    },
  })).filter(({ metrics: part }) => part.impressions > 0 || part.spend > 0 || part.purchases > 0);
}
