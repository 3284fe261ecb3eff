/**
 * Asynchronous insights: start a report, ask how far it is, read its pages. Store the id before anything else; a report
 * can take an hour. 100 % is not done: reading then gives 2601, 100/33 or an empty list.
 * https://developers.facebook.com/docs/marketing-api/insights/best-practices#asynchronous
 *
 * @module
 */

import type { GraphAction, GraphApiError, UsageReading } from "../errors.ts";
import { buildGraphError, transportError } from "./graph_answer.ts";
import { buildFields } from "./field_list.ts";
import type { GraphClient } from "./graph_client.ts";
import { readCount, readId } from "./graph_values.ts";
import { type AdInsightRange, type DailyFigures, INSIGHT_FIELDS, type InsightPageRequest } from "./insights.ts";
import { decodePage, type ObjectPage } from "./object_page.ts";

/** A report that was started. */
export interface StartedReport {
  /** Store it before anything else: it is the only way back to the report. */
  report_run_id: string;
  /** What the usage headers of the answer say. */
  usage: UsageReading[];
  /** Size of the answer. */
  bytes: number;
}

/** How far a report is. `failed` and `skipped` are final for this id. */
export interface ReportStatus {
  /** Where the report stands. */
  state: "running" | "done" | "failed" | "skipped";
  /** 0 to 100; moves while Meta works. */
  percent: number;
  /** Meta's word, e.g. `Job Running`. */
  async_status: string;
  /** What to do about a failed or skipped report; null otherwise. */
  action: GraphAction | null;
  /** Our name of the failure. */
  reason: string | null;
  /** What Meta gave as the reason of a failed report; null for every other. */
  failure: GraphApiError | null;
  /** What the usage headers of the answer say. */
  usage: UsageReading[];
  /** Size of the answer. */
  bytes: number;
}

/** Starts a report of daily figures. @throws {GraphApiError} */
export async function startReport(
  client: GraphClient,
  figures: DailyFigures<unknown>,
  range: AdInsightRange,
): Promise<StartedReport> {
  const answer = await client.post(`act_${range.fb_account_id}/insights`, figures.buildParams(range));
  const { usage, bytes } = answer;
  const report_run_id = readId(answer.body.report_run_id);
  if (report_run_id === null) throw transportError("malformed_body", { http_status: 200, usage });
  return { report_run_id, usage, bytes };
}

/** Actions that mean something for a report that failed; after any other a new one is started. */
const FINAL_ACTIONS: ReadonlySet<GraphAction> = new Set<GraphAction>([
  "split",
  "shrink",
  "drop_field",
  "clamp",
  "stop_account",
  "stop_token",
  "throttle_account",
  "throttle_app",
  "throttle_insights_app",
]);

function explainFailure(body: Record<string, unknown>, usage: UsageReading[]) {
  const error = buildGraphError(
    { code: body.error_code, error_subcode: body.error_subcode, message: body.error_message },
    { http_status: 200, usage, fields: buildFields(INSIGHT_FIELDS), target: "report_run" },
  );
  const is_final = FINAL_ACTIONS.has(error.action) || (error.action === "fail" && error.reason !== "unknown_code");
  const action: GraphAction = is_final ? error.action === "shrink" ? "split" : error.action : "resubmit";
  return {
    action,
    reason: error.meta_code === null ? "report_failed" : error.reason,
    failure: error,
  };
}

/**
 * Asks how far a report is.
 *
 * @throws {GraphApiError} `report_missing` (resubmit) when Meta does not know the id, or not yet.
 */
export async function fetchReport(
  client: GraphClient,
  report: { report_run_id: string; fb_account_id: string },
): Promise<ReportStatus> {
  const { fb_account_id } = report;
  const answer = await client.get(report.report_run_id, {}, { fb_account_id, target: "report_run" });
  const { body, usage, bytes } = answer;
  const async_status = body.async_status;
  if (typeof async_status !== "string") throw transportError("malformed_body", { http_status: 200, usage });
  const percent = readCount(body.async_percent_completion) ?? 0;
  const none = { action: null, reason: null, failure: null };
  const more = { percent, async_status: async_status.slice(0, 64), usage, bytes };
  switch (async_status.toLowerCase()) {
    case "job completed":
      return { state: percent === 100 && body.is_running !== true ? "done" : "running", ...none, ...more };
    case "job failed":
      return { state: "failed", ...explainFailure(body, usage), ...more };
    case "job skipped":
      // It expired before Meta came to it.
      return { state: "skipped", ...none, action: "resubmit", reason: "report_skipped", ...more };
    default:
      return { state: "running", ...none, ...more };
  }
}

/** Reads a page of a finished report. @throws {GraphApiError} `poll` or `resubmit` when it is not there after all. */
export async function fetchReportPage<Row>(
  client: GraphClient,
  figures: DailyFigures<Row>,
  report: { report_run_id: string; fb_account_id: string } & InsightPageRequest,
): Promise<ObjectPage<Row>> {
  const { fb_account_id, limit, after } = report;
  const options = { fb_account_id, target: "report_run" } as const;
  const answer = await client.get(`${report.report_run_id}/insights`, { limit, after }, options);
  return decodePage(answer, figures.decode(fb_account_id), figures.id_field);
}
