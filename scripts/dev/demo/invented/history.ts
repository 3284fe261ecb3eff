/**
 * The invented shop's last weeks, which cannot be played: visits, events and sales go into the tables that the suite
 * itself writes, in sets. Which ad each sale is credited to is then worked out by `attribute-purchase`, as for any
 * shop.
 *
 * @module
 */

import postgres from "postgres";
import type { Platform } from "../../../supabase-local/mod.ts";
import { ACCOUNTS, HISTORY_DAYS } from "./invented_ads.ts";
import { linkClicksOn, salesOn } from "./invented_figures.ts";
import { storeQualityHistory } from "./quality.ts";
import type { PlacedAd } from "./world.ts";

/** Of the clicks on a link, those whose page was seen. */
const LANDED = .8;

/** Days of which visits without a sale are stored: longer ago than the attribution window they explain nothing. */
const VISIT_DAYS = 28;

/** Sales that are attributed in one call: on a busy machine, too, it ends in the time that a statement has. */
const SALES_AT_A_TIME = 100;

const FIRST_NAMES = ["Dewi", "Budi", "Rina", "Agus", "Siti", "Joko", "Ayu", "Putri", "Andi", "Maya", "Tono"];
const CITIES = { IDR: ["Jakarta", "Bandung", "Surabaya", "Medan"], PHP: ["Quezon City", "Manila", "Cebu"] };

/** A sale of the past. Days are counted back from today in `timezone_name`, minutes from midnight. */
interface PastSale {
  id: string;
  user_id: string;
  first_name: string;
  city: string;
  country: "ID" | "PH";
  email: string;
  source: string;
  amount: number;
  currency: string;
  status: "completed" | "refunded";
  timezone_name: string;
  days_ago: number;
  minute: number;
  /** Days between click and payment; null for a sale that no ad caused. */
  days_to_buy: number | null;
  fb_ad_id: string | null;
  fb_adset_id: string | null;
  fb_campaign_id: string | null;
}

const uuidOf = (kind: number, seq: number): string => `de300000-000${kind}-4000-8000-${String(seq).padStart(12, "0")}`;

function pastSale(
  seq: number,
  { currency, timezone_name }: { currency: "IDR" | "PHP"; timezone_name: string },
  more: Pick<PastSale, "days_ago" | "days_to_buy" | "source" | "amount"> & Partial<PastSale>,
): PastSale {
  const cities = CITIES[currency];
  return {
    id: uuidOf(1, seq),
    user_id: uuidOf(2, seq),
    first_name: FIRST_NAMES[seq % FIRST_NAMES.length] ?? "",
    city: cities[seq % cities.length] ?? "",
    country: currency === "IDR" ? "ID" : "PH",
    email: `buyer-${seq}@example.com`,
    currency,
    status: seq % 37 === 5 ? "refunded" : "completed",
    timezone_name,
    minute: 8 * 60 + seq * 53 % (12 * 60),
    fb_ad_id: null,
    fb_adset_id: null,
    fb_campaign_id: null,
    ...more,
  };
}

/** How many days a buyer thinks it over. One in sixty takes longer than the attribution window. */
function daysToBuy(seq: number, days_ago: number): number {
  if (seq % 60 === 11 && days_ago > 9) return 9;
  return Math.min(seq % 4 === 1 ? 1 + seq % 3 : 0, days_ago - 1);
}

/** Every sale of the past, oldest first. */
export function pastSales(ads: readonly PlacedAd[]): PastSale[] {
  const sales: PastSale[] = [];
  for (let days_ago = HISTORY_DAYS; days_ago > 0; days_ago--) {
    for (const { plan, currency, timezone_name, fb_ad_id, fb_adset_id, fb_campaign_id } of ads) {
      for (let count = salesOn(plan, days_ago); count > 0; count--) {
        const seq = sales.length;
        sales.push(pastSale(seq, { currency, timezone_name }, {
          days_ago,
          days_to_buy: daysToBuy(seq, days_ago),
          source: plan.source,
          amount: plan.price,
          fb_ad_id,
          fb_adset_id,
          fb_campaign_id,
        }));
      }
    }
    for (const account of ACCOUNTS) {
      const whole = (day: number) => Math.floor((HISTORY_DAYS - day) * account.organic);
      for (let count = whole(days_ago - 1) - whole(days_ago); count > 0; count--) {
        const amount = account.currency === "IDR" ? 149_000 : 450;
        sales.push(pastSale(sales.length, account, { days_ago, days_to_buy: null, source: "canva", amount }));
      }
    }
  }
  return sales;
}

/** Stores the past, and has every sale attributed. The ad tree must be stored by then. Without ads there is no past. */
export async function storeHistory(platform: Platform, ads: readonly PlacedAd[], pixel_id: string): Promise<void> {
  if (ads.length === 0) return;
  const sales = pastSales(ads);
  await storeSales(platform, sales, pixel_id);
  await storeVisits(platform, ads, sales);
  await storeEventCounts(platform, ads, sales);
  await storeQualityHistory(platform, pixel_id);
  // As the server's own autovacuum would, had it had those weeks.
  await platform.sql`
    analyze public.transactions, public.unified_profiles, fb_ads.conversion_events, fb_ads.event_deliveries,
      fb_ads.touchpoints`;
  for (let first = 0; first < sales.length; first += SALES_AT_A_TIME) {
    const transaction_refs = sales.slice(first, first + SALES_AT_A_TIME).map(({ id }) => id);
    const response = await platform.invoke("attribute-purchase", { transaction_refs });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`attribute-purchase answered ${response.status}: ${text}`);
  }
}

