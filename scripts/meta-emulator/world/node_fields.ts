/**
 * What Graph answers for each field of each kind of object. Times are in the account's time zone, budgets in minor
 * units as text, absent values left out.
 * @module
 */

import { graphTime, offsetMinutes } from "../calendar.ts";
import type { FieldRequest, NodeFields } from "../fields.ts";
import { project } from "../fields.ts";
import type { JsonValue } from "../json_value.ts";
import { mix, pick } from "../random.ts";
import type { AdAccount } from "./account.ts";
import { CREATIVE_FIELDS } from "./creative_fields.ts";
import type { Placed } from "./placed.ts";
import { OBJECTIVES } from "./names.ts";
import { type AdNode, type AdSetNode, type CampaignNode, effectiveStatus } from "./objects.ts";

type Read<Node> = (placed: Placed<Node>, children: FieldRequest[]) => JsonValue | undefined;
const NONE: ReadonlySet<string> = new Set();

function time<Node>(seconds: (node: Node) => number | null): Read<Node> {
  return ({ account, node }) => {
    const at = seconds(node);
    return at === null ? undefined : graphTime(account.plan.timezone_name, at);
  };
}

function shared<Node extends CampaignNode | AdSetNode | AdNode>(): Record<string, Read<Node>> {
  return {
    id: ({ node }) => node.id,
    account_id: ({ account }) => account.plan.account_id,
    name: ({ node }) => node.name,
    status: ({ node }) => node.status,
    configured_status: ({ node }) => node.status,
    effective_status: ({ node }) => effectiveStatus(node),
    created_time: time((node) => node.created),
    updated_time: time((node) => node.updated),
    account: ({ account }, children) => project(account, ACCOUNT_FIELDS, children, {}, NONE),
  };
}

/** The ad account. */
export const ACCOUNT_FIELDS: NodeFields<AdAccount> = {
  type: "AdAccount",
  defaults: ["account_id", "id"],
  fields: {
    id: ({ plan }) => `act_${plan.account_id}`,
    account_id: ({ plan }) => plan.account_id,
    name: ({ plan }) => plan.name,
    currency: ({ plan }) => plan.currency,
    timezone_name: ({ plan }) => plan.timezone_name,
    timezone_offset_hours_utc: (account) => offsetMinutes(account.plan.timezone_name, account.baseMs) / 60,
    account_status: ({ plan }) => plan.account_status,
    disable_reason: () => 0,
    amount_spent: (account) => String(mix(account.seed, 5) % 900_000_000),
    balance: (account) => String(mix(account.seed, 6) % 1_000_000),
    spend_cap: () => "0",
    age: () => 412.5,
    business: (account) => ({ id: String(700_000_000_000_000 + account.seq), name: "PT Toko Belajar" }),
    created_time: (account) => graphTime(account.plan.timezone_name, Math.floor(account.baseMs / 1000) - 40_000_000),
  },
};

/** The campaign. */
export const CAMPAIGN_FIELDS: NodeFields<Placed<CampaignNode>> = {
  type: "AdCampaignGroup",
  defaults: ["id"],
  fields: {
    ...shared<CampaignNode>(),
    objective: ({ node }) => pick(OBJECTIVES, node.seq),
    buying_type: () => "AUCTION",
    bid_strategy: () => "LOWEST_COST_WITHOUT_CAP",
    special_ad_categories: () => [],
    daily_budget: ({ node }) => node.daily_budget ?? undefined,
    lifetime_budget: ({ node }) => node.lifetime_budget ?? undefined,
    budget_remaining: ({ node }) => node.daily_budget ?? node.lifetime_budget ?? "0",
    spend_cap: () => undefined,
    start_time: time((node) => node.start),
    stop_time: time((node) => node.stop),
  },
};

