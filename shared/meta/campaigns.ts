/**
 * Campaigns: the fields we read of them, a page of an account's list, one by its id.
 * https://developers.facebook.com/docs/marketing-api/reference/ad-campaign-group
 *
 * @module
 */

import { buildFields, type FieldList } from "./field_list.ts";
import { CAMPAIGN_STATUSES, listFilters } from "./filtering.ts";
import type { GraphClient } from "./graph_client.ts";
import { isObject, readId, readInstant, readText } from "./graph_values.ts";
import { decodeObject, decodePage, type ObjectAnswer, type ObjectPage, type PageRequest } from "./object_page.ts";

/** A campaign as `ad_campaigns` stores it. */
export interface CampaignRow {
  /** Meta's id of the campaign. */
  fb_campaign_id: string;
  /** As the advertiser named it, in any script. */
  name: string | null;
  /** Meta's word for what the campaign is to bring. */
  objective: string | null;
  /** What the advertiser set; Meta adds values without asking. */
  status: string | null;
  /** What Meta makes of it, parents included. */
  effective_status: string | null;
  /** ISO 8601 with offset. */
  start_time: string | null;
  /** Null while no end is set. */
  stop_time: string | null;
}

/** What we read of a campaign. */
export const CAMPAIGN_FIELDS: FieldList = {
  required: ["id", "name", "status", "effective_status"],
  optional: ["objective", "start_time", "stop_time"],
};

/** Reads a campaign; returns the reason when it cannot be read. */
export function decodeCampaign(value: unknown): CampaignRow | string {
  if (!isObject(value)) return "is not an object";
  const fb_campaign_id = readId(value.id);
  if (fb_campaign_id === null) return "id is missing or no id";
  const start_time = readInstant(value.start_time);
  if (start_time === null) return "start_time is no time";
  const stop_time = readInstant(value.stop_time);
  if (stop_time === null) return "stop_time is no time";
  return {
    fb_campaign_id,
    name: readText(value.name),
    objective: readText(value.objective),
    status: readText(value.status),
    effective_status: readText(value.effective_status),
    start_time: start_time || null,
    stop_time: stop_time || null,
  };
}

/** Reads a page of an account's campaigns, archived ones included. @throws {GraphApiError} */
export async function fetchCampaignsPage(client: GraphClient, page: PageRequest): Promise<ObjectPage<CampaignRow>> {
  const answer = await client.get(`act_${page.fb_account_id}/campaigns`, {
    fields: buildFields(CAMPAIGN_FIELDS, page.dropped_fields),
    filtering: listFilters("campaign", CAMPAIGN_STATUSES, page.updated_since),
    limit: page.limit,
    after: page.after,
  });
  return decodePage(answer, decodeCampaign);
}

/** Reads one campaign, deleted ones too. @throws {GraphApiError} `object_missing` when Meta no longer knows it. */
export async function fetchCampaign(
  client: GraphClient,
  fb_campaign_id: string,
  options: { fb_account_id?: string; dropped_fields?: readonly string[] } = {},
): Promise<ObjectAnswer<CampaignRow>> {
  const fields = buildFields(CAMPAIGN_FIELDS, options.dropped_fields);
  const { fb_account_id } = options;
  const answer = await client.get(fb_campaign_id, { fields }, fb_account_id === undefined ? {} : { fb_account_id });
  return decodeObject(answer, decodeCampaign);
}
