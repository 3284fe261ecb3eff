/**
 * Attribution of 1,000 sales among 100,000 touchpoints and among 10 million: what a sale costs in pages of the
 * database, and whether a touchpoint is ever looked for other than by an index.
 *
 * @module
 */

import { makeShop } from "../testing/shop_suite.ts";
import { type Platform, startPlatform } from "../../supabase-local/mod.ts";
import { type Cost, costOf } from "./explained.ts";
import type { Figure } from "./figure.ts";

const SALES = 1_000;
const FEW = 100_000;
const MANY = 10_000_000;

/** A catalogue, a shop with 1,000 buyers, their browsers and checkouts, and one sale of each. */
async function makeBuyers({ sql }: Platform): Promise<void> {
  await sql.unsafe(`
    insert into public.ad_accounts (fb_account_id, currency, timezone_name, enabled) values ('1001', 'IDR', 'Asia/Jakarta', true);
    insert into public.ad_campaigns (account_id, fb_campaign_id) select id, '120210000000000001' from public.ad_accounts;
    insert into public.ad_adsets (account_id, campaign_id, fb_adset_id) select account_id, id, '120210000000000002' from public.ad_campaigns;
    insert into public.ad_ads (account_id, adset_id, fb_ad_id)
    select account_id, id, (120210000000010000 + n)::text from public.ad_adsets, generate_series(1, 5000) as n;
    insert into public.unified_profiles (email, phone) select 'buyer' || n || '@example.com', '62812' || (10000000 + n) from generate_series(1, ${SALES}) as n;
    insert into public.transactions (user_id, status, amount, currency, created_at, completed_at)
    select id, 'completed', 100, 'IDR', now() - interval '10 minutes', now() from public.unified_profiles;
    insert into fb_ads.conversion_events (event_name, event_id, event_time, content, user_data, state, order_id, browser_digest, user_digest, origin, received_at)
    select 'InitiateCheckout', 'checkout-' || id, now() - interval '10 minutes', '{}', '{}', 'stored', id::text, md5(user_id::text) || md5('browser'),
      fb_ads.digest_of(user_id::text), 'browser', now() - interval '10 minutes'
    from public.transactions;
    insert into fb_ads.checkout_clicks (event_id, fbc_digest) select 'checkout-' || id, md5(user_id::text) || md5('fbc') from public.transactions;
    insert into fb_ads.browser_people (
      browser_digest, person_kind, person_digest, first_seen_at, last_seen_at, is_verified, received_at)
    select md5(id::text) || md5(side), 'user', fb_ads.digest_of(id::text), now() - interval '1 day', now(), true,
      now() - interval '1 day'
    from public.unified_profiles, unnest(array['browser', 'phone']) as side;
    insert into fb_ads.touchpoints (
      clicked_at, received_at, reported_by, touchpoint_key, fb_ad_id, fbclid, fbc_digest, browser_digest, user_digest)
    select now() - n * interval '1 day' - interval '1 hour', now() - n * interval '1 day' - interval '1 hour', 'user',
      sha256(convert_to(id::text || n, 'UTF8')), (120210000000010000 + n)::text, 'IwAR0' || n, md5(id::text) || md5('fbc'),
      md5(id::text) || md5(case when n % 2 = 0 then 'browser' else 'phone' end), case when n = 3 then fb_ads.digest_of(id::text) end
    from public.unified_profiles, generate_series(1, 5) as n;
    alter table fb_ads.touchpoints set unlogged;`);
}

