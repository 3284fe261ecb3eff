/**
 * The asynchronous report runs. A run is done only when it says `Job Completed`, 100 and not `is_running`; before that
 * it may stand at 100 % and still be running, and its results answer 2601.
 * @module
 */

import type { ReportOutcome } from "../faults.ts";
import type { JsonRecord } from "../json_value.ts";
import type { Settings } from "../settings.ts";
import type { AdAccount } from "../world/account.ts";
import type { InsightsQuery } from "./insights_query.ts";

/** One report run. */
export interface Report {
  /** Its id. */
  id: string;
  /** Its account. */
  account: AdAccount;
  /** What it reports; figures stand as of its creation. */
  query: InsightsQuery;
  /** Epoch milliseconds of its creation. */
  created: number;
  /** Epoch milliseconds at which it was first seen complete. */
  completed: number | null;
  /** Polls so far. */
  polls: number;
  /** Polls so far that stood at 100 %. */
  pollsAt100: number;
  /** Reads of its results so far. */
  reads: number;
  /** How it goes. */
  outcome: ReportOutcome;
}

/** State of a run as a poll tells it. */
export interface ReportState {
  /** Meta's word. */
  async_status: string;
  /** Per cent. */
  percent: number;
  /** True while it runs. */
  running: boolean;
}

const KEPT_MS = 30 * 86_400_000;
const FIRST_ID = 6_023_920_149_050;

/** Keeps the runs. */
export class ReportBook {
  readonly #reports = new Map<string, Report>();
  #made = 0;

  /** Makes a run. */
  create(query: InsightsQuery, now: number, outcome: ReportOutcome): Report {
    const id = String(FIRST_ID + this.#made++);
    const report: Report = {
      id,
      account: query.account,
      query,
      created: now,
      completed: null,
      polls: 0,
      pollsAt100: 0,
      reads: 0,
      outcome,
    };
    this.#reports.set(id, report);
    return report;
  }

  /** Finds a run, however old. */
  find(id: string): Report | undefined {
    return this.#reports.get(id);
  }

  /** Deletes a run. */
  delete(id: string): void {
    this.#reports.delete(id);
  }

  /** Lists the runs. */
  list(): Report[] {
    return [...this.#reports.values()];
  }
}

/** Tells whether Meta has thrown a run away. */
export function isForgotten(report: Report, now: number): boolean {
  return now - report.created > KEPT_MS;
}

/** Counts a poll and returns the state that it sees. */
export function pollReport(report: Report, settings: Settings["reports"], now: number): ReportState {
  report.polls++;
  const state = stateOf(report, settings, now);
  if (state.percent === 100 && state.running) report.pollsAt100++;
  if (state.async_status === "Job Completed") report.completed ??= now;
  return state;
}

function stateOf(report: Report, settings: Settings["reports"], now: number): ReportState {
  const { outcome } = report;
  const byClock = settings.duration_ms > 0 && outcome.polls === undefined;
  const needed = outcome.polls ?? settings.polls;
  const share = byClock
    ? (now - report.created) / settings.duration_ms
    : report.polls > needed
    ? 1
    : report.polls / (needed + 1);
  const percent = Math.min(100, Math.floor(share * 100));
  const end = outcome.end ?? "complete";
  if (end === "never" || share < 1) {
    const percentNow = end === "never" ? Math.min(percent, 45) : Math.min(percent, 99);
    const word = percentNow < 15 ? "Job Not Started" : percentNow < 30 ? "Job Started" : "Job Running";
    return { async_status: word, percent: percentNow < 15 ? 0 : percentNow, running: true };
  }
  if (end === "failed") return { async_status: "Job Failed", percent: 70, running: false };
  if (end === "skipped") return { async_status: "Job Skipped", percent: 0, running: false };
  if (report.completed === null && report.pollsAt100 < (outcome.polls_at_100 ?? settings.polls_at_100)) {
    return { async_status: "Job Running", percent: 100, running: true };
  }
  return { async_status: "Job Completed", percent: 100, running: false };
}

/** Writes why a run failed, as v25 and later do. */
export function failureJson(outcome: ReportOutcome): JsonRecord {
  return {
    error_code: outcome.error_code ?? -2,
    error_subcode: outcome.error_subcode ?? 2490547,
    error_message: outcome.error_message ?? "The report could not be made",
    error_user_title: "Report failed",
    error_user_msg: "Reduce the range or the number of objects and try again.",
  };
}
