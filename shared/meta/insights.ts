/**
 * Insights: daily figures per ad, read at once (small ranges) or as a report (see `reports.ts`). Every request asks for
 * every status by name, because Meta otherwise leaves out archived and deleted ads and their spend with them. Days are
 * the ad account's own.
 * https://developers.facebook.com/docs/marketing-api/insights
 *
 * @module
 */

import { buildFields, type FieldList } from "./field_list.ts";
import { type Filter, INSIGHT_AD_STATUSES } from "./filtering.ts";
import type { GraphClient, GraphParams } from "./graph_client.ts";
import { isObject, readCount, readDay, readDecimal, readId, readText } from "./graph_values.ts";
import { decodePage, type DecodeRow, type ObjectPage } from "./object_page.ts";

/** One ad on one day, as `ad_spend` stores it. */
export interface InsightRow {
  /** Digits, without `act_`. */
  fb_account_id: string;
  /** Meta's id of the campaign. */
  fb_campaign_id: string;
  /** Meta's id of the ad set. */
  fb_adset_id: string;
  /** Meta's id of the ad. */
  fb_ad_id: string;
  /** Meta's `date_start`: the ad account's local day. */
  date: string;
  /** Decimal string in major units, digit for digit as Meta sent it. */
  spend: string;
  /** Times shown; null where it cannot be read, for spend is never dropped for another figure's sake. */
  impressions: number | null;
  /** Clicks of every kind; likewise. */
  clicks: number | null;
  /** Null where Meta sends none. Not additive over days or ads. */
  reach: number | null;
  /** Clicks on links in the ad. */
  inline_link_clicks: number | null;
  /** As Meta sent it: an `action_type` may occur several times. */
  actions: unknown[] | null;
  /** Values of the actions, likewise. */
  action_values: unknown[] | null;
  /** ISO 4217. */
  currency: string | null;
}

/** What an ad account spent on one day, ads of every status together. */
export interface AccountDayRow {
  /** Digits, without `act_`. */
  fb_account_id: string;
  /** The ad account's local day. */
  date: string;
  /** Decimal string in major units. */
  spend: string;
  /** Times shown; null where it cannot be read. */
  impressions: number | null;
  /** Clicks of every kind; likewise. */
  clicks: number | null;
  /** ISO 4217. */
  currency: string | null;
}

/** What we read of an ad's day. */
export const INSIGHT_FIELDS: FieldList = {
  required: [
    "account_id",
    "campaign_id",
    "adset_id",
    "ad_id",
    "date_start",
    "date_stop",
    "account_currency",
    "spend",
    "impressions",
    "clicks",
  ],
  optional: ["reach", "inline_link_clicks", "actions", "action_values"],
};

/** What we read of an account's day. */
export const ACCOUNT_DAY_FIELDS: FieldList = {
  required: ["account_id", "date_start", "date_stop", "account_currency", "spend", "impressions", "clicks"],
  optional: [],
};

/** Which insights: an account and a range of its days, both ends included. */
export interface InsightRange {
  /** Digits, without `act_`. */
  fb_account_id: string;
  /** First day, `YYYY-MM-DD`. */
  since: string;
  /** Last day, included. */
  until: string;
}

/** Which insights of ads. */
export interface AdInsightRange extends InsightRange {
  /** Only these ads; all without it. */
  fb_ad_ids?: readonly string[];
  /** All ads but these. */
  other_than_fb_ad_ids?: readonly string[];
  /** Ads of every status that Meta has no name of in a filter too, and none that are archived or deleted. */
  is_unfiltered?: boolean;
  /** Fields that Meta has refused before. */
  dropped_fields?: readonly string[];
}

/** Which page of a list of insights. */
export interface InsightPageRequest {
  /** Cursor of the page; the first without it. */
  after?: string | null;
  /** Rows a page at most. */
  limit: number;
}

/** Daily figures of one level: how they are asked for and read, the same at once and by a report. */
export interface DailyFigures<Row> {
  /** The parameters of a request, without those of its page. */
  buildParams: (range: AdInsightRange) => GraphParams;
  /** Makes the reader of an account's rows. */
  decode: (fb_account_id: string) => DecodeRow<Row>;
  /** The field that names a row which could not be read. */
  id_field: string;
}

/** The largest count that a column of `ad_spend` holds. */
const MAX_COUNT = 2 ** 31 - 1;

function readInteger(value: unknown): number | null {
  const count = readCount(value);
  return count === null || count > MAX_COUNT ? null : count;
}

