/**
 * The invented shop's ad accounts as Meta shows them.
 *
 * @module
 */

import { planAccount, World } from "../../../meta-emulator/mod.ts";
import { ACCOUNTS, type AdPlan } from "./invented_ads.ts";
import { figuresOn } from "./invented_figures.ts";

/** Minor units of a major one at Meta: the rupiah has none. */
const MINOR_UNITS = { IDR: 1, PHP: 100 } as const;

/** An ad of the shop with its ids at Meta. */
export interface PlacedAd {
  /** How it does. */
  plan: AdPlan;
  /** Its account's time zone. */
  timezone_name: string;
  /** ISO 4217. */
  currency: "IDR" | "PHP";
  /** Meta's id. */
  fb_ad_id: string;
  /** Meta's id of its ad set. */
  fb_adset_id: string;
  /** Meta's id of its campaign. */
  fb_campaign_id: string;
}

/** The world, and where each ad of the plan is in it. */
export function makeShopWorld(now: Date): { world: World; ads: PlacedAd[] } {
  const accounts = ACCOUNTS.map(({ name, currency, timezone_name }, seq) =>
    planAccount(seq, { name, currency, timezone_name, campaigns: 0, adsets: 0, ads: 0, plain: true })
  );
  const world = new World({ now, accounts });
  const ads = world.accounts.flatMap((account, seq) => {
    const { currency, timezone_name, campaigns } = ACCOUNTS[seq] ?? raise(`no plan of account ${seq}`);
    const minor_units = MINOR_UNITS[currency];
    return campaigns.flatMap(({ name, status, adsets }) => {
      const campaign = account.addCampaign({ name, status, daily_budget: null, lifetime_budget: null, stop: null });
      return adsets.flatMap(({ name, daily_budget, ads }) => {
        const adset = account.addAdSet(campaign, {
          name,
          daily_budget: String(daily_budget * minor_units),
          lifetime_budget: "0",
          stop: null,
        });
        return ads.map((plan) => {
          const ad = account.addAd(adset, {
            name: plan.name,
            status: plan.until > 0 ? "PAUSED" : "ACTIVE",
            names_its_id: true,
            figures: (days_ago) => figuresOn(plan, days_ago, minor_units),
          });
          return {
            plan,
            timezone_name,
            currency,
            fb_ad_id: ad.id,
            fb_adset_id: adset.id,
            fb_campaign_id: campaign.id,
          };
        });
      });
    });
  });
  return { world, ads };
}

function raise(message: string): never {
  throw new Error(message);
}
