/**
 * Ad sets: the fields we read of them, a page of an account's list, one by its id. Budgets arrive in minor units and
 * leave in major units of the account's currency.
 * https://developers.facebook.com/docs/marketing-api/reference/ad-campaign
 *
 * @module
 */

import { majorUnits } from "./currency_offset.ts";
import { buildFields, type FieldList } from "./field_list.ts";
import { ADSET_STATUSES, listFilters } from "./filtering.ts";
import type { GraphClient } from "./graph_client.ts";
import { isObject, readId, readInstant, readText } from "./graph_values.ts";
import {
  decodeObject,
  decodePage,
  type DecodeRow,
  type ObjectAnswer,
  type ObjectPage,
  type PageRequest,
} from "./object_page.ts";
import { buildTargetingSummary } from "./targeting_summary.ts";

/** An ad set as `ad_adsets` stores it. */
export interface AdsetRow {
  /** Meta's id of the ad set. */
  fb_adset_id: string;
  /** Meta's id of the campaign. */
  fb_campaign_id: string;
  /** As the advertiser named it, in any script. */
  name: string | null;
  /** What the advertiser set; Meta adds values without asking. */
  status: string | null;
  /** What Meta makes of it, parents included. */
  effective_status: string | null;
  /** Decimal string, major units; null where the campaign has the budget. */
  daily_budget: string | null;
  /** Decimal string, major units; for the whole run of the ad set. */
  lifetime_budget: string | null;
  /** One line of at most 500 characters. */
  targeting_summary: string | null;
  /** ISO 8601 with offset. */
  start_time: string | null;
  /** Meta's `end_time`. */
  stop_time: string | null;
}

/** What we read of an ad set. */
export const ADSET_FIELDS: FieldList = {
  required: ["id", "campaign_id", "name", "status", "effective_status"],
  optional: ["daily_budget", "lifetime_budget", "targeting", "start_time", "end_time"],
};

function readBudget(value: unknown, currency: string): string | null | undefined {
  if (value === undefined || value === null) return null;
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  try {
    return majorUnits(value, currency);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Makes the reader of an account's ad sets; it returns the reason when one cannot be read. */
export function decodeAdset(currency: string): DecodeRow<AdsetRow> {
  return (value) => {
    if (!isObject(value)) return "is not an object";
    const fb_adset_id = readId(value.id);
    if (fb_adset_id === null) return "id is missing or no id";
    const fb_campaign_id = readId(value.campaign_id);
    if (fb_campaign_id === null) return "campaign_id is missing or no id";
    const daily_budget = readBudget(value.daily_budget, currency);
    if (daily_budget === undefined) return "daily_budget is no whole number";
    const lifetime_budget = readBudget(value.lifetime_budget, currency);
    if (lifetime_budget === undefined) return "lifetime_budget is no whole number";
    const start_time = readInstant(value.start_time);
    if (start_time === null) return "start_time is no time";
    const stop_time = readInstant(value.end_time);
    if (stop_time === null) return "end_time is no time";
    return {
      fb_adset_id,
      fb_campaign_id,
      name: readText(value.name),
      status: readText(value.status),
      effective_status: readText(value.effective_status),
      daily_budget,
      lifetime_budget,
      targeting_summary: buildTargetingSummary(value.targeting),
      start_time: start_time || null,
      stop_time: stop_time || null,
    };
  };
}

/**
 * Reads a page of an account's ad sets, archived ones included.
 *
 * @param page With the account's `currency` (ISO 4217), for the budgets.
 * @throws {GraphApiError}
 */
export async function fetchAdsetsPage(
  client: GraphClient,
  page: PageRequest & { currency: string },
): Promise<ObjectPage<AdsetRow>> {
  const answer = await client.get(`act_${page.fb_account_id}/adsets`, {
    fields: buildFields(ADSET_FIELDS, page.dropped_fields),
    filtering: listFilters("adset", ADSET_STATUSES, page.updated_since),
    limit: page.limit,
    after: page.after,
  });
  return decodePage(answer, decodeAdset(page.currency));
}

/** Reads one ad set, deleted ones too. @throws {GraphApiError} `object_missing` when Meta no longer knows it. */
export async function fetchAdset(
  client: GraphClient,
  fb_adset_id: string,
  options: { currency: string; fb_account_id?: string; dropped_fields?: readonly string[] },
): Promise<ObjectAnswer<AdsetRow>> {
  const fields = buildFields(ADSET_FIELDS, options.dropped_fields);
  const { fb_account_id } = options;
  const answer = await client.get(fb_adset_id, { fields }, fb_account_id === undefined ? {} : { fb_account_id });
  return decodeObject(answer, decodeAdset(options.currency));
}
