/**
 * Refunds found among 100,000 sales of the last 180 days and among a million: what one batch costs, and how long it
 * takes until all sales were looked at.
 *
 * @module
 */

import { makeShop } from "../testing/shop_suite.ts";
import { type Platform, startPlatform } from "../../supabase-local/mod.ts";
import { type Cost, costOf } from "./explained.ts";
import { type Figure, information } from "./figure.ts";

const FEW = 100_000;
const MANY = 1_000_000;
const DAYS = 170;
const BATCH = 10_000;
const GOAL = 1.2;
/** One sale in so many was refunded since the last look. */
const REFUNDED = 50;

/** So many sales, evenly over the days, each with its result; some are refunded now. */
async function fill({ sql }: Platform, sales: number): Promise<void> {
  await sql.unsafe(`
    set statement_timeout = 0;
    set session_replication_role = replica;
    truncate public.transactions, fb_ads.attribution_results, public.ad_attributions;
    insert into public.transactions (status, amount, currency, created_at, completed_at)
    select case when n % ${REFUNDED} = 0 then 'refunded' else 'completed' end, 1000, 'IDR', moment.at, moment.at
    from generate_series(1, ${sales}) as n
    cross join lateral (select now() - n * interval '${DAYS} days' / ${sales}) as moment (at);
    insert into fb_ads.attribution_results (
      transaction_ref, outcome, reason, completed_at, checkout_at, conversion_value, current_value, net_value)
    select id::text, 'unattributed', 'no_touch', completed_at, completed_at, 1000, 1000, 1000 from public.transactions;
    reset session_replication_role;
    update fb_ads.scheduled_jobs set cursor = null where cursor is not null;`).simple();
  await sql.unsafe("vacuum (analyze) public.transactions, fb_ads.attribution_results");
}

/** Looks at all sales, as the hour and the minutes after it do. */
async function lookAtAll({ sql }: Platform, sales: number): Promise<Cost[]> {
  const batches: Cost[] = [];
  let isOpen = true;
  while (isOpen) {
    batches.push(await costOf(sql`explain (analyze, buffers, format json) select fb_ads.continue_reversals()`));
    const [job] = await sql`select cursor is not null as open from fb_ads.scheduled_jobs
      where jobname = 'fb-ads-reversals'`;
    isOpen = job?.open === true;
  }
  const [found] = await sql`
    select count(*)::int as sales from fb_ads.attribution_results where reversal_reason = 'refunded'`;
  if (found?.sales !== sales / REFUNDED) throw new Error(`${found?.sales} refunds were found`);
  return batches;
}

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Measures both sizes in one run. */
export async function benchReversals(): Promise<Figure[]> {
  await using platform = await startPlatform({ schedule: false });
  await makeShop(platform);
  const costs: Cost[][] = [];
  for (const sales of [FEW, MANY]) {
    await fill(platform, sales);
    costs.push(await lookAtAll(platform, sales));
  }
  const [few = [], many = []] = costs.map((batches) => batches.filter((_, index) => index < batches.length - 1));
  const buffers = [few, many].map((batches) => mean(batches.map((batch) => batch.buffers)));
  const ratio = (buffers[1] ?? NaN) / (buffers[0] ?? NaN);
  const slowest = Math.max(...many.map((batch) => batch.milliseconds));
  return [
    {
      name: `a batch of ${BATCH.toLocaleString("en")} sales among a million`,
      value: `${buffers[1]?.toFixed(0)} buffers`,
      baseline: `${buffers[0]?.toFixed(0)} among 100,000`,
      ratio,
      goal: `at most ${GOAL} times the buffers`,
      ok: ratio <= GOAL,
    },
    information(
      "its time at a million",
      `${mean(many.map((batch) => batch.milliseconds)).toFixed(0)} ms, at most ${slowest.toFixed(0)} ms`,
    ),
    information("batches, one a minute, until a million sales were looked at", `${costs[1]?.length}`),
  ];
}
