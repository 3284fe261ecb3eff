/**
 * The nightly upsert of 56,000 rows into a table of 100,000 rows and into one of 10 million: buffers touched and
 * write-ahead log a row, as Postgres itself counts them. A night restates a third of the days' rows and brings a new
 * day.
 *
 * @module
 */

import { type Platform, type Sql, startPlatform } from "../../supabase-local/mod.ts";
import { type Figure, information } from "./figure.ts";

const ADS_AN_ACCOUNT = 2_000;
const STORED_DAYS = 50;
const WINDOW_DAYS = 28;
const PAGE = 500;
const SMALL = 100_000;
const LARGE = 10_000_000;
const LAST_DAY = "2026-11-21";

/** Fills the tree and `ad_spend` to `rows`, as years of nights would have left it. */
async function fill(sql: Sql, rows: number): Promise<void> {
  const accounts = rows / (ADS_AN_ACCOUNT * STORED_DAYS);
  await sql.begin(async (transaction) => {
    // Account after account, as syncs store them.
    // Foreign keys hold by construction here; checking them one by one would take an hour.
    await transaction`set local session_replication_role = replica`;
    await transaction`set local maintenance_work_mem = '512MB'`;
    await transaction`insert into public.ad_accounts (fb_account_id, timezone_name, currency, enabled)
      select (1000 + n)::text, 'UTC', 'USD', true from generate_series(1, ${accounts}::int) as n`;
    await transaction`insert into public.ad_campaigns (account_id, fb_campaign_id)
      select id, fb_account_id || lpad(n::text, 6, '0') from public.ad_accounts, generate_series(1, 20) as n order by fb_account_id, n`;
    await transaction`insert into public.ad_adsets (account_id, campaign_id, fb_adset_id)
      select account_id, id, fb_campaign_id || lpad(n::text, 3, '0') from public.ad_campaigns, generate_series(1, 10) as n order by fb_campaign_id, n`;
    await transaction`insert into public.ad_ads (id, account_id, adset_id, fb_ad_id)
      select fb_ads.ad_key(account_id), account_id, id, fb_adset_id || lpad(n::text, 3, '0') from public.ad_adsets, generate_series(1, 10) as n order by fb_adset_id, n`;
    const indexes = await transaction<{ name: string; definition: string }[]>`
      select indexname as name, indexdef as definition from pg_indexes
      where tablename = 'ad_spend' and indexname not in (select conname from pg_constraint)`;
    for (const { name } of indexes) await transaction.unsafe(`drop index public.${name}`);
    await transaction.unsafe(`
      insert into public.ad_spend (date, account_id, campaign_id, adset_id, ad_id, spend, impressions, clicks, reach, currency, actions)
      select date '${LAST_DAY}' - day, a.account_id, s.campaign_id, a.adset_id, a.id, 12.34, 1000, 10, 900, 'USD',
        '[{"action_type": "link_click", "value": "10"}, {"action_type": "purchase", "value": "1"}]'
      from generate_series(0, ${STORED_DAYS - 1}) as day
      cross join public.ad_ads a join public.ad_adsets s on s.id = a.adset_id
      order by day desc, a.account_id`);
    for (const { definition } of indexes) await transaction.unsafe(definition);
  });
  await sql`vacuum (analyze) public.ad_spend`;
  await sql`analyze public.ad_accounts, public.ad_campaigns, public.ad_adsets, public.ad_ads`;
}

interface Night {
  rows: number;
  buffers: number;
  wal_bytes: number;
  milliseconds: number;
}

interface Plan {
  Plan: Record<string, number>;
  "Execution Time": number;
}

/** One night of one account: 28 days of which the newest is new, every third row restated. */
async function upsertNight(platform: Platform): Promise<Night> {
  const { sql } = platform;
  const [account] = await sql`select id from public.ad_accounts order by fb_account_id desc limit 1`;
  const ads = await sql`
    select a.fb_ad_id, s.fb_adset_id, c.fb_campaign_id from public.ad_ads a
    join public.ad_adsets s on s.id = a.adset_id join public.ad_campaigns c on c.id = s.campaign_id
    where a.account_id = ${account?.id} order by a.id`;
  const night: Night = { rows: 0, buffers: 0, wal_bytes: 0, milliseconds: 0 };
  // A full-page image after a checkpoint is the price of the checkpoint and not of the row.
  await sql`checkpoint`;
  await sql`alter system set full_page_writes = off`;
  await sql`select pg_reload_conf()`;
  for (let day = 0; day < WINDOW_DAYS; day += 1) {
    const date = new Date(Date.parse(LAST_DAY) + (1 - day) * 86_400_000).toISOString().slice(0, 10);
    for (let from = 0; from < ads.length; from += PAGE) {
      const rows = ads.slice(from, from + PAGE).map((ad, index) => ({
        ...ad,
        date,
        spend: (index + day) % 3 === 0 ? "12.35" : "12.34",
        impressions: 1000,
        clicks: 10,
        reach: 900,
        currency: "USD",
        actions: [{ action_type: "link_click", value: "10" }, { action_type: "purchase", value: "1" }],
      }));
      const [row] = await sql.unsafe(
        `explain (analyze, buffers, wal, format json) select * from fb_ads.upsert_insights('${account?.id}', $1::text::jsonb)`,
        [JSON.stringify(rows)],
      );
      const [plan] = row?.["QUERY PLAN"] as [Plan];
      night.rows += rows.length;
      night.buffers += (plan.Plan["Shared Hit Blocks"] ?? 0) + (plan.Plan["Shared Read Blocks"] ?? 0);
      night.wal_bytes += plan.Plan["WAL Bytes"] ?? 0;
      night.milliseconds += plan["Execution Time"];
    }
  }
  return night;
}

async function measure(rows: number): Promise<Night> {
  await using platform = await startPlatform({ schedule: false });
  await fill(platform.sql, rows);
  return await upsertNight(platform);
}

function ratio(name: string, large: number, small: number, unit: string): Figure {
  const text = (amount: number) => `${amount.toFixed(1)} ${unit}`;
  return {
    name,
    value: text(large),
    baseline: text(small),
    ratio: large / small,
    goal: "at most 1.2",
    ok: large / small <= 1.2,
  };
}

/** Runs the bench. `rows` of the large table can be given for a quick look. */
export async function benchInsightsScale(rows = LARGE): Promise<Figure[]> {
  const small = await measure(SMALL);
  const large = await measure(rows);
  const million = `${rows / 1_000_000} million rows`;
  return [
    ratio(
      `buffers a row at ${million} beside 100,000`,
      large.buffers / large.rows,
      small.buffers / small.rows,
      "pages",
    ),
    ratio(
      `WAL a row at ${million} beside 100,000`,
      large.wal_bytes / large.rows,
      small.wal_bytes / small.rows,
      "bytes",
    ),
    information(
      `${large.rows} rows at ${million}`,
      `${Math.round(large.milliseconds)} ms, at 100,000 ${Math.round(small.milliseconds)} ms`,
    ),
  ];
}

if (import.meta.main) console.table(await benchInsightsScale(Number(Deno.args[0] ?? LARGE)));
