/**
 * Ads: the fields we read of them, a page of an account's list, one by its id.
 * https://developers.facebook.com/docs/marketing-api/reference/adgroup
 *
 * @module
 */

import { buildCreativeSummary } from "./creative_summary.ts";
import { buildFields, type FieldList } from "./field_list.ts";
import { AD_STATUSES, listFilters } from "./filtering.ts";
import type { GraphClient } from "./graph_client.ts";
import { isObject, readId, readText } from "./graph_values.ts";
import { decodeObject, decodePage, type ObjectAnswer, type ObjectPage, type PageRequest } from "./object_page.ts";

/** An ad as `ad_ads` stores it. */
export interface AdRow {
  /** Meta's id of the ad. */
  fb_ad_id: string;
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
  /** Meta's id of the creative. */
  creative_id: string | null;
  /** One line of at most 500 characters. */
  creative_summary: string | null;
  /** Parameters that Meta appends to the ad's links: they say whether clicks can be joined to the ad. */
  url_tags: string | null;
}

/** What we read of an ad. */
export const AD_FIELDS: FieldList = {
  required: ["id", "adset_id", "campaign_id", "name", "status", "effective_status"],
  optional: ["creative"],
  nested: { creative: ["id", "name", "title", "body", "object_type", "call_to_action_type", "url_tags"] },
};

/** Reads an ad; returns the reason when it cannot be read. */
function decodeAd(value: unknown): AdRow | string {
  if (!isObject(value)) return "is not an object";
  const fb_ad_id = readId(value.id);
  if (fb_ad_id === null) return "id is missing or no id";
  const fb_adset_id = readId(value.adset_id);
  if (fb_adset_id === null) return "adset_id is missing or no id";
  const fb_campaign_id = readId(value.campaign_id);
  if (fb_campaign_id === null) return "campaign_id is missing or no id";
  const creative = isObject(value.creative) ? value.creative : {};
  return {
    fb_ad_id,
    fb_adset_id,
    fb_campaign_id,
    name: readText(value.name),
    status: readText(value.status),
    effective_status: readText(value.effective_status),
    creative_id: readId(creative.id),
    creative_summary: buildCreativeSummary(creative),
    url_tags: readText(creative.url_tags) || null,
  };
}

/** Reads a page of an account's ads, archived ones included. @throws {GraphApiError} */
export async function fetchAdsPage(client: GraphClient, page: PageRequest): Promise<ObjectPage<AdRow>> {
  const answer = await client.get(`act_${page.fb_account_id}/ads`, {
    fields: buildFields(AD_FIELDS, page.dropped_fields),
    filtering: listFilters("ad", AD_STATUSES, page.updated_since),
    limit: page.limit,
    after: page.after,
  });
  return decodePage(answer, decodeAd);
}

/** Reads one ad, deleted ones too. @throws {GraphApiError} `object_missing` when Meta no longer knows it. */
export async function fetchAd(
  client: GraphClient,
  fb_ad_id: string,
  options: { fb_account_id?: string; dropped_fields?: readonly string[] } = {},
): Promise<ObjectAnswer<AdRow>> {
  const fields = buildFields(AD_FIELDS, options.dropped_fields);
  const { fb_account_id } = options;
  const answer = await client.get(fb_ad_id, { fields }, fb_account_id === undefined ? {} : { fb_account_id });
  return decodeObject(answer, decodeAd);
}
