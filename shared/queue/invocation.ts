/**
 * One invocation of a sync from the request to the answer: token, plan, slot, workers, summary. Both syncs go through
 * here; what differs is which jobs they plan (in SQL) and how they work on one.
 *
 * @module
 */

import type { Database } from "../database/rpc.ts";
import { finishSyncRun, type JobCounts, type StartedRun, startSyncRun, takeSyncSlot } from "../database/sync_runs.ts";
import type { Answer } from "../edge/answer.ts";
import type { Call } from "../edge/serve.ts";
import { ConfigError, GraphApiError, RequestError } from "../errors.ts";
import { createGraphClient, type GraphClient, type GraphCredentials } from "../meta/graph_client.ts";
import { fingerprintToken } from "../meta/tokens.ts";
import { buildJobError } from "./failure.ts";
import { runWorkers, type WorkOnJob } from "./workers.ts";
import { SyncRun } from "./run.ts";

/** Body of a sync request. */
export interface SyncBody {
  /** Digits; absent: every enabled account. */
  account_ids?: string[] | undefined;
  /** Begin half-read lists anew. */
  full?: boolean | undefined;
  /** Only go on with what is planned, as the tick asks for. */
  resume?: boolean | undefined;
  /** Only today and yesterday, as each hour asks for. */
  refresh?: boolean | undefined;
  /** First day of a backfill, `YYYY-MM-DD`. */
  since?: string | undefined;
  /** Its last day, inclusive. */
  until?: string | undefined;
}

/** The settings that a sync reads. */
export const SYNC_SETTINGS = ["account_ids", "api_version", "graph_url"] as const;

/** The request of a sync. */
export type SyncCall = Call<SyncBody, typeof SYNC_SETTINGS[number]>;

/** What makes a sync. */
export interface SyncDefinition {
  /** The function's name, as runs and logs carry it. */
  function_slug: string;
  /** Does one job that this invocation holds. */
  work: WorkOnJob;
  /** Sums of the answer from the counts by kind of job. */
  countRows: (rows: Record<string, number>) => Record<string, number>;
}

/** Name of the Vault secret with the Marketing API token. */
const TOKEN_SECRET = "meta_marketing_api_token";
/** Name of the one with the secret of that token's app, for apps with "Require App Secret". */
const APP_SECRET = "meta_marketing_app_secret";

function refuseAccounts(started: StartedRun, account_ids: string[]): never {
  const reasons = new Map(started.refused.map((refused) => [refused.fb_account_id, refused.reason]));
  const details = account_ids.flatMap((fb_account_id, index) => {
    const reason = reasons.get(fb_account_id);
    if (reason === undefined) return [];
    const message = reason === "unknown"
      ? "is no ad account that is known here"
      : "is an ad account that is not enabled (FB_ADS_ACCOUNT_IDS names those that are)";
    return [{ path: `account_ids[${index}]`, message }];
  });
  throw new RequestError("unknown_account", "Some ad accounts cannot be synced; nothing was started.", { details });
}

async function readCredentials(database: Database): Promise<GraphCredentials> {
  const [token, app_secret] = await Promise.all([database.readSecret(TOKEN_SECRET), database.readSecret(APP_SECRET)]);
  if (token === null) {
    const message = "is not in Vault, or holds a space, a quote or another character that no token has";
    throw new ConfigError([{ path: TOKEN_SECRET, message }]);
  }
  return { token, app_secret: app_secret ?? undefined };
}

/** How long a caller who waits is kept for a slot: a killed worker's is free after five seconds. */
const SLOT_WAIT_MS = 15_000;
const SLOT_LOOK_MS = 250;

/** Waits for a slot; null once there is one, else the open jobs that others have or that wait for the next tick. */
async function awaitSlot(
  database: Database,
  request: { run_id: string; account_ids?: string[] },
  sleep: (ms: number) => Promise<void>,
): Promise<number | null> {
  for (let waited = 0;; waited += SLOT_LOOK_MS) {
    const { slot, jobs_left = 0 } = await takeSyncSlot(database, request);
    if (slot) return null;
    if (jobs_left === 0 || waited >= SLOT_WAIT_MS) return jobs_left;
    await sleep(SLOT_LOOK_MS);
  }
}

