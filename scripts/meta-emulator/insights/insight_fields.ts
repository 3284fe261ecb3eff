/**
 * Writes an insights row: numbers as text, spend as an exact decimal in major units, actions as Meta lists them, absent
 * values left out.
 * @module
 */

import { dayText, graphTime } from "../calendar.ts";
import { majorText } from "../decimal.ts";
import { nonexistentField } from "../fields.ts";
import type { JsonRecord, JsonValue } from "../json_value.ts";
import { pick } from "../random.ts";
import { OBJECTIVES } from "../world/names.ts";
import type { AdNode, AdSetNode, AdTreeNode, CampaignNode } from "../world/objects.ts";
import type { World } from "../world/world.ts";
import type { InsightRow } from "./insight_rows.ts";
import type { InsightsQuery } from "./insights_query.ts";

type Read = (row: InsightRow, query: InsightsQuery, world: World) => JsonValue | undefined;

const DEFAULT_FIELDS = ["account_id", "campaign_id", "adset_id", "ad_id", "impressions", "spend"];

function campaignOf(node: AdTreeNode | null): CampaignNode | undefined {
  if (node?.kind === "campaign") return node;
  return node?.kind === "adset" ? node.campaign : node?.kind === "ad" ? node.adset.campaign : undefined;
}

function adsetOf(node: AdTreeNode | null): AdSetNode | undefined {
  return node?.kind === "adset" ? node : node?.kind === "ad" ? node.adset : undefined;
}

function adOf(node: AdTreeNode | null): AdNode | undefined {
  return node?.kind === "ad" ? node : undefined;
}

/** Shares out a count over the attribution windows, each a part of the default one. */
function windowed(total: number, windows: string[], write: (part: number) => string): JsonRecord {
  const share: Record<string, [number, number]> = {
    "1d_click": [6, 10],
    "7d_click": [11, 12],
    "28d_click": [13, 12],
    "1d_view": [1, 12],
    "1d_ev": [1, 20],
  };
  const parts: JsonRecord = { value: write(total) };
  for (const window of windows) {
    const [times, by] = share[window] ?? [0, 1];
    const part = Math.floor(total * times / by);
    if (part > 0) parts[window] = write(part);
  }
  return parts;
}

function actionList(
  counts: [string, number][],
  query: InsightsQuery,
  repeated: boolean,
  write: (part: number) => string,
): JsonValue | undefined {
  const list: JsonValue[] = counts.filter(([, count]) => count > 0).map(([action_type, count]) => ({
    action_type,
    ...windowed(count, query.windows, write),
  }));
  // action_type is not unique in what Meta sends; whoever keys rows by it loses one of the two.
  const first = counts[0];
  if (repeated && first && first[1] > 0) list.push({ action_type: first[0], ...windowed(1, query.windows, write) });
  return list.length > 0 ? list : undefined;
}

const actions: Read = ({ metrics, node }, query, world) => {
  const counts: [string, number][] = [
    ["link_click", metrics.inline_link_clicks],
    ["post_engagement", metrics.clicks],
    ["landing_page_view", Math.floor(metrics.inline_link_clicks * 8 / 10)],
    ["purchase", metrics.purchases],
    ["omni_purchase", metrics.purchases],
    ["offsite_conversion.fb_pixel_purchase", metrics.purchases],
    ...world.extraActionTypes.map((type): [string, number] => [type, metrics.clicks]),
  ];
  return actionList(counts, query, world.repeatedActionTypes && (node?.seq ?? 1) % 7 === 0, String);
};

const actionValues: Read = ({ metrics }, query) => {
  const counts: [string, number][] = [
    ["purchase", metrics.purchase_value],
    ["omni_purchase", metrics.purchase_value],
    ["offsite_conversion.fb_pixel_purchase", metrics.purchase_value],
  ];
  return actionList(counts, query, false, (part) => majorText(part, query.account.plan.currency));
};

function ratio(above: number, below: number): string | undefined {
  return below === 0 ? undefined : (above / below).toFixed(6);
}

const FIELDS: Record<string, Read> = {
  account_id: (_row, { account }) => account.plan.account_id,
  account_name: (_row, { account }) => account.plan.name,
  account_currency: (_row, { account }) => account.plan.currency,
  campaign_id: ({ node }) => campaignOf(node)?.id,
  campaign_name: ({ node }) => campaignOf(node)?.name,
  adset_id: ({ node }) => adsetOf(node)?.id,
  adset_name: ({ node }) => adsetOf(node)?.name,
  ad_id: ({ node }) => adOf(node)?.id,
  ad_name: ({ node }) => adOf(node)?.name,
  objective: ({ node }) => {
    const campaign = campaignOf(node);
    return campaign ? pick(OBJECTIVES, campaign.seq) : undefined;
  },
  buying_type: () => "AUCTION",
  optimization_goal: ({ node }) => adsetOf(node) ? "OFFSITE_CONVERSIONS" : undefined,
  attribution_setting: ({ node }) => adsetOf(node) ? "7d_click" : undefined,
  spend: ({ metrics }, { account }) => majorText(metrics.spend, account.plan.currency),
  impressions: ({ metrics }) => String(metrics.impressions),
  clicks: ({ metrics }) => String(metrics.clicks),
  unique_clicks: ({ metrics }) => String(Math.floor(metrics.clicks * 9 / 10)),
  reach: ({ metrics }) => String(metrics.reach),
  frequency: ({ metrics }) => ratio(metrics.impressions, metrics.reach),
  inline_link_clicks: ({ metrics }) => metrics.inline_link_clicks > 0 ? String(metrics.inline_link_clicks) : undefined,
  ctr: ({ metrics }) => ratio(metrics.clicks * 100, metrics.impressions),
  actions,
  action_values: actionValues,
  conversions: () => undefined,
  created_time: ({ node }, { account }) => node ? graphTime(account.plan.timezone_name, node.created) : undefined,
  updated_time: ({ node }, { account }) => node ? graphTime(account.plan.timezone_name, node.updated) : undefined,
  date_start: ({ first }) => dayText(first),
  date_stop: ({ last }) => dayText(last),
};

/** Refuses a field that insights do not have. */
export function requireInsightFields(fields: string[], world: World): void {
  for (const field of fields) {
    const refused = world.refusedFields.has(field) || world.refusedFields.has(`insights.${field}`);
    if (refused || !Object.hasOwn(FIELDS, field)) throw nonexistentField(field, "AdsInsights");
  }
}

/** Writes a row with the requested fields; `date_start` and `date_stop` come with every row. */
export function writeInsight(row: InsightRow, query: InsightsQuery, world: World): JsonRecord {
  const asked = query.fields.length > 0 ? query.fields : DEFAULT_FIELDS;
  const answer: JsonRecord = {};
  for (const field of [...asked, "date_start", "date_stop"]) {
    const value = FIELDS[field]?.(row, query, world);
    if (value !== undefined) answer[field] = value;
  }
  return answer;
}