/** What insights of every level have; the reason when it cannot be read. */
function decodeFigures(value: Record<string, unknown>, fb_account_id: string): AccountDayRow | string {
  const date = readDay(value.date_start);
  if (date === null) return "date_start is no day";
  if (value.date_stop !== undefined && value.date_stop !== date) return "covers more than one day";
  const spend = readDecimal(value.spend);
  if (spend === null) return "spend is missing or no exact amount";
  return {
    fb_account_id: readId(value.account_id) ?? fb_account_id,
    date,
    spend,
    // Meta leaves figures out that are zero.
    impressions: value.impressions === undefined ? 0 : readInteger(value.impressions),
    clicks: value.clicks === undefined ? 0 : readInteger(value.clicks),
    currency: readText(value.account_currency),
  };
}

/**
 * Makes the reader of an account's insights; it returns the reason when a row cannot be read.
 *
 * @param fb_account_id Whose insights were asked for.
 */
export function decodeInsight(fb_account_id: string): DecodeRow<InsightRow> {
  return (value) => {
    if (!isObject(value)) return "is not an object";
    const fb_ad_id = readId(value.ad_id);
    if (fb_ad_id === null) return "ad_id is missing or no id";
    const fb_adset_id = readId(value.adset_id);
    if (fb_adset_id === null) return "adset_id is missing or no id";
    const fb_campaign_id = readId(value.campaign_id);
    if (fb_campaign_id === null) return "campaign_id is missing or no id";
    const figures = decodeFigures(value, fb_account_id);
    if (typeof figures === "string") return figures;
    const { reach, inline_link_clicks, actions, action_values } = value;
    return {
      fb_account_id: figures.fb_account_id,
      fb_campaign_id,
      fb_adset_id,
      fb_ad_id,
      date: figures.date,
      spend: figures.spend,
      impressions: figures.impressions,
      clicks: figures.clicks,
      reach: readInteger(reach),
      inline_link_clicks: readInteger(inline_link_clicks),
      actions: Array.isArray(actions) ? actions : null,
      action_values: Array.isArray(action_values) ? action_values : null,
      currency: figures.currency,
    };
  };
}

function decodeAccountDay(fb_account_id: string): DecodeRow<AccountDayRow> {
  return (value) => isObject(value) ? decodeFigures(value, fb_account_id) : "is not an object";
}

function buildAdDayParams(range: AdInsightRange): GraphParams {
  const filtering: Filter[] = range.is_unfiltered === true
    ? []
    : [{ field: "ad.effective_status", operator: "IN", value: INSIGHT_AD_STATUSES }];
  if (range.fb_ad_ids !== undefined) filtering.push({ field: "ad.id", operator: "IN", value: range.fb_ad_ids });
  if (range.other_than_fb_ad_ids !== undefined) {
    filtering.push({ field: "ad.id", operator: "NOT_IN", value: range.other_than_fb_ad_ids });
  }
  return {
    level: "ad",
    time_increment: 1,
    time_range: { since: range.since, until: range.until },
    filtering: filtering.length === 0 ? undefined : filtering,
    fields: buildFields(INSIGHT_FIELDS, range.dropped_fields),
  };
}

function buildAccountDayParams({ since, until }: InsightRange): GraphParams {
  return { level: "account", time_increment: 1, time_range: { since, until }, fields: buildFields(ACCOUNT_DAY_FIELDS) };
}

/** What each ad spent, day by day. */
export const AD_DAYS: DailyFigures<InsightRow> = {
  buildParams: buildAdDayParams,
  decode: decodeInsight,
  id_field: "ad_id",
};

/**
 * What an account spent, day by day: Meta's own total, which the sum over ads is compared with. No status filter: the
 * total is of everything.
 */
export const ACCOUNT_DAYS: DailyFigures<AccountDayRow> = {
  buildParams: buildAccountDayParams,
  decode: decodeAccountDay,
  id_field: "account_id",
};

/** Reads a page of daily figures at once. @throws {GraphApiError} `sync_timeout` when a report must do it. */
export async function fetchInsightsPage<Row>(
  client: GraphClient,
  figures: DailyFigures<Row>,
  range: AdInsightRange & InsightPageRequest,
): Promise<ObjectPage<Row>> {
  const answer = await client.get(`act_${range.fb_account_id}/insights`, {
    ...figures.buildParams(range),
    limit: range.limit,
    after: range.after,
  });
  return decodePage(answer, figures.decode(range.fb_account_id), figures.id_field);
}
