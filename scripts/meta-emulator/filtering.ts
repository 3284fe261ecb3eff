/**
 * The `filtering` parameter, with its operators, and Meta's habit of ignoring a filter on `created_time`.
 * @module
 */

import { type GraphCall, jsonParam } from "./graph_call.ts";
import { invalidParameter } from "./graph_error.ts";
import { isRecord, type JsonValue, readText } from "./json_value.ts";

/** One condition. */
export interface Filter {
  /** `ad.effective_status`, `campaign.id`, `spend`, … */
  field: string;
  /** `IN`, `GREATER_THAN`, … */
  operator: string;
  /** Value or values, as text. */
  values: string[];
}

/** Every value of `effective_status` that Meta names for filters. */
export const EFFECTIVE_STATUSES: ReadonlySet<string> = new Set([
  "ACTIVE",
  "ADSET_PAUSED",
  "ARCHIVED",
  "CAMPAIGN_PAUSED",
  "DELETED",
  "DISAPPROVED",
  "IN_PROCESS",
  "PAUSED",
  "PENDING_BILLING_INFO",
  "PENDING_REVIEW",
  "PREAPPROVED",
  "WITH_ISSUES",
]);

const OPERATORS = new Set(
  "EQUAL NOT_EQUAL IN NOT_IN GREATER_THAN GREATER_THAN_OR_EQUAL LESS_THAN LESS_THAN_OR_EQUAL CONTAIN NOT_CONTAIN"
    .split(" "),
);

function asTexts(value: JsonValue | undefined): string[] {
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return list.map((item) => typeof item === "string" ? item : JSON.stringify(item));
}

/** Reads `filtering`, and the short form `effective_status=[…]` as a filter on `<kind>.effective_status`. */
export function readFilters(call: GraphCall, kind: string): Filter[] {
  const filters: Filter[] = [];
  const filtering = jsonParam(call.params, "filtering");
  if (filtering !== undefined) {
    if (!Array.isArray(filtering)) throw invalidParameter("Param filtering must be an array.");
    for (const entry of filtering) {
      const field = isRecord(entry) ? readText(entry, "field") : undefined;
      const operator = isRecord(entry) ? readText(entry, "operator") : undefined;
      if (!isRecord(entry) || field === undefined || operator === undefined || !OPERATORS.has(operator)) {
        throw invalidParameter("Param filtering[0] must have field, operator and value.");
      }
      filters.push({ field, operator, values: asTexts(entry["value"]) });
    }
  }
  const short = jsonParam(call.params, "effective_status");
  if (short !== undefined) {
    if (!Array.isArray(short)) throw invalidParameter("Param effective_status must be an array.");
    filters.push({ field: `${kind}.effective_status`, operator: "IN", values: asTexts(short) });
  }
  for (const filter of filters) {
    const unknown = filter.values.find((value) => !EFFECTIVE_STATUSES.has(value));
    if (filter.field.endsWith("effective_status") && unknown !== undefined) {
      const known = [...EFFECTIVE_STATUSES].join(", ");
      throw invalidParameter(`Param effective_status[0] must be one of {${known}} - got "${unknown}".`);
    }
  }
  return filters;
}

/** Tells whether a value meets a filter. Numbers are compared as numbers. */
export function meetsFilter(filter: Filter, value: string | number): boolean {
  const text = String(value);
  const first = filter.values[0] ?? "";
  const numeric = /^\d{1,10}$/.test(first) || typeof value === "string" ? Number(first) : Date.parse(first) / 1000;
  switch (filter.operator) {
    case "EQUAL":
      return text === first;
    case "NOT_EQUAL":
      return text !== first;
    case "IN":
      return filter.values.includes(text);
    case "NOT_IN":
      return !filter.values.includes(text);
    case "GREATER_THAN":
      return Number(value) > numeric;
    case "GREATER_THAN_OR_EQUAL":
      return Number(value) >= numeric;
    case "LESS_THAN":
      return Number(value) < numeric;
    case "LESS_THAN_OR_EQUAL":
      return Number(value) <= numeric;
    case "CONTAIN":
      return text.includes(first);
    default:
      return !text.includes(first);
  }
}
