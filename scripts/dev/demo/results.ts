/**
 * What came of the shoppers: their events at the emulator's Conversions API, what each ad cost and sold, and the sales
 * that no ad is credited with.
 *
 * @module
 */

import postgres from "postgres";
import type { GraphEmulator } from "../../meta-emulator/mod.ts";
import type { Platform } from "../../supabase-local/mod.ts";
import { printTable } from "./demo_progress.ts";
import type { Cell } from "./terminal_table.ts";

/** Longest wait for what the schedule does within a minute. */
const MOST_MS = 150_000;

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + MOST_MS;
  while (!await isTrue()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until Meta has the Purchase of every sale. Triggers and pg_net send them; the tick takes up what is left. */
export async function awaitPurchases(platform: Platform, graph: GraphEmulator, sales: string[]): Promise<void> {
  await until("the purchases at the Conversions API", () => {
    const arrived = new Set(graph.capi.events.map(({ event }) => String(event.event_id)));
    return Promise.resolve(sales.every((sale) => arrived.has(sale)));
  });
  await platform.sql`select fb_ads.tick()`;
  await until("the attribution of every sale", async () => {
    const [left] = await platform.sql`
      select count(*)::int as n from fb_ads.attribution_results where transaction_ref = any (${sales})`;
    return left?.n >= sales.length;
  });
}

/** The host pays one sale back; nothing goes to Meta, the ad's net revenue drops. */
export async function refund(platform: Platform, sale: string): Promise<void> {
  const host = postgres(platform.hostDbUrl, { max: 1, onnotice: () => undefined });
  try {
    await host`update public.transactions set status = 'refunded' where id = ${sale}`;
  } finally {
    await host.end();
  }
  await platform.runCronJob("fb-ads-reversals");
}

/** Prints the events as Meta received them: hashed, with the id of the purchase. */
export function showEvents(graph: GraphEmulator): void {
  const short = (value: unknown): string => {
    const text = String(Array.isArray(value) ? value[0] ?? "" : value ?? "");
    return text.length > 16 ? `${text.slice(0, 12)}…` : text;
  };
  const rows = graph.capi.events.map(({ event }) => {
    const user = new Map(Object.entries(event.user_data ?? {}));
    const custom = new Map(Object.entries(event.custom_data ?? {}));
    const amount = custom.has("value") ? `${custom.get("value")} ${custom.get("currency") ?? ""}` : "";
    return {
      event: String(event.event_name ?? ""),
      event_id: short(event.event_id),
      em: short(user.get("em")),
      ph: short(user.get("ph")),
      fbc: short(user.get("fbc")),
      value: amount,
    };
  });
  printTable("At the Conversions API: every event, e-mail and phone hashed", rows);
}

/** Prints what Meta says of the events beside the week before, and which keys they carried. */
export async function showRecognition(platform: Platform): Promise<void> {
  const rows = await platform.sql<Record<string, Cell>[]>`
    select
      quality.event_name as event,
      quality.composite_score::float8 as "of 10",
      (
        select round(percentile_cont(0.5) within group (order by older.composite_score)::numeric, 2)::float8
        from public.ad_event_quality as older
        where older.pixel_id = quality.pixel_id and older.event_name = quality.event_name
          and older.date between quality.date - 7 and quality.date - 1
      ) as "week before",
      quality.event_coverage::float8 as "server too, %",
      quality.event_coverage_goal::float8 as "goal, %",
      (
        select string_agg(own.key || ' ' || round(own.percentage), ', ' order by own.percentage desc, own.key)
        from fb_ads.daily_event_keys as own
        where own.date = quality.date and own.pixel_id = quality.pixel_id and own.event_name = quality.event_name
          and own.key in ('email', 'phone', 'fbc')
      ) as "keys sent, %"
    from public.ad_event_quality as quality
    where quality.date = (now() at time zone 'UTC')::date
    order by quality.composite_score desc, quality.event_name`;
  printTable("How well Meta recognises the people behind the events", rows);
}

/** Prints what each ad cost and brought in four weeks, and what became of these sales. */
export async function showPerformance(platform: Platform, refs: readonly string[]): Promise<void> {
  const ads = await platform.sql<Record<string, Cell>[]>`
    select
      performance.ad_name as ad,
      performance.effective_status as state,
      performance.currency as "in",
      sum(performance.spend)::float8 as spend,
      sum(performance.link_clicks)::float8 as "link clicks",
      sum(performance.sales_by_click_day)::int as sales,
      round(sum(performance.revenue_by_click_day))::float8 as "net revenue",
      (sum(performance.revenue_by_click_day) / nullif(sum(performance.spend), 0))::float8 as "ROAS"
    from public.fb_ad_performance as performance
    join public.ad_accounts as account on account.id = performance.account_id
    where performance.date > fb_ads.local_day(account.timezone_name) - 28
    group by performance.ad_id, performance.ad_name, performance.effective_status, performance.currency
    order by performance.currency, sum(performance.revenue_by_click_day) - sum(performance.spend)
    limit 20`;
  printTable("What each ad cost and sold in the last 28 days, the worst first", ads);
  const sales = await platform.sql<Record<string, Cell>[]>`
    select
      purchase.first_name as buyer,
      purchase.value::float8 as paid,
      purchase.currency as "in",
      purchase.status,
      ad.name as ad,
      attribution.matched_by as "matched by",
      result.reason as "no ad because"
    from fb_ads.purchases as purchase
    left join public.ad_attributions as attribution on attribution.transaction_ref = purchase.transaction_ref
    left join public.ad_ads as ad on ad.id = attribution.ad_id
    left join fb_ads.attribution_results as result on result.transaction_ref = purchase.transaction_ref
    where purchase.transaction_ref = any (${refs})
    order by purchase.completed_at`;
  printTable("Today's sales, linked to their ad or to the reason why not", sales);
}