/** Fills up to so many touchpoints of other people, without the indexes, and makes these again. */
async function fillTouchpoints({ sql }: Platform, from: number, to: number): Promise<void> {
  const indexes = await sql<{ name: string; definition: string }[]>`
    select indexname as name, indexdef as definition from pg_indexes
    where schemaname = 'fb_ads' and tablename = 'touchpoints'
      and indexdef not like 'CREATE UNIQUE%'`;
  for (const { name } of indexes) await sql.unsafe(`drop index fb_ads.${name}`);
  await sql.unsafe(`
    set statement_timeout = 0;
    insert into fb_ads.touchpoints (
      clicked_at, received_at, reported_by, touchpoint_key, fb_ad_id, fbclid, fbc_digest, browser_digest, user_digest,
      email_digests)
    select now() - n % 5000000 * interval '1 second', now() - n % 5000000 * interval '1 second', 'server',
      sha256(convert_to('other ' || n, 'UTF8')), (120210000000010001 + n % 5000)::text, case when n % 3 > 0 then 'IwAR1' || n end,
      case when n % 3 > 0 then md5(n::text) || '0123456789abcdef0123456789abcdef' end, md5((n / 3)::text) || 'fedcba9876543210fedcba9876543210',
      case when n % 4 = 0 then md5((n / 5)::text) || '0011223344556677001122334455667788' end,
      case when n % 50 = 0 then array[md5((n / 7)::text) || '0011223344556677001122334455667788'] end
    from generate_series(${from}::bigint, ${to - 1}::bigint) as n`).simple();
  await sql.unsafe("set maintenance_work_mem = '512MB'");
  for (const { definition } of indexes) await sql.unsafe(definition);
  await sql.unsafe("vacuum (analyze) fb_ads.touchpoints");
}

interface AttributionCost extends Cost {
  seq_scans: number;
  index_scans: number;
}

async function scansOf({ sql }: Platform): Promise<{ seq: number; index: number }> {
  await sql`select pg_stat_force_next_flush()`;
  const [row] =
    await sql`select seq_scan::int as seq, idx_scan::int as index from pg_stat_user_tables where relid = 'fb_ads.touchpoints'::regclass`;
  return { seq: Number(row?.seq), index: Number(row?.index) };
}

/** Works all sales out, takes it back, and says what it cost. */
async function attributeAll(platform: Platform): Promise<AttributionCost> {
  const { sql } = platform;
  const before = await scansOf(platform);
  let cost: Cost | undefined;
  let attributed = 0;
  await sql.begin(async (transaction) => {
    cost = await costOf(transaction`
      explain (analyze, buffers, format json)
      select public.fb_attribute_purchases(jsonb_build_object('transaction_refs', (select jsonb_agg(id::text) from public.transactions)))`);
    const [row] = await transaction`select count(*)::int as attributed from public.ad_attributions`;
    attributed = Number(row?.attributed);
    throw new RolledBack();
  }).catch((error) => {
    if (!(error instanceof RolledBack)) throw error;
  });
  if (cost === undefined || attributed !== SALES) throw new Error(`${attributed} of ${SALES} sales were attributed`);
  const after = await scansOf(platform);
  await sql.unsafe("vacuum (analyze) fb_ads.attribution_results, public.ad_attributions, fb_ads.conversion_events");
  return { ...cost, seq_scans: after.seq - before.seq, index_scans: after.index - before.index };
}

class RolledBack extends Error {}

/** Measures both sizes in one run. */
export async function benchAttribution(): Promise<Figure[]> {
  await using platform = await startPlatform({ schedule: false });
  await makeShop(platform);
  await platform.sql`update fb_ads.attached_tables set attached_at = now() - interval '1 year'`;
  await makeBuyers(platform);

  const costs: AttributionCost[] = [];
  let filled = 0;
  for (const size of [FEW, MANY]) {
    await fillTouchpoints(platform, filled, size);
    filled = size;
    await attributeAll(platform);
    costs.push(await attributeAll(platform));
  }
  const [few, many] = costs;
  if (few === undefined || many === undefined) throw new Error("nothing was measured");
  const ratio = many.buffers / few.buffers;
  return [
    {
      name: "attribution of a sale at 10 million touchpoints",
      value: `${(many.buffers / SALES).toFixed(1)} buffers, ${(many.milliseconds / SALES).toFixed(2)} ms`,
      baseline: `${(few.buffers / SALES).toFixed(1)} buffers, ${(few.milliseconds / SALES).toFixed(2)} ms at 100,000`,
      ratio,
      goal: "at most 1.2 times the buffers",
      ok: ratio <= 1.2,
    },
    {
      name: "touchpoints are found by index scans alone",
      value: `${many.seq_scans} sequential scans`,
      baseline: `${many.index_scans} index scans`,
      ratio: null,
      goal: "no sequential scan",
      ok: many.seq_scans === 0 && few.seq_scans === 0 && many.index_scans > 0,
    },
  ];
}
