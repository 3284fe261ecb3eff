/**
 * One invocation of a sync while it runs: its doors, its budget, its counts, and whether it has to stop.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Database } from "../database/rpc.ts";
import type { ClaimScope, SyncJob } from "../database/sync_jobs.ts";
import type { RunWarning } from "../database/sync_runs.ts";
import type { Budget, Exhausted } from "../edge/budget.ts";
import type { Log } from "../edge/log.ts";
import type { GraphClient, GraphCredentials } from "../meta/graph_client.ts";
import { UsageRises } from "./usage.ts";

/** Settings of `fb_ads.settings` that a run works by. */
export interface SyncSettings {
  /** Accounts worked on at once. */
  accounts_in_flight: number;
  /** Largest page of a list. */
  metadata_page_size_max: number;
  /** First page of an insights query. */
  insights_page_size: number;
  /** Largest page of an insights query. */
  insights_page_size_max: number;
  /** Percentage of a quota from which on to stay away. */
  usage_brake_percent: number;
}

/** What an invocation is made of. */
export interface RunOptions {
  /** Whose jobs to claim. */
  scope: ClaimScope;
  /** What the run works by. */
  settings: SyncSettings;
  /** What `FB_ADS_ACCOUNT_IDS` says. */
  configured: { mode: "none" | "all" | "list"; ids: string[] };
  /** The database door. */
  database: Database;
  /** The Graph door, with the Marketing API token. */
  graph: GraphClient;
  /** Opens it with another token; what Meta answers to that one says nothing of the invocation's own. */
  openGraph: (credentials: GraphCredentials) => GraphClient;
  /** The present time. */
  clock: Clock;
  /** What is left of wall clock and CPU. */
  budget: Budget;
  /** The run's log. */
  log: Log;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Waits in place, for short retries only. */
  sleep: (ms: number) => Promise<void>;
}

/** Why an invocation ends before the work does. */
export type StopReason = Exclude<Exhausted, false> | "token_stopped";

/** Warnings kept of one run; more of the same tell nobody anything. */
const MAX_WARNINGS = 50;

/** One invocation of a sync. */
export class SyncRun {
  /** Whose jobs to claim. */
  readonly scope: ClaimScope;
  /** What the run works by. */
  readonly settings: SyncSettings;
  /** What `FB_ADS_ACCOUNT_IDS` says. */
  readonly configured: RunOptions["configured"];
  /** The database door. */
  readonly database: Database;
  /** The Graph door, with the Marketing API token. */
  readonly graph: GraphClient;
  /** Opens it with another token; what Meta answers to that one says nothing of the invocation's own. */
  readonly openGraph: RunOptions["openGraph"];
  /** The present time. */
  readonly clock: Clock;
  /** What is left of wall clock and CPU. */
  readonly budget: Budget;
  /** The run's log. */
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Waits in place, for short retries only. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Rows received from Meta by kind of job. */
  readonly rows: Record<string, number> = {};
  /** What a person should know, at most 50. */
  readonly warnings: RunWarning[] = [];
  /** How fast Meta's quotas rise. */
  readonly rises = new UsageRises();
  #stop: StopReason | null = null;
  #waiting: (() => void)[] = [];

  /** Starts nothing. */
  constructor(options: RunOptions) {
    this.scope = options.scope;
    this.settings = options.settings;
    this.configured = options.configured;
    this.database = options.database;
    this.graph = options.graph;
    this.openGraph = options.openGraph;
    this.clock = options.clock;
    this.budget = options.budget;
    this.log = options.log;
    this.random = options.random;
    this.sleep = options.sleep;
  }

  /** Ends the invocation after the request that is under way. */
  stop(reason: StopReason): void {
    this.#stop ??= reason;
  }

  /** Why no further request may be sent; false: go on. */
  stopped(): StopReason | false {
    return this.#stop ?? this.budget.exhausted();
  }

  /** Counts a page against the budget and the run's sums. Its request was counted when it was made. */
  countRows(job: SyncJob, page: { row_count: number }): void {
    this.rows[job.kind] = (this.rows[job.kind] ?? 0) + page.row_count;
    this.budget.count({ calls: 1, rows: page.row_count });
  }

  /** Keeps something that a person should know. */
  warn(warning: Omit<RunWarning, "fb_account_id"> & { fb_account_id?: string | null }): void {
    const { fb_account_id, ...rest } = warning;
    const kept: RunWarning = typeof fb_account_id === "string" ? { ...rest, fb_account_id } : rest;
    this.log.warn(kept.message, { ...kept });
    if (this.warnings.length < MAX_WARNINGS) this.warnings.push(kept);
  }

  /** Keeps Meta's warning of an ending version, once a run. */
  warnOfVersion(text: string): void {
    if (this.warnings.some((warning) => warning.code === "api_version")) return;
    this.warn({ code: "api_version", message: "Meta warns of the API version in META_API_VERSION.", facts: { text } });
  }

  /** Tells idle workers that there may be new jobs. */
  progressed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves at the next page that any worker stores, or when a worker ends. */
  nextProgress(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