/**
 * Answers a sync request. With `Prefer: respond-async` the answer is 202 as soon as the run has begun; else it comes
 * when the work or the budget is at its end. Called twice, the second call finds the first one's jobs and helps.
 *
 * @throws {RequestError} `unknown_account` before anything is started
 * @throws {ConfigError} without a token in Vault
 * @throws {GraphApiError} when Meta refused the token and nothing at all could be done
 */
export async function answerSync(call: SyncCall, definition: SyncDefinition): Promise<Answer> {
  const arrived_at = call.clock.now().toISOString();
  const { database } = call;
  const credentials = await readCredentials(database);
  const { function_slug } = definition;
  const token_fingerprint = fingerprintToken(credentials.token);
  const account_ids = call.body.account_ids;
  const scope = account_ids === undefined ? {} : { account_ids };

  const started = await startSyncRun(database, {
    ...call.body,
    function_slug,
    token_fingerprint,
    api_version: call.config.api_version,
    arrived_at,
    configured: call.config.account_ids,
  });
  if (started.run_id === null) refuseAccounts(started, account_ids ?? []);
  const run_id = started.run_id;
  const log = call.log.with({ run_id });

  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const jobs_left = started.slot || call.respond_async ? null : await awaitSlot(database, { run_id, ...scope }, sleep);
  if (started.settings === undefined || (!started.slot && (call.respond_async || jobs_left !== null))) {
    log.info("no free slot", { jobs_left: jobs_left ?? started.jobs_left });
    const jobs: JobCounts = { done: 0, left: jobs_left ?? 0, failed: 0 };
    return call.respond_async
      ? { status: 202, body: { run_id } }
      : { status: 200, body: { run_id, jobs, rows: definition.countRows({}), graph_calls: 0 } };
  }

  let graph_calls = 0;
  let refusal: GraphApiError | null = null;
  function openGraph(of: GraphCredentials, onRefusal?: (error: GraphApiError) => void): GraphClient {
    return createGraphClient({
      ...of,
      fetch: call.fetch,
      api_version: call.config.api_version,
      graph_url: call.config.graph_url,
      clock: call.clock,
      on_call: (made) => {
        graph_calls += 1;
        call.budget.count({ calls: 1, bytes: made.bytes });
        if (made.error !== null) {
          const { path, http_status, duration_ms } = made;
          log.warn("graph call refused", { path, http_status, duration_ms, ...buildJobError(made.error) });
          onRefusal?.(made.error);
        }
      },
    });
  }
  const graph = openGraph(credentials, (error) => {
    if (error.action === "stop_token") refusal = error;
  });
  const run = new SyncRun({
    scope: { run_id, function_slug, token_fingerprint, ...scope },
    settings: started.settings,
    configured: call.config.account_ids,
    database,
    graph,
    openGraph: (of) => openGraph(of),
    clock: call.clock,
    budget: call.budget,
    log,
    random: Math.random,
    sleep,
  });

  async function workAndFinish(): Promise<{ jobs: JobCounts; rows: Record<string, number> }> {
    let failure: unknown = null;
    try {
      await runWorkers(run, definition.work);
    } catch (error) {
      failure = error;
    }
    const stopped = run.stopped();
    const error = failure !== null ? buildJobError(failure) : refusal !== null ? buildJobError(refusal) : null;
    const rows = definition.countRows(run.rows);
    const jobs = await finishSyncRun(database, {
      run_id,
      ...scope,
      rows,
      graph_calls,
      warnings: run.warnings,
      error,
    });
    const { wall_ms, cpu_ms } = call.budget.used();
    log.info("run ended", {
      jobs,
      rows,
      graph_calls,
      stopped,
      wall_ms: Math.round(wall_ms),
      cpu_ms: Math.round(cpu_ms),
    });
    if (failure !== null) throw failure;
    return { jobs, rows };
  }

  if (call.respond_async) {
    call.background(workAndFinish);
    return { status: 202, body: { run_id } };
  }
  const { jobs, rows } = await workAndFinish();
  if (refusal !== null && jobs.done === 0) throw refusal;
  return { status: 200, body: { run_id, jobs, rows, graph_calls } };
}
