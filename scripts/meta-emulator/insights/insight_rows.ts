/**
 * Finds the rows of an insights request. The list of a daily ad-level request is one integer a row, so that 4,000 ads
 * over 28 days cost half a megabyte; figures are computed when a page is answered.
 * @module
 */

import { localDay } from "../calendar.ts";
import { majorText } from "../decimal.ts";
import { type Filter, meetsFilter } from "../filtering.ts";
import { invalidParameter } from "../graph_error.ts";
import type { DailyMetrics } from "../world/figures.ts";
import { addMetrics, dailyMetrics, hasRow } from "../world/metrics.ts";
import { type AdNode, type AdTreeNode, ancestors, effectiveStatus } from "../world/objects.ts";
import { breakDown, isKept, tellsReach } from "./breakdowns.ts";
import type { InsightsQuery, Level } from "./insights_query.ts";

/** One row before it is written. */
export interface InsightRow {
  /** The ad, ad set or campaign; `null` at level account. */
  node: AdTreeNode | null;
  /** First local day. */
  first: number;
  /** Last local day. */
  last: number;
  /** Figures in minor units. */
  metrics: DailyMetrics;
  /** Values of the breakdowns by their names. */
  values: Record<string, string>;
  /** False where Meta does not tell reach any more. */
  tellsReach: boolean;
}

const WHOLE: Pick<InsightRow, "values" | "tellsReach"> = { values: {}, tellsReach: true };

/** The rows of a request, by number. */
export interface RowList {
  /** How many. */
  length: number;
  /** Computes the row at a number. */
  at(index: number): InsightRow | null;
}

const METRIC_FILTERS: Record<string, (metrics: DailyMetrics, currency: string) => string> = {
  spend: (metrics, currency) => majorText(metrics.spend, currency),
  impressions: (metrics) => String(metrics.impressions),
  clicks: (metrics) => String(metrics.clicks),
  reach: (metrics) => String(metrics.reach),
};

function atLevel(ad: AdNode, level: string): AdTreeNode | null {
  if (level === "ad") return ad;
  if (level === "adset") return ad.adset;
  return level === "campaign" ? ad.adset.campaign : null;
}

/**
 * Chooses the ads. Meta leaves ARCHIVED and DELETED objects of the row's level out unless the request filters by
 * `<level>.effective_status` or by `<level>.id`, or asks about that very object; account totals leave nothing out.
 */
function chooseAds(query: InsightsQuery): AdNode[] {
  const { account, scope, level, filters } = query;
  const named = filters.some(({ field }) =>
    [`${level}.effective_status`, `${level}.id`, `${level}.delivery_info`].includes(field)
  );
  const tests = filters.flatMap((filter) => nodeTest(filter, level));
  return account.ads.filter((ad) => {
    if (scope && ad !== scope && !ancestors(ad).includes(scope)) return false;
    const row = atLevel(ad, level);
    if (row && row !== scope && !named) {
      const status = effectiveStatus(row);
      if (status === "ARCHIVED" || status === "DELETED") return false;
    }
    return tests.every((test) => test(ad));
  });
}

function nodeTest(filter: Filter, level: Level): ((ad: AdNode) => boolean)[] {
  if (filter.field in METRIC_FILTERS) return [];
  const [, on, name] = /^(?:(ad|adset|campaign)\.)?(\w+)$/.exec(filter.field) ?? [];
  const read = name === undefined ? undefined : NODE_FILTERS[name];
  if (!read) throw invalidParameter(`Filtering field ${filter.field} is invalid`);
  return [(ad) => {
    const node = atLevel(ad, on ?? level);
    return node === null || meetsFilter(filter, read(node));
  }];
}

const NODE_FILTERS: Record<string, (node: AdTreeNode) => string | number> = {
  id: (node) => node.id,
  name: (node) => node.name,
  effective_status: (node) => effectiveStatus(node),
  delivery_info: (node) => effectiveStatus(node).toLowerCase(),
  updated_time: (node) => node.updated,
};

/**
 * Returns a step that visits every number below `size` once in a scattered order: rows come in no order one may trust.
 */
function stride(size: number): number {
  let step = Math.max(1, Math.floor(size * 0.618));
  while (greatestCommonDivisor(step, size) !== 1) step++;
  return step;
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right);
}

/** Finds the rows of a request. */
export function findRows(query: InsightsQuery): RowList {
  const today = localDay(query.account.plan.timezone_name, query.asOf);
  const last = Math.min(query.until, today);
  const days = Math.max(0, last - query.since + 1);
  const metricFilters = query.filters.filter(({ field }) => field in METRIC_FILTERS);
  const ads = chooseAds(query);
  const daily = query.level === "ad" && query.increment === 1 && metricFilters.length === 0;
  const whole = daily ? dailyRows(query, ads, days) : groupedRows(query, ads, days, metricFilters);
  return query.breakdowns.length === 0 ? whole : brokenDownRows(query, whole, today);
}

function brokenDownRows({ breakdowns }: InsightsQuery, whole: RowList, today: number): RowList {
  const rows: InsightRow[] = [];
  for (let index = 0; index < whole.length; index++) {
    const row = whole.at(index);
    if (!row || !isKept(breakdowns, row.first, today)) continue;
    const more = {
      node: row.node,
      first: row.first,
      last: row.last,
      tellsReach: tellsReach(breakdowns, row.first, today),
    };
    for (const slice of breakDown(row.metrics, breakdowns)) rows.push({ ...more, ...slice });
  }
  return { length: rows.length, at: (index) => rows[index] ?? null };
}

function dailyRows(query: InsightsQuery, ads: AdNode[], days: number): RowList {
  const { account, asOf, since } = query;
  const size = ads.length * days;
  const step = size > 0 ? stride(size) : 1;
  const found = new Uint32Array(size);
  let length = 0;
  for (let count = 0, at = 0; count < size; count++, at = (at + step) % size) {
    const ad = ads[at % ads.length];
    if (ad && hasRow(account, ad, since + Math.floor(at / ads.length), asOf)) found[length++] = at;
  }
  const rows = found.slice(0, length);
  return {
    length,
    at: (index) => {
      const at = rows[index] ?? 0;
      const node = ads[at % ads.length];
      const day = since + Math.floor(at / ads.length);
      const metrics = node ? dailyMetrics(account, node, day, asOf) : null;
      return node && metrics ? { node, first: day, last: day, metrics, ...WHOLE } : null;
    },
  };
}

function groupedRows(query: InsightsQuery, ads: AdNode[], days: number, filters: Filter[]): RowList {
  const { account, asOf, since, until, level } = query;
  const width = query.increment ?? until - since + 1;
  const groups = new Map<string, InsightRow>();
  for (const ad of ads) {
    const node = atLevel(ad, level);
    for (let offset = 0; offset < days; offset++) {
      const metrics = dailyMetrics(account, ad, since + offset, asOf);
      if (!metrics) continue;
      const bucket = Math.floor(offset / width);
      const key = `${bucket}/${node?.id ?? ""}`;
      const group = groups.get(key);
      const first = since + bucket * width;
      if (group) group.metrics = addMetrics(group.metrics, metrics);
      else groups.set(key, { node, first, last: Math.min(until, first + width - 1), metrics, ...WHOLE });
    }
  }
  const rows = [...groups.values()].filter(({ metrics }) =>
    filters.every((filter) => {
      const read = METRIC_FILTERS[filter.field];
      return !read || meetsFilter(filter, read(metrics, account.plan.currency));
    })
  );
  return { length: rows.length, at: (index) => rows[index] ?? null };
}
