/**
 * The large account under fire: 4,000 ads × 28 days with 0.3 to 1.5 s a page, workers that are killed at 150 s of wall
 * clock and 2 s of CPU, one call a tick. Exact in the end, no page read more than twice, and how many ticks it took.
 *
 * @module
 */

import { bigAccountWorld } from "../../meta-emulator/mod.ts";
import { startSuite, sync } from "../testing/suite.ts";
import type { Platform } from "../../supabase-local/mod.ts";
import { type Figure, information } from "./figure.ts";

const SLUG = "fb-sync-insights";
const ADS = 4_000;
const DAYS = 28;
const MEGABYTE = 1_048_576;

/** Most memory that the worker has had so far; Linux alone tells. */
async function peakMemory(platform: Platform): Promise<number> {
  const process = platform.functionProcess(SLUG);
  if (process === null) return 0;
  const status = await Deno.readTextFile(`/proc/${process.pid}/status`).catch(() => "");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}

/** Runs the bench; it takes some minutes, for the pages are slow on purpose. */
export async function benchBigInsights(): Promise<Figure[]> {
  const world = bigAccountWorld(new Date(), { ads: ADS, days: DAYS });
  await using suite = await startSuite({ graph: { world } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await sql`update fb_ads.settings set insights_backfill_days = 0`;
  let metadata = await sync(platform, "fb-sync-metadata");
  while (metadata.jobs.left > 0) metadata = await sync(platform, "fb-sync-metadata", { resume: true });

  graph.ledger.reset();
  graph.settings.latency_ms = { min: 300, max: 1_500 };
  let memory = 0;
  const watch = setInterval(async () => memory = Math.max(memory, await peakMemory(platform)), 250);
  const started = performance.now();
  let ticks = 0;
  let killed = 0;
  for (let left = 1; left > 0; ticks += 1) {
    const calls = graph.ledger.calls.length;
    const response = await platform.invoke(SLUG, ticks === 0 ? {} : { resume: true }).catch(() => null);
    await response?.body?.cancel();
    if (response === null || response.status !== 200) killed += 1;
    // A worker near the end of its life begins nothing; in the minute between two ticks the platform retires it.
    if (graph.ledger.calls.length === calls) await platform.killFunction(SLUG);
    // A worker that was killed holds its job until the lease runs out; here nobody waits for that.
    await sql`update fb_ads.sync_jobs set lease_until = now() where state = 'running'`;
    const [open] = await sql`select count(*)::int as jobs from fb_ads.sync_jobs where state in ('pending', 'running')`;
    left = open?.jobs;
  }
  const minutes = (performance.now() - started) / 60_000;
  clearInterval(watch);

  const [stored] = await sql`select count(*)::int as rows from public.ad_spend`;
  const [off] = await sql`select count(*) filter (where state <> 'equal')::int as days from fb_ads.reconciliations`;
  const reads = new Map<string, number>();
  for (const call of graph.ledger.calls.filter((call) => ["insights", "insights.read"].includes(call.route))) {
    const key = `${call.path} ${JSON.stringify(call.params)}`;
    reads.set(key, (reads.get(key) ?? 0) + 1);
  }
  const most = Math.max(...reads.values());
  const exact = stored?.rows === ADS * DAYS && off?.days === 0;
  return [
    {
      name: `${ADS} ads × ${DAYS} days: rows stored`,
      value: `${stored?.rows}`,
      baseline: `${ADS * DAYS}`,
      ratio: stored?.rows / (ADS * DAYS),
      goal: "all, and every day equal to Meta's total",
      ok: exact,
    },
    {
      name: "how often a page was read at most",
      value: `${most}`,
      baseline: null,
      ratio: null,
      goal: "2",
      ok: most <= 2,
    },
    {
      name: "memory of the worker at most",
      value: `${Math.round(memory / MEGABYTE)} MB`,
      baseline: "256 MB",
      ratio: memory / (256 * MEGABYTE),
      goal: "under 256 MB",
      ok: memory < 256 * MEGABYTE,
    },
    information("ticks that it took", `${ticks}, ${killed} of them killed, ${minutes.toFixed(1)} minutes`),
    information("Graph calls", `${graph.ledger.calls.length}`),
  ];
}

if (import.meta.main) console.table(await benchBigInsights());
