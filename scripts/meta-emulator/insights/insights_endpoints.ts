/**
 * The insights endpoints: synchronous reads, report runs, their polls and results.
 * @module
 */

import { dayText } from "../calendar.ts";
import type { GraphContext, Visit } from "../context.ts";
import { refusal } from "../error_catalogue.ts";
import { nonexistentField, requestedFields } from "../fields.ts";
import type { GraphAnswer } from "../graph_call.ts";
import type { JsonRecord } from "../json_value.ts";
import { missing, requireKnownAccount } from "../lists.ts";
import { pageBody, readPageStart, refusePastEnd } from "../paging.ts";
import { requireAccount } from "../tokens.ts";
import type { AdTreeNode } from "../world/objects.ts";
import { isSwitchedOn } from "./breakdowns.ts";
import { requireInsightFields, writeInsight } from "./insight_fields.ts";
import { findRows, type RowList } from "./insight_rows.ts";
import { type InsightsQuery, queryKey, readInsightsQuery } from "./insights_query.ts";
import { failureJson, isForgotten, pollReport, type Report } from "./report_book.ts";

const REMEMBERED_LISTS = 24;
const lists = new WeakMap<GraphContext["world"], Map<string, RowList>>();

function rowsOf(context: GraphContext, query: InsightsQuery): RowList {
  const { switched_on_breakdowns } = context.settings;
  if (!isSwitchedOn(query.account, query.breakdowns, switched_on_breakdowns)) return { length: 0, at: () => null };
  const known = lists.get(context.world) ?? new Map<string, RowList>();
  lists.set(context.world, known);
  const key = queryKey(query, context.world.revision);
  const found = known.get(key) ?? findRows(query);
  known.delete(key);
  known.set(key, found);
  const oldest = known.keys().next();
  if (known.size > REMEMBERED_LISTS && !oldest.done) known.delete(oldest.value);
  return found;
}

function readQuery(context: GraphContext, visit: Visit): InsightsQuery {
  const account = requireKnownAccount(visit);
  const { target } = visit.route;
  let scope: AdTreeNode | null = null;
  if (!target.startsWith("act_")) {
    const node = account.find(target);
    if (!node) throw refusal("100/33", { message: missing(target) });
    scope = node;
  }
  const query = readInsightsQuery(visit.call, account, scope, context.clock.now());
  requireInsightFields(query.fields, context.world);
  return query;
}

function answerPage(context: GraphContext, visit: Visit, query: InsightsQuery): GraphAnswer {
  const scope = `${visit.route.target}/insights`;
  const start = readPageStart(visit.call, scope);
  const rows = rowsOf(context, query);
  const from = start.after === null ? 0 : start.after + 1;
  refusePastEnd(start, rows.length - from, context.settings.past_end);
  const to = Math.min(rows.length, from + Math.min(start.limit, visit.shortPage ?? start.limit));
  const data: JsonRecord[] = [];
  for (let index = from; index < to; index++) {
    const row = rows.at(index);
    if (row) data.push(writeInsight(row, query, context.world));
  }
  const page = { data, first: from, last: to - 1, more: to < rows.length };
  return { status: 200, body: pageBody(visit.call, scope, start, page), rows: data.length };
}

/** Answers synchronous insights of an account, a campaign, an ad set or an ad. */
export function readInsights(context: GraphContext, visit: Visit): GraphAnswer {
  const query = readQuery(context, visit);
  const { sync_max_rows, call_max_rows } = context.settings;
  refuseSpoiled(context, query);
  const count = rowsOf(context, query).length;
  if (call_max_rows > 0 && count > call_max_rows) throw refusal("100/1487534");
  if (sync_max_rows > 0 && count > sync_max_rows) throw refusal("100/1504018");
  return answerPage(context, visit, query);
}

function refuseSpoiled(context: GraphContext, query: InsightsQuery): void {
  const { spoiled } = context.settings;
  if (spoiled === undefined || query.level !== "ad" || !query.fields.includes(spoiled.field)) return;
  const rows = rowsOf(context, query);
  for (let index = 0; index < rows.length; index++) {
    if (rows.at(index)?.node?.id === spoiled.ad) throw refusal("100/1487534");
  }
}

