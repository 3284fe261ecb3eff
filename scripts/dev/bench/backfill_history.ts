/**
 * 37 months read beside fresh nights, one call a minute and one job at a time; and a report of Meta's that stands at 0
 * % for an hour. How many ticks and calls each takes.
 *
 * @module
 */

import { planAccount, World } from "../../meta-emulator/mod.ts";
import { startSuite, type Suite, sync } from "../testing/suite.ts";
import { type Figure, information } from "./figure.ts";

const SLUG = "fb-sync-insights";
const ADS = 300;
/** More days than 37 months can have. */
const HISTORY_DAYS = 1_140;
const MONTHS = 37;
/** A night begins after so many ticks of the backfill. */
const TICKS_A_NIGHT = 2;

function makeWorld(history_days: number): World {
  const account = planAccount(0, { account_id: "1001", ads: ADS, history_days, plain: true });
  return new World({ accounts: [account], now: new Date() });
}

/** Calls the function once, as the tick does; whoever held a job when its worker was killed holds it no longer. */
async function tick({ platform }: Suite, body: unknown): Promise<void> {
  await platform.sql`update fb_ads.sync_jobs set lease_until = now() where state = 'running'`;
  const response = await platform.invoke(SLUG, body).catch(() => null);
  await response?.body?.cancel();
}

async function openJobs({ platform }: Suite, purposes: string[]): Promise<number> {
  const [row] = await platform.sql`select count(*)::int as jobs from fb_ads.sync_jobs
    where state in ('pending', 'running') and (purpose = any (${purposes}) or kind = 'reconciliation')`;
  return row?.jobs;
}

async function backfill(): Promise<Figure[]> {
  await using suite = await startSuite({ graph: { world: makeWorld(HISTORY_DAYS) } });
  const { platform, graph } = suite;
  const { sql } = platform;
  await sql`update fb_ads.settings set insights_backfill_days = 0`;
  await sync(platform, "fb-sync-metadata");
  const [range] = await sql`
    select (fb_ads.local_day(timezone_name) - make_interval(months => ${MONTHS}))::date + 1 as since,
      (fb_ads.local_day(timezone_name) - (fb_ads.local_day(timezone_name) - make_interval(months => ${MONTHS}))::date) as days
    from public.ad_accounts`;
  graph.ledger.reset();
  graph.settings.latency_ms = { min: 100, max: 400 };
  await tick(suite, { since: "2015-01-01" });
  let [ticks, nights, nightTicks] = [1, 0, 0];
  while (await openJobs(suite, ["window", "refresh", "backfill", "recheck"]) > 0) {
    if (ticks % TICKS_A_NIGHT === 0) {
      await tick(suite, {});
      let taken = 1;
      while (await openJobs(suite, ["window"]) > 0) {
        await tick(suite, { resume: true });
        taken += 1;
      }
      [nights, nightTicks, ticks] = [nights + 1, Math.max(nightTicks, taken), ticks + taken];
    } else {
      await tick(suite, { resume: true });
      ticks += 1;
    }
  }
  const [stored] = await sql`
    select count(*)::int as rows, count(distinct date)::int as days from public.ad_spend where date >= ${range?.since}`;
  const [off] = await sql`select count(*)::int as days from fb_ads.reconciliations where state <> 'equal'`;
  const refused = graph.ledger.calls.filter((call) => call.code !== null).length;
  return [
    {
      name: `${MONTHS} months of ${ADS} ads: days stored`,
      value: `${stored?.days}, ${stored?.rows} rows`,
      baseline: `${range?.days}`,
      ratio: stored?.days / range?.days,
      goal: "all, every day that was compared equal to Meta's total, no refused call",
      ok: stored?.days === range?.days && off?.days === 0 && refused === 0,
    },
    information("ticks that it took", `${ticks}, ${nights} nights among them of at most ${nightTicks} ticks`),
    information("Graph calls", `${graph.ledger.calls.length}, ${refused} refused`),
  ];
}

/**
 * Lets the pause before the next look at a report pass at once, for the report's patience too; says how long it was.
 */
async function skipPause({ platform }: Suite): Promise<number> {
  const [skipped] = await platform.sql`
    update fb_ads.sync_jobs as job
    set not_before = now(), params = jsonb_set(
      job.params, '{report,moved_at}', to_jsonb((job.params -> 'report' ->> 'moved_at')::float8 - pause.ms))
    from (
      select min(extract(epoch from waiting.not_before - now()) * 1000)::float8 as ms
      from fb_ads.sync_jobs as waiting where waiting.state = 'pending' and waiting.params ? 'report'
    ) as pause
    where job.state = 'pending' and job.params ? 'report' and pause.ms > 0
    returning pause.ms`;
  return skipped?.ms ?? 0;
}

async function reportThatStands(): Promise<Figure[]> {
  await using suite = await startSuite({ graph: { world: makeWorld(28) } });
  const { platform, graph } = suite;
  await platform.sql`update fb_ads.settings set insights_backfill_days = 0, insights_sync_rows = 0`;
  await sync(platform, "fb-sync-metadata");
  graph.ledger.reset();
  graph.settings.reports = { ...graph.settings.reports, polls: 0, polls_at_100: 0 };
  graph.faults.add({
    match: { route: "insights.create" },
    action: { kind: "report", outcome: { end: "never" } },
    times: 1,
  });
  let [ticks, stood_ms] = [0, 0];
  do {
    await tick(suite, ticks === 0 ? {} : { resume: true });
    stood_ms += await skipPause(suite);
    ticks += 1;
  } while (await openJobs(suite, ["window", "refresh", "recheck"]) > 0);
  const looks = graph.ledger.calls.filter((call) => call.route === "report_run").length;
  const [stored] = await platform.sql`select count(distinct date)::int as days from public.ad_spend`;
  return [
    {
      name: "a report that stands at 0 % is begun anew after an hour: days stored",
      value: `${stored?.days}`,
      baseline: "28",
      ratio: stored?.days / 28,
      goal: "all",
      ok: stored?.days === 28,
    },
    information(
      "ticks, looks and calls until then",
      `${ticks} ticks, ${looks} looks, ${graph.ledger.calls.length} calls, ${Math.round(stood_ms / 60_000)} minutes`,
    ),
  ];
}

/** Measures both; it takes some minutes, for the pages are slow on purpose. */
export async function benchBackfill(): Promise<Figure[]> {
  return [...await backfill(), ...await reportThatStands()];
}
