/**
 * Daily figures of an ad: a pure function of seed, ad and the day's distance from the world's today, changed by the
 * account's restatements up to an instant. A world therefore looks the same on whichever day it is made.
 * Amounts are whole minor units; nothing here is ever a fraction.
 * @module
 */

import { mix } from "../random.ts";
import type { AdAccount } from "./account.ts";
import type { DailyMetrics, Restatement } from "./figures.ts";
import type { AdNode } from "./objects.ts";

/** How many minor units one unit of generated spend is worth, so that amounts look real in each currency. */
const SPEND_SCALE: Record<string, number> = { IDR: 157, PHP: 56, JPY: 2, NZD: 2, USD: 1 };

const NOTHING: DailyMetrics = {
  spend: 0,
  impressions: 0,
  clicks: 0,
  reach: 0,
  inline_link_clicks: 0,
  purchases: 0,
  purchase_value: 0,
};

/** Adds two sets of figures. */
export function addMetrics(left: DailyMetrics, right: DailyMetrics): DailyMetrics {
  return {
    spend: left.spend + right.spend,
    impressions: left.impressions + right.impressions,
    clicks: left.clicks + right.clicks,
    reach: left.reach + right.reach,
    inline_link_clicks: left.inline_link_clicks + right.inline_link_clicks,
    purchases: left.purchases + right.purchases,
    purchase_value: left.purchase_value + right.purchase_value,
  };
}

/** What is drawn of an ad's day. The date itself never goes in, only how many days before today it is. */
function draw(account: AdAccount, ad: AdNode, day: number, purpose: number): number {
  return mix(account.seed, ad.seq, account.today - day, purpose);
}

function generated(account: AdAccount, ad: AdNode, day: number): DailyMetrics {
  const given = ad.figures?.(account.today - day);
  if (given) return given;
  const roll = draw(account, ad, day, 2);
  const scale = SPEND_SCALE[account.plan.currency] ?? 1;
  // One row in 37 is shown without being paid for: a spend of zero is a figure, not the absence of one.
  const spend = roll % 37 === 0 ? 0 : (100 + roll % 19_900) * scale;
  const impressions = 200 + draw(account, ad, day, 3) % 60_000;
  const clicks = Math.floor(impressions * (2 + roll % 28) / 1000);
  const purchases = roll % 4 === 0 ? 1 + roll % 3 : 0;
  return {
    spend,
    impressions,
    clicks,
    reach: Math.floor(impressions * (55 + roll % 40) / 100),
    inline_link_clicks: Math.floor(clicks * 7 / 10),
    purchases,
    purchase_value: purchases * (990 + roll % 9000) * scale,
  };
}

/** Tells whether the ad has a row on a day, before any restatement. */
function delivers(account: AdAccount, ad: AdNode, day: number): boolean {
  if (ad.figures) return ad.figures(account.today - day) !== null;
  if (day < ad.first_day || day > ad.last_day) return false;
  return draw(account, ad, day, 1) % 100 < account.plan.density;
}

function concerns(rule: Restatement, account: AdAccount, ad: AdNode, day: number, asOf: number): boolean {
  if (rule.at > asOf || day < rule.since || day > rule.until) return false;
  if (rule.ad_ids && !rule.ad_ids.includes(ad.id)) return false;
  return rule.every === undefined || draw(account, ad, day, 9) % rule.every === 0;
}

/** Returns the figures of an ad on a local day as they stand at `asOf`, or `null` where Meta has no row. */
export function dailyMetrics(account: AdAccount, ad: AdNode, day: number, asOf: number): DailyMetrics | null {
  let metrics = delivers(account, ad, day) ? generated(account, ad, day) : null;
  for (const rule of account.restatements) {
    if (!concerns(rule, account, ad, day, asOf)) continue;
    if (rule.vanish) metrics = null;
    if (rule.set) metrics = { ...(metrics ?? NOTHING), ...rule.set };
    if (metrics === null) continue;
    const spend = Math.floor(metrics.spend * (rule.percent ?? 100) / 100) + (rule.add_spend ?? 0);
    metrics = { ...metrics, spend };
  }
  return metrics;
}

/** Tells cheaply whether a row exists, without computing its figures. */
export function hasRow(account: AdAccount, ad: AdNode, day: number, asOf: number): boolean {
  if (account.restatements.length === 0) return delivers(account, ad, day);
  return dailyMetrics(account, ad, day, asOf) !== null;
}
