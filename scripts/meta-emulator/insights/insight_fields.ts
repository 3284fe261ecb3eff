/**
 * Writes an insights row: numbers as text, spend as an exact decimal in major units, actions as Meta lists them, absent
 * values left out.
 * @module
 */

import { dayText, graphTime } from "../calendar.ts";
import { majorText, minorUnits } from "../decimal.ts";
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

/** Shares a count out by device where that was asked for: then `action_type` alone names no entry. */
function byDevice(count: number, actionBreakdowns: string[]): [device: JsonRecord, part: number][] {
  if (!actionBreakdowns.includes("action_device")) return [[{}, count]];
  const phones = Math.ceil(count * 2 / 3);
  const parts: [JsonRecord, number][] = [
    [{ action_device: "android_smartphone" }, phones],
    [{ action_device: "desktop" }, count - phones],
  ];
  return parts.filter(([, part]) => part > 0);
}

function actionList(
  counts: [string, number][],
  query: InsightsQuery,
  repeated: boolean,
  write: (part: number) => string,
): JsonValue | undefined {
  const list: JsonValue[] = counts.filter(([, count]) => count > 0).flatMap(([action_type, count]) =>
    byDevice(count, query.actionBreakdowns).map(([device, part]) => ({
      action_type,
      ...device,
      ...windowed(part, query.windows, write),
    }))
  );
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

/** A list with one entry, as Meta tells what is no count of actions by kind. */
function single(action_type: string, count: (metrics: InsightRow["metrics"]) => number): Read {
  return ({ metrics }, query) => actionList([[action_type, Math.floor(count(metrics))]], query, false, String);
}

/** Of a thousand times that an ad is shown, how often its video is played up to a point. */
const WATCHED: Record<string, number> = {
  video_play_actions: 500,
  video_thruplay_watched_actions: 120,
  video_p25_watched_actions: 300,
  video_p50_watched_actions: 200,
  video_p75_watched_actions: 140,
  video_p95_watched_actions: 110,
  video_p100_watched_actions: 100,
};

function ratio(above: number, below: number): string | undefined {
  return below === 0 ? undefined : (above / below).toFixed(6);
}

/** An amount for each, in major units. */
function price(minor: number, count: number, { plan }: InsightsQuery["account"]): string | undefined {
  return ratio(minor, count * minorUnits(plan.currency));
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
  reach: ({ metrics, tellsReach }) => tellsReach ? String(metrics.reach) : undefined,
  frequency: ({ metrics, tellsReach }) => tellsReach ? ratio(metrics.impressions, metrics.reach) : undefined,
  inline_link_clicks: ({ metrics }) => metrics.inline_link_clicks > 0 ? String(metrics.inline_link_clicks) : undefined,
  ctr: ({ metrics }) => ratio(metrics.clicks * 100, metrics.impressions),
  cpc: ({ metrics }, { account }) => price(metrics.spend, metrics.clicks, account),
  cpm: ({ metrics }, { account }) => price(metrics.spend * 1000, metrics.impressions, account),
  inline_link_click_ctr: ({ metrics }) => ratio(metrics.inline_link_clicks * 100, metrics.impressions),
  outbound_clicks: single("outbound_click", ({ inline_link_clicks }) => inline_link_clicks * 9 / 10),
  ...Object.fromEntries(
    Object.entries(WATCHED).map(([field, share]) => [
      field,
      single("video_view", ({ impressions }) => impressions * share / 1000),
    ]),
  ),
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
  // Breakdowns come with every row, asked for among the fields or not.
  const answer: JsonRecord = { ...row.values };
  for (const field of [...asked, "date_start", "date_stop"]) {
    const value = FIELDS[field]?.(row, query, world);
    if (value !== undefined) answer[field] = value;
  }
  return answer;
}