function adsOf(rows: RowList): number {
  const ids = new Set<string>();
  for (let index = 0; index < rows.length; index++) ids.add(rows.at(index)?.node?.id ?? "");
  return ids.size;
}

/** Takes a report on and answers its `report_run_id`. */
export function createReport(context: GraphContext, visit: Visit): GraphAnswer {
  const query = readQuery(context, visit);
  refuseSpoiled(context, query);
  const { report_max_rows, report_max_ads, report_max_days, call_max_rows } = context.settings;
  const count = report_max_rows > 0 || call_max_rows > 0 ? rowsOf(context, query).length : 0;
  if (call_max_rows > 0 && count > call_max_rows) throw refusal("100/1487534");
  const tooLarge = (report_max_rows > 0 && count > report_max_rows) ||
    (report_max_days > 0 && query.until - query.since + 1 > report_max_days) ||
    (report_max_ads > 0 && adsOf(rowsOf(context, query)) > report_max_ads);
  const outcome = visit.reportOutcome ?? (tooLarge ? { end: "failed" as const } : {});
  const report = context.reports.create(query, context.clock.now(), outcome);
  return { status: 200, body: { report_run_id: report.id } };
}

function requireReport(context: GraphContext, visit: Visit): Report {
  const report = context.reports.find(visit.route.target);
  if (!report || isForgotten(report, context.clock.now())) {
    throw refusal("100/33", { message: missing(visit.route.target) });
  }
  requireAccount(visit.token, report.account.plan.account_id);
  return report;
}

/** Answers a poll of a run. */
export function readReport(context: GraphContext, visit: Visit): GraphAnswer {
  const report = requireReport(context, visit);
  if (report.polls < (report.outcome.missing_polls ?? 0)) {
    report.polls++;
    throw refusal("100/33", { message: missing(report.id) });
  }
  const state = pollReport(report, context.settings.reports, context.clock.now());
  const full: JsonRecord = {
    id: report.id,
    account_id: report.account.plan.account_id,
    time_ref: Math.floor(report.created / 1000),
    ...(report.completed === null ? {} : { time_completed: Math.floor(report.completed / 1000) }),
    async_status: state.async_status,
    async_percent_completion: state.percent,
    ...(state.running ? { is_running: true } : {}),
    date_start: dayText(report.query.since),
    date_stop: dayText(report.query.until),
    ...(state.async_status === "Job Failed" ? failureJson(report.outcome) : {}),
  };
  const asked = requestedFields(visit.call).map(({ name }) => name);
  if (asked.length === 0) return { status: 200, body: full };
  const unknown = asked.find((name) => !REPORT_FIELDS.has(name));
  if (unknown !== undefined) throw nonexistentField(unknown, "AdReportRun");
  const body = Object.fromEntries(Object.entries(full).filter(([name]) => name === "id" || asked.includes(name)));
  return { status: 200, body };
}

const REPORT_FIELDS = new Set(
  ("id account_id time_ref time_completed async_status async_percent_completion is_running date_start date_stop " +
    "error_code error_subcode error_message error_user_title error_user_msg").split(" "),
);

/** Answers a page of a run's results; a run that is not done answers 2601/1815107. */
export function readReportInsights(context: GraphContext, visit: Visit): GraphAnswer {
  const report = requireReport(context, visit);
  const { outcome } = report;
  report.reads++;
  if (outcome.read_error !== undefined && report.reads <= (outcome.read_errors ?? 1)) {
    return refuseResults(outcome.read_error);
  }
  // Only a poll that saw `Job Completed` opens the results: 100 % alone does not.
  if (report.completed === null) return refuseResults(context.settings.reports.early_read);
  return answerPage(context, visit, report.query);
}

function refuseResults(how: string): GraphAnswer {
  if (how === "empty") return { status: 200, body: { data: [] } };
  throw refusal(how);
}

/** Deletes a run. */
export function deleteReport(context: GraphContext, visit: Visit): GraphAnswer {
  const report = requireReport(context, visit);
  context.reports.delete(report.id);
  return { status: 200, body: { success: true } };
}
