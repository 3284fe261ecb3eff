/**
 * The ad-and-day view over 30 days, in a database with 10 million rows of spend.
 *
 * @module
 */

import { type Platform, startPlatform } from "../../supabase-local/mod.ts";
import type { Figure } from "./figure.ts";

const ADS = 10_000;
const DAYS = 1_000;
const RUNS = 5;

/** Fills spend without its indexes and foreign keys, and makes the indexes again. */
async function fillSpend({ sql }: Platform): Promise<void> {
  await sql.unsafe(`
    insert into public.ad_accounts (fb_account_id, name, currency, timezone_name, enabled) values ('1001', 'Jakarta', 'IDR', 'Asia/Jakarta', true);
    insert into public.ad_campaigns (account_id, fb_campaign_id, name)
    select id, (120210000000000000 + n)::text, 'Campaign ' || n from public.ad_accounts, generate_series(1, 100) as n;
    insert into public.ad_adsets (account_id, campaign_id, fb_adset_id, name)
    select c.account_id, c.id, (120210000001000000 + row_number() over ())::text, 'Ad set' from public.ad_campaigns as c, generate_series(1, 10) as n;
    insert into public.ad_ads (account_id, adset_id, fb_ad_id, name)
    select s.account_id, s.id, (120210000002000000 + row_number() over ())::text, 'Ad' from public.ad_adsets as s, generate_series(1, ${
    ADS / 1_000
  }) as n;`);
  const indexes = await sql<{ name: string; definition: string }[]>`
    select indexname as name, indexdef as definition from pg_indexes
    where schemaname = 'public' and tablename = 'ad_spend' and indexname not in ('ad_spend_pkey', 'ad_spend_date_ad_id_key')`;
  for (const { name } of indexes) await sql.unsafe(`drop index public.${name}`);
  await sql.unsafe(`
    alter table public.ad_spend drop constraint ad_spend_pkey, drop constraint ad_spend_date_ad_id_key;
    alter table public.ad_spend set unlogged;
    set session_replication_role = replica;
    insert into public.ad_spend (date, account_id, campaign_id, adset_id, ad_id, spend, impressions, clicks, currency)
    select current_date - day, a.account_id, s.campaign_id, s.id, a.id, 1000 + day, 1000, 10, 'IDR'
    from generate_series(0, ${DAYS - 1}) as day, public.ad_ads as a join public.ad_adsets as s on s.id = a.adset_id;
    set session_replication_role = origin;
    set maintenance_work_mem = '512MB';
    alter table public.ad_spend add constraint ad_spend_date_ad_id_key unique (date, ad_id);
    alter table public.ad_spend add constraint ad_spend_pkey primary key (id);`);
  for (const { definition } of indexes) await sql.unsafe(definition);
  await sql.unsafe(`
    insert into public.ad_attributions (transaction_ref, campaign_id, adset_id, ad_id, conversion_event, event_time, clicked_at, conversion_value, net_value, currency)
    select n::text, s.campaign_id, s.id, a.id, 'Purchase', now() - n * interval '15 minutes', now() - n * interval '15 minutes' - interval '1 hour', 100, 100, 'IDR'
    from (select *, row_number() over () as place from public.ad_ads) as a
    join public.ad_adsets as s on s.id = a.adset_id
    join generate_series(1, 100000) as n on n % ${ADS} = a.place - 1`);
  await sql.unsafe(
    "vacuum (analyze) public.ad_spend, public.ad_attributions, public.ad_ads, public.ad_adsets, public.ad_campaigns",
  );
}

/** Measures the view as the reports' reader would ask it. */
export async function benchViews(): Promise<Figure[]> {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await fillSpend(platform);
  const times: number[] = [];
  let ad_days = 0;
  for (let run = 0; run <= RUNS; run += 1) {
    const started = performance.now();
    const [row] = await sql`
      select count(*)::int as ad_days, sum(spend) as spend, sum(sales_by_click_day) as sales, sum(revenue_by_payment_day) as revenue
      from public.fb_ad_performance where date between current_date - 30 and current_date - 1`;
    if (run > 0) times.push(performance.now() - started);
    ad_days = Number(row?.ad_days);
  }
  const milliseconds = times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Infinity;
  return [{
    name: `fb_ad_performance over 30 days (${ad_days} ad-days) at ${ADS * DAYS} rows of spend`,
    value: `${milliseconds.toFixed(0)} ms`,
    baseline: null,
    ratio: null,
    goal: "under 1,000 ms",
    ok: milliseconds < 1_000,
  }];
}