/** The host's own rows, by the host's own role; then the events that the suite sent of them, long since. */
async function storeSales({ hostDbUrl, sql }: Platform, sales: PastSale[], pixel_id: string): Promise<void> {
  const host = postgres(hostDbUrl, { max: 1, onnotice: () => undefined });
  try {
    await host`
      insert into public.unified_profiles (id, email, first_name, city, country)
      select user_id, email, first_name, city, country
      from jsonb_to_recordset(${JSON.stringify(sales)}::text::jsonb) as sale (
        user_id uuid, email text, first_name text, city text, country text
      )`;
    await host`
      insert into public.transactions (id, user_id, status, amount, currency, source, created_at, completed_at)
      select id, user_id, status, amount, currency, source, paid.at - interval '6 minutes', paid.at
      from jsonb_to_recordset(${JSON.stringify(sales)}::text::jsonb) as sale (
        id uuid, user_id uuid, status text, amount numeric, currency text, source text, timezone_name text,
        days_ago integer, minute integer, days_to_buy integer
      )
      cross join lateral (
        select (
          (now() at time zone timezone_name)::date - days_ago + coalesce(days_to_buy, 0)
            + make_interval(mins => minute + 20)
        ) at time zone timezone_name
      ) as paid (at)`;
    await host`
      insert into fb_ads.exchange_rates (date, from_currency, to_currency, rate)
      select current_date - back, 'PHP', 'IDR', 283.5 from generate_series(-1, ${HISTORY_DAYS}::int) as back
      on conflict do nothing`;
  } finally {
    await host.end();
  }
  await sql`
    with sent as (
      insert into fb_ads.conversion_events (
        event_name, event_id, event_time, transaction_ref, state, consent, consent_at, received_at, final_at,
        attribution_not_before
      )
      -- The tick leaves them to the calls that name them.
      select
        'Purchase', id::text, completed_at, id::text, 'stored', 'granted', created_at, completed_at, completed_at,
        now() + interval '1 hour'
      from public.transactions
      where id = any (${sales.map(({ id }) => id)}::uuid[])
      returning id, event_time
    )
    insert into fb_ads.event_deliveries (event_row_id, pixel_id, state, attempts, sent_at, created_at)
    select id, ${pixel_id}, 'sent', 1, event_time, event_time from sent`;
}

/** Landings of those who bought, and of the others of the last weeks. */
async function storeVisits({ sql }: Platform, ads: readonly PlacedAd[], sales: PastSale[]): Promise<void> {
  const visits = ads.flatMap(({ plan, ...ad }) =>
    Array.from({ length: VISIT_DAYS }, (_, index) => ({
      ...ad,
      days_ago: index + 1,
      visits: Math.round(linkClicksOn(plan, index + 1) * LANDED) - salesOn(plan, index + 1),
    }))
  );
  await sql`
    with landing as (
      select sale.fb_ad_id, sale.fb_adset_id, sale.fb_campaign_id, fb_ads.digest_of(sale.user_id::text) as user_digest,
        'buyer ' || sale.user_id as visitor, sale.timezone_name, sale.days_ago, sale.minute
      from jsonb_to_recordset(${JSON.stringify(sales)}::text::jsonb) as sale (
        user_id uuid, timezone_name text, days_ago integer, minute integer, fb_ad_id text, fb_adset_id text,
        fb_campaign_id text
      )
      where sale.fb_ad_id is not null
      union all
      select visit.fb_ad_id, visit.fb_adset_id, visit.fb_campaign_id, null,
        format('visitor %s %s %s', visit.fb_ad_id, visit.days_ago, number), visit.timezone_name, visit.days_ago,
        (7 * 60 + number * 37 % (14 * 60))::integer
      from jsonb_to_recordset(${JSON.stringify(visits)}::text::jsonb) as visit (
        fb_ad_id text, fb_adset_id text, fb_campaign_id text, timezone_name text, days_ago integer, visits integer
      )
      cross join lateral generate_series(1, visit.visits) as number
    )
    insert into fb_ads.touchpoints (
      clicked_at, received_at, reported_by, touchpoint_key, fb_ad_id, fb_adset_id, fb_campaign_id, browser_digest,
      user_digest, consent, event_name, event_id
    )
    select seen.at, seen.at, case when user_digest is null then 'browser' else 'user' end,
      substring(sha256(convert_to(visitor, 'UTF8')) for 16), fb_ad_id, fb_adset_id, fb_campaign_id,
      encode(sha256(convert_to(visitor, 'UTF8')), 'hex'), user_digest, 'granted', 'PageView', visitor
    from landing
    cross join lateral (
      select ((now() at time zone timezone_name)::date - days_ago + make_interval(mins => minute))
        at time zone timezone_name
    ) as seen (at)`;
}

/** What is left of the events of those weeks: their number. */
async function storeEventCounts({ sql }: Platform, ads: readonly PlacedAd[], sales: PastSale[]): Promise<void> {
  const counts = Array.from({ length: HISTORY_DAYS }, (_, index) => index + 1).flatMap((days_ago) => {
    const bought = sales.filter((sale) => sale.days_ago === days_ago).length;
    const clicks = ads.reduce((sum, { plan }) => sum + linkClicksOn(plan, days_ago), 0);
    const views = Math.round(clicks * LANDED * 1.3);
    return [["PageView", views], ["Lead", bought * 3], ["InitiateCheckout", Math.round(bought * 1.7)]].map((
      [event_name, events],
    ) => ({ days_ago, event_name, events, suppressed: Math.round(Number(events) * .12) }));
  });
  await sql`
    insert into fb_ads.deleted_events (date, event_name, events, suppressed)
    select (now() at time zone 'UTC')::date - days_ago, event_name, events, suppressed
    from jsonb_to_recordset(${JSON.stringify(counts)}::text::jsonb) as day (
      days_ago integer, event_name text, events bigint, suppressed bigint
    )`;
}