/** The ad set. */
export const ADSET_FIELDS: NodeFields<Placed<AdSetNode>> = {
  type: "AdCampaign",
  defaults: ["id"],
  fields: {
    ...shared<AdSetNode>(),
    campaign_id: ({ node }) => node.campaign.id,
    campaign: ({ node, ...place }, children) =>
      project({ ...place, node: node.campaign }, CAMPAIGN_FIELDS, children, node.campaign.extra, NONE),
    daily_budget: ({ node }) => node.daily_budget ?? undefined,
    lifetime_budget: ({ node }) => node.lifetime_budget ?? undefined,
    budget_remaining: ({ node }) => node.daily_budget ?? node.lifetime_budget ?? "0",
    bid_amount: ({ node }) => node.seq % 4 === 0 ? 1500 + node.seq : undefined,
    billing_event: () => "IMPRESSIONS",
    optimization_goal: ({ node }) => node.seq % 2 === 0 ? "OFFSITE_CONVERSIONS" : "LINK_CLICKS",
    attribution_spec: () => [{ event_type: "CLICK_THROUGH", window_days: 7 }, {
      event_type: "VIEW_THROUGH",
      window_days: 1,
    }],
    start_time: time((node) => node.start),
    end_time: time((node) => node.stop),
    targeting: ({ account, node }) => targeting(account, node),
  },
};

function targeting(account: AdAccount, node: AdSetNode): JsonValue {
  const country = ({ IDR: "ID", PHP: "PH", JPY: "JP", NZD: "NZ" })[account.plan.currency] ?? "US";
  const roll = mix(account.seed, node.seq, 31);
  return {
    age_min: 18 + roll % 10,
    age_max: 45 + roll % 21,
    ...(roll % 3 === 0 ? { genders: [2] } : {}),
    geo_locations: roll % 4 === 0
      ? {
        cities: [{ key: "1080323", name: "Bandung", region: "West Java", country, radius: 25, distance_unit: "mile" }],
        location_types: ["home", "recent"],
      }
      : { countries: [country], location_types: ["home", "recent"] },
    ...(roll % 2 === 0
      ? {
        flexible_spec: [{
          interests: [{ id: "6003456388203", name: "Desain grafis (desain)" }, {
            id: "6003346592981",
            name: "Online shopping",
          }],
        }],
      }
      : {}),
    ...(roll % 5 === 0 ? { custom_audiences: [{ id: "23850000000000123", name: "Pembeli 180 hari" }] } : {}),
    publisher_platforms: roll % 2 === 0 ? ["facebook", "instagram"] : ["facebook", "instagram", "audience_network"],
    targeting_automation: { advantage_audience: roll % 2 },
  };
}

/** The ad. */
export const AD_FIELDS: NodeFields<Placed<AdNode>> = {
  type: "Adgroup",
  defaults: ["id"],
  fields: {
    ...shared<AdNode>(),
    adset_id: ({ node }) => node.adset.id,
    campaign_id: ({ node }) => node.adset.campaign.id,
    adset: ({ node, ...place }, children) =>
      project({ ...place, node: node.adset }, ADSET_FIELDS, children, node.adset.extra, NONE),
    campaign: ({ node, ...place }, children) =>
      project({ ...place, node: node.adset.campaign }, CAMPAIGN_FIELDS, children, node.adset.campaign.extra, NONE),
    creative: (placed, children) => project(placed, CREATIVE_FIELDS, children, {}, NONE),
    bid_amount: () => undefined,
    conversion_domain: () => "shop.example",
    tracking_specs: () => [{ "action.type": ["offsite_conversion"], fb_pixel: ["1234567890123456"] }],
    issues_info: ({ node }) =>
      node.review === "WITH_ISSUES"
        ? [{ level: "AD", error_code: 1815869, error_summary: "Ad creative has issues", error_type: "HARD_ERROR" }]
        : undefined,
    preview_shareable_link: ({ node }) => `https://fb.me/${node.seq.toString(36)}`,
  },
};
