/**
 * A sync to its end, call after call, as the benches of both syncs measure it.
 *
 * @module
 */

import { sync, type SyncAnswer } from "../testing/suite.ts";
import type { Platform } from "../../supabase-local/mod.ts";

/** What a whole sync took. */
export interface SyncCost {
  wall_ms: number;
  /** CPU of all the function's workers. */
  cpu_ms: number;
  /** Requests to Meta. */
  calls: number;
  invocations: number;
}

/** Boots the function's worker, so that no clock runs meanwhile. */
export async function bootWorker(platform: Platform, slug: string): Promise<void> {
  const response = await platform.invoke(slug, { account_ids: ["0"] });
  await response.body?.cancel();
}

/** Calls the sync until nothing is left. */
export async function runToEnd(platform: Platform, slug: string, body: unknown = {}): Promise<SyncCost> {
  const [cpu, started] = [platform.functionCpuMs(slug), performance.now()];
  let [calls, invocations] = [0, 0];
  let answer: SyncAnswer;
  do {
    answer = await sync(platform, slug, invocations === 0 ? body : { resume: true });
    calls += answer.graph_calls;
    invocations += 1;
  } while (answer.jobs.left > 0);
  return {
    wall_ms: performance.now() - started,
    cpu_ms: platform.functionCpuMs(slug) - cpu,
    calls,
    invocations,
  };
}
