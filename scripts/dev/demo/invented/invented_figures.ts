/**
 * What each invented ad does on a day, by how many days ago it was. Meta's figures and the shop's sales are worked out
 * from the same plan, so the two agree as far as they can.
 *
 * @module
 */

import type { DailyMetrics } from "../../../meta-emulator/mod.ts";
import type { AdPlan } from "./invented_ads.ts";

/** Today is not over. */
const PART_OF_TODAY = .3;

/** How a day compares with an ordinary one: a weekly wave, and a smaller one of each ad's own. */
function strength(ad: AdPlan, days_ago: number): number {
  const wave = 1 + .16 * Math.sin(days_ago * 2 * Math.PI / 7) + .09 * Math.sin(days_ago * 1.9 + ad.name.length);
  return days_ago === 0 ? wave * PART_OF_TODAY : wave;
}

const isRunning = (ad: AdPlan, days_ago: number): boolean => days_ago <= ad.from && days_ago >= ad.until;

function spendOf(ad: AdPlan, days_ago: number): number {
  return isRunning(ad, days_ago) ? ad.spend * strength(ad, days_ago) : 0;
}

/** Clicks on the ad's link on a day. */
export function linkClicksOn(ad: AdPlan, days_ago: number): number {
  return Math.round(spendOf(ad, days_ago) / ad.link_click);
}

/** The whole things of a day, where parts of one are carried on to the next. */
function wholeOn(ad: AdPlan, days_ago: number, rate: number): number {
  let before = 0;
  for (let day = ad.from; day > days_ago; day--) before += linkClicksOn(ad, day) * rate;
  return Math.floor(before + linkClicksOn(ad, days_ago) * rate) - Math.floor(before);
}

/** Sales whose click fell on a day. Those of today are played live. */
export function salesOn(ad: AdPlan, days_ago: number): number {
  return days_ago === 0 ? 0 : wholeOn(ad, days_ago, ad.conversion);
}

/** What Meta reports of a day, in minor units; null where the ad did not run. */
export function figuresOn(ad: AdPlan, days_ago: number, minor_units: number): DailyMetrics | null {
  if (!isRunning(ad, days_ago)) return null;
  const link_clicks = linkClicksOn(ad, days_ago);
  const impressions = Math.round(link_clicks / ad.link_ctr);
  const purchases = wholeOn(ad, days_ago, ad.conversion * ad.claimed);
  return {
    spend: Math.round(spendOf(ad, days_ago)) * minor_units,
    impressions,
    clicks: Math.round(link_clicks * 1.45),
    reach: Math.round(impressions / (1.1 + ad.link_ctr * 20)),
    inline_link_clicks: link_clicks,
    purchases,
    purchase_value: purchases * ad.price * minor_units,
  };
}
