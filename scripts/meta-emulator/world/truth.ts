/**
 * What a perfect reader would know: the rows and sums that the world holds, straight from its figures and not through
 * any endpoint. Tests compare a database with these.
 * @module
 */

import { dayText, localDay, parseDay } from "../calendar.ts";
import { majorText } from "../decimal.ts";
import type { AdAccount } from "./account.ts";
import { dailyMetrics } from "./metrics.ts";

/** One ad on one local day. */
export interface TrueRow {
  /** Local day, `YYYY-MM-DD`. */
  date: string;
  /** Meta's id of the ad. */
  ad_id: string;
  /** Meta's id of its ad set. */
  adset_id: string;
  /** Meta's id of its campaign. */
  campaign_id: string;
  /** Spend as an exact decimal in major units. */
  spend: string;
  /** Spend in minor units. */
  spend_minor: number;
  /** Times shown. */
  impressions: number;
  /** All clicks. */
  clicks: number;
}

/** Lists every row of an account between two local days, both included, as it stands at `asOf`; the future has none. */
export function* trueRows(account: AdAccount, since: string, until: string, asOf: number): Generator<TrueRow> {
  const first = parseDay(since);
  const last = parseDay(until);
  if (first === undefined || last === undefined) throw new RangeError(`days are YYYY-MM-DD, found ${since}, ${until}`);
  const end = Math.min(last, localDay(account.plan.timezone_name, asOf));
  for (let day = first; day <= end; day++) {
    for (const ad of account.ads) {
      const metrics = dailyMetrics(account, ad, day, asOf);
      if (!metrics) continue;
      yield {
        date: dayText(day),
        ad_id: ad.id,
        adset_id: ad.adset.id,
        campaign_id: ad.adset.campaign.id,
        spend: majorText(metrics.spend, account.plan.currency),
        spend_minor: metrics.spend,
        impressions: metrics.impressions,
        clicks: metrics.clicks,
      };
    }
  }
}

/** Sums the spend of an account between two local days as an exact decimal in major units. */
export function trueSpend(account: AdAccount, since: string, until: string, asOf: number): string {
  let minor = 0;
  for (const row of trueRows(account, since, until, asOf)) minor += row.spend_minor;
  return majorText(minor, account.plan.currency);
}
