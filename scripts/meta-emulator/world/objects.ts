/**
 * Campaigns, ad sets and ads as the world keeps them: what a person set, plus what the generator needs to answer with
 * full objects without storing them. `effective_status` is computed from the parents, so that pausing a campaign
 * changes its ads without moving their `updated_time`, as on Meta.
 * @module
 */

import type { JsonRecord } from "../json_value.ts";
import type { DailyMetrics } from "./figures.ts";

/** What every object of the ad tree has. Times are epoch seconds. */
export interface NodeBase {
  /** Position in its account's list of the kind, from 0; cursors are made of it. */
  seq: number;
  /** Meta's id, 18 digits, beyond 2^53. */
  id: string;
  /** Name as the marketer wrote it. */
  name: string;
  /** What the marketer set: ACTIVE, PAUSED, ARCHIVED, DELETED. */
  status: string;
  /** What Meta adds while nothing is paused, such as `WITH_ISSUES`; any text, to act a value that is new to clients. */
  review: string | null;
  /** Epoch seconds. */
  created: number;
  /** Epoch seconds. */
  updated: number;
  /** Never in a list, though found by id and in insights. */
  hidden: boolean;
  /** Refused by id with 100/33, though its insights exist. */
  unreadable: boolean;
  /** Meta fields that a test set, over the generated ones; `null` leaves the field out. */
  extra: JsonRecord;
}

/** A campaign. */
export interface CampaignNode extends NodeBase {
  /** Discriminates the kind. */
  kind: "campaign";
  /** Budget in minor units as text, `"0"` or absent. */
  daily_budget: string | null;
  /** Budget in minor units as text, `"0"` or absent. */
  lifetime_budget: string | null;
  /** Epoch seconds. */
  start: number;
  /** Epoch seconds, or open-ended. */
  stop: number | null;
}

/** An ad set. */
export interface AdSetNode extends NodeBase {
  /** Discriminates the kind. */
  kind: "adset";
  /** Its campaign. */
  campaign: CampaignNode;
  /** Budget in minor units as text, `"0"` or absent. */
  daily_budget: string | null;
  /** Budget in minor units as text, `"0"` or absent. */
  lifetime_budget: string | null;
  /** Epoch seconds. */
  start: number;
  /** Epoch seconds, or open-ended. */
  stop: number | null;
}

/** An ad. */
export interface AdNode extends NodeBase {
  /** Discriminates the kind. */
  kind: "ad";
  /** Its ad set. */
  adset: AdSetNode;
  /** First local day with delivery. */
  first_day: number;
  /** Last local day with delivery; far away for an ad that goes on. */
  last_day: number;
  /** True gives its address the id of the ad, whatever its turn would be. */
  names_its_id?: boolean;
  /** Its figures, in place of generated ones, by how many days before the world's today; null where there is no row. */
  figures?: (days_ago: number) => DailyMetrics | null;
}

/** Any object of the ad tree. */
export type AdTreeNode = CampaignNode | AdSetNode | AdNode;

/** Lists the ancestors of an object, nearest first. */
export function ancestors(node: AdTreeNode): AdTreeNode[] {
  if (node.kind === "ad") return [node.adset, node.adset.campaign];
  return node.kind === "adset" ? [node.campaign] : [];
}

/** Computes Meta's `effective_status`. */
export function effectiveStatus(node: AdTreeNode): string {
  const line = [node, ...ancestors(node)];
  for (const final of ["DELETED", "ARCHIVED"]) {
    if (line.some((member) => member.status === final)) return final;
  }
  if (node.status !== "ACTIVE") return node.status;
  if (node.kind !== "campaign") {
    const campaign = node.kind === "ad" ? node.adset.campaign : node.campaign;
    if (campaign.status === "PAUSED") return "CAMPAIGN_PAUSED";
    if (node.kind === "ad" && node.adset.status === "PAUSED") return "ADSET_PAUSED";
  }
  return node.review ?? node.status;
}
