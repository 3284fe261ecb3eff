/**
 * `readPages`: what becomes of the page that is under way when the invocation must stop or the job is throttled.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { SyncJob } from "../../shared/database/sync_jobs.ts";
import { createIsolateAccount } from "../../shared/edge/budget.ts";
import { DEFAULT_API_VERSION } from "../../shared/edge/config.ts";
import { createLog } from "../../shared/edge/log.ts";
import { createGraphClient, type GraphCredentials } from "../../shared/meta/graph_client.ts";
import { type LoopPage, readPages } from "../../shared/queue/page_loop.ts";
import { SyncRun } from "../../shared/queue/run.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const CURSORS = ["page 2", "page 3", null];

const JOB: SyncJob = {
  id: 7,
  kind: "ads",
  lease_id: "b7e6b6a0-0000-4000-8000-000000000001",
  fb_account_id: "1001",
  currency: "IDR",
  timezone_name: "Asia/Jakarta",
  since: null,
  until: null,
  object_level: null,
  object_ids: null,
  params: {},
  cursor: null,
  page_size: 100,
  page_count: 0,
  report_run_id: null,
  refused_fields: [],
  page_max: null,
  attempts: 0,
};

/** Reads the list of three pages and notes what happens; `atFirstPage` runs while the first page is being stored. */
async function read(atFirstPage: (run: SyncRun) => "running" | "throttled"): Promise<string[]> {
  const seen: string[] = [];
  const clock = { now: () => NOW };
  const openGraph = ({ token }: GraphCredentials) =>
    createGraphClient({
      fetch: () => Promise.reject(new TypeError("no network")),
      token,
      api_version: DEFAULT_API_VERSION,
      graph_url: "http://127.0.0.1:1",
      clock,
    });
  const run = new SyncRun({
    scope: { run_id: "run", function_slug: "fb-sync-metadata", token_fingerprint: "0123456789abcdef" },
    settings: {
      accounts_in_flight: 1,
      metadata_page_size_max: 100,
      insights_page_size: 100,
      insights_page_size_max: 100,
      usage_brake_percent: 95,
    },
    configured: { mode: "all", ids: [] },
    database: {
      call: (operation, { outcome }) => {
        seen.push(`${operation} ${outcome}`);
        return Promise.resolve({ state: "pending" });
      },
      readSecret: () => Promise.resolve(null),
    },
    graph: openGraph({ token: "token" }),
    openGraph,
    clock,
    budget: createIsolateAccount({ now_ms: () => clock.now().getTime(), born_ms: NOW.getTime() }).openBudget(),
    log: createLog(clock, {}, () => undefined),
    random: () => 0.5,
    sleep: () => Promise.resolve(),
  });
  let asked = 0;
  await readPages<LoopPage>(run, JOB, {
    use_case: "ads_management",
    page_size: 100,
    page_size_max: 100,
    fetch: ({ cursor }) => {
      seen.push(`asked for ${cursor ?? "page 1"}`);
      return Promise.resolve({ after: CURSORS[asked++] ?? null, usage: [], bytes: 10, row_count: 1 });
    },
    store: (_page, { next_cursor }, { cursor }) => {
      seen.push(`stored ${cursor ?? "page 1"}, next is ${next_cursor}`);
      if (cursor !== null) return Promise.resolve({ state: next_cursor === null ? "done" : "running", next_job: null });
      return Promise.resolve({ state: atFirstPage(run), next_job: null });
    },
    nextDroppedFields: () => null,
  });
  return seen;
}

Deno.test("`readPages` asks for the next page while one is being stored", async () => {
  assertEquals(await read(() => "running"), [
    "asked for page 1",
    "asked for page 2",
    "stored page 1, next is page 2",
    "asked for page 3",
    "stored page 2, next is page 3",
    "stored page 3, next is null",
  ]);
});

Deno.test("`readPages` stores the page that is under way when it must stop, and releases the job behind it", async () => {
  const stop = (run: SyncRun): "running" => {
    run.stop("wall");
    return "running";
  };
  assertEquals(await read(stop), [
    "asked for page 1",
    "asked for page 2",
    "stored page 1, next is page 2",
    "stored page 2, next is page 3",
    "fb_release_sync_job release",
  ]);
});

Deno.test("`readPages` leaves a job that was throttled with its page alone", async () => {
  assertEquals(await read(() => "throttled"), [
    "asked for page 1",
    "asked for page 2",
    "stored page 1, next is page 2",
  ]);
});
