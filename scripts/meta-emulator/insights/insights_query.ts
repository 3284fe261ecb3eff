/**
 * Reads the parameters of an insights request: level, days of the account's own calendar, filters, windows.
 * @module
 */

import { dayText, localDay, monthsBefore, parseDay } from "../calendar.ts";
import { refusal } from "../error_catalogue.ts";
import { requestedFields } from "../fields.ts";
import { type Filter, readFilters } from "../filtering.ts";
import { type GraphCall, jsonParam } from "../graph_call.ts";
import { invalidParameter } from "../graph_error.ts";
import { isRecord, readStringList, readText } from "../json_value.ts";
import type { AdAccount } from "../world/account.ts";
import type { AdTreeNode } from "../world/objects.ts";
import { readBreakdowns } from "./breakdowns.ts";

/** Levels at which rows are made. */
export type Level = "account" | "campaign" | "adset" | "ad";

/** An insights request, understood. */
export interface InsightsQuery {
  /** The account. */
  account: AdAccount;
  /** The object asked about; `null` is the whole account. */
  scope: AdTreeNode | null;
  /** Level of the rows. */
  level: Level;
  /** First local day. */
  since: number;
  /** Last local day as asked, the future not cut off. */
  until: number;
  /** Days per row; `null` is one row for the whole range. */
  increment: number | null;
  /** Requested field names. */
  fields: string[];
  /** Conditions. */
  filters: Filter[];
  /** Attribution windows that still give numbers, of those asked for. */
  windows: string[];
  /** Breakdowns, sorted. */
  breakdowns: string[];
  /** Action breakdowns beside `action_type`. */
  actionBreakdowns: string[];
  /** Instant as of which figures are told, epoch milliseconds. */
  asOf: number;
}

/** Windows that exist; since 2026-01-12 the last two of the SDKs' lists, 7d_view and 28d_view, return nothing. */
const LIVE_WINDOWS = new Set(["1d_click", "7d_click", "28d_click", "1d_view", "1d_ev"]);
const SILENT_WINDOWS = new Set(["default", "skan_click", "skan_view", "dda", "7d_view", "28d_view"]);
const LEVELS: readonly Level[] = ["account", "campaign", "adset", "ad"];
const RETENTION_MONTHS = 37;
/** Those that the emulator knows of Meta's. */
const ACTION_BREAKDOWNS = ["action_type", "action_device"];

/** Days before today at which a preset begins and ends. */
const PRESETS: Record<string, [from: number, to: number]> = {
  today: [0, 0],
  yesterday: [1, 1],
  last_3d: [3, 1],
  last_7d: [7, 1],
  last_14d: [14, 1],
  last_28d: [28, 1],
  last_30d: [30, 1],
  last_90d: [90, 1],
};

/** Reads an insights request; `today` follows the account's time zone at `asOf`. */
export function readInsightsQuery(
  call: GraphCall,
  account: AdAccount,
  scope: AdTreeNode | null,
  asOf: number,
): InsightsQuery {
  const level = LEVELS.find((candidate) => candidate === (call.params["level"] ?? scope?.kind ?? "account"));
  if (!level) throw invalidParameter("Param level must be one of {ad, adset, campaign, account}");
  const today = localDay(account.plan.timezone_name, asOf);
  const { since, until } = readRange(call, today);
  if (since > until) throw invalidParameter("The start date of the time range cannot be after its end date");
  if (since < monthsBefore(today, RETENTION_MONTHS)) throw refusal("3018");
  return {
    account,
    scope,
    level,
    since,
    until,
    increment: readIncrement(call),
    fields: requestedFields(call).map(({ name }) => name),
    filters: readFilters(call, level),
    windows: readWindows(call),
    breakdowns: readBreakdowns(readStringList(jsonParam(call.params, "breakdowns")) ?? []),
    actionBreakdowns: readActionBreakdowns(call),
    asOf,
  };
}

function readRange(call: GraphCall, today: number): { since: number; until: number } {
  const range = jsonParam(call.params, "time_range");
  if (range !== undefined) {
    const since = isRecord(range) ? parseDay(readText(range, "since") ?? "") : undefined;
    const until = isRecord(range) ? parseDay(readText(range, "until") ?? "") : undefined;
    if (since === undefined || until === undefined) {
      throw invalidParameter("Param time_range must be an object with since and until as YYYY-MM-DD");
    }
    return { since, until };
  }
  if (call.params["time_ranges"] !== undefined) throw invalidParameter("Param time_ranges is not supported here");
  const preset = PRESETS[readText(call.params, "date_preset") ?? "last_30d"];
  if (!preset) throw invalidParameter(`Param date_preset must be one of {${Object.keys(PRESETS).join(", ")}}`);
  return { since: today - preset[0], until: today - preset[1] };
}

function readIncrement(call: GraphCall): number | null {
  const value = call.params["time_increment"];
  if (value === undefined || value === "all_days") return null;
  const days = Number(value);
  if (Number.isInteger(days) && days >= 1 && days <= 90) return days;
  throw invalidParameter("Param time_increment must be an integer between 1 and 90 or all_days");
}

function readWindows(call: GraphCall): string[] {
  const windows = readStringList(jsonParam(call.params, "action_attribution_windows")) ?? [];
  const unknown = windows.find((window) => !LIVE_WINDOWS.has(window) && !SILENT_WINDOWS.has(window));
  if (unknown !== undefined) throw invalidParameter(`Param action_attribution_windows[0] - got "${unknown}"`);
  return windows.filter((window) => LIVE_WINDOWS.has(window));
}

function readActionBreakdowns(call: GraphCall): string[] {
  const names = readStringList(jsonParam(call.params, "action_breakdowns")) ?? [];
  const unknown = names.find((name) => !ACTION_BREAKDOWNS.includes(name));
  if (unknown !== undefined) {
    throw invalidParameter(`Param action_breakdowns[0] must be one of {${ACTION_BREAKDOWNS.join(", ")}}`);
  }
  return names.filter((name) => name !== "action_type");
}

/** Writes a query as text that is equal for equal results, for the cache of row lists. */
export function queryKey(query: InsightsQuery, revision: number): string {
  const { account, scope, level, since, until, increment, filters, asOf } = query;
  const inForce = account.restatements.filter((rule) => rule.at <= asOf).length;
  const today = dayText(localDay(account.plan.timezone_name, asOf));
  return JSON.stringify([
    account.plan.account_id,
    scope?.id ?? null,
    level,
    since,
    until,
    increment,
    filters,
    query.breakdowns,
    revision,
    inForce,
    today,
  ]);
}
