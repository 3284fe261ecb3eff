/**
 * What the tests of attribution stand on: a small catalogue of ads, the shop's tables, and short ways to say that
 * somebody landed, logged in, began a checkout or paid. Touches are made by the real `buildTouchpoint` and stored by
 * the real function.
 *
 * @module
 */

import { buildTouchpoint, type TouchpointEvent } from "../../shared/attribution/touchpoint.ts";
import type { Reporter, Touchpoint } from "../../shared/database/touchpoints.ts";
import type { Platform } from "../../scripts/supabase-local/mod.ts";
import { makeShop } from "../../scripts/dev/testing/shop_suite.ts";
import { emptyTables } from "../../scripts/supabase-local/waiting.ts";

/** Ids of the invented catalogue, as Meta gives them. */
export const AD = "120210000000000301";
/** Another ad, of the same ad set. */
export const OTHER_AD = "120210000000000302";
/** An ad of the second account, in Manila. */
export const MANILA_AD = "120210000000000399";
/** The ad set of the first two. */
export const ADSET = "120210000000000201";
/** An ad set of the same campaign, without ads. */
export const EMPTY_ADSET = "120210000000000202";
/** The campaign of both. */
export const CAMPAIGN = "120210000000000101";

/** Fixed users. */
export const SITI = "0d9e8f6a-1111-4222-8333-000000000001";
/** Another user. */
export const BUDI = "0d9e8f6a-1111-4222-8333-000000000002";

// printf '%s' <user id, or the address or number as Meta wants it> | sha256sum
/** Siti's user id. */
export const SITI_DIGEST = "40ae1f60da1c65e2838cd237f115b9c5d52492a4635c93233219c4947beeada4";
/** Budi's user id. */
export const BUDI_DIGEST = "a27103314b19748f2e81325b0d0e9d408ca53ce039e43c55f15476f6179a9255";
/** Siti's e-mail address. */
export const SITI_EM = "3684a581ce82ee39a1541130095759584e4c574d3db3e88b193256c20fae9747";
/** Siti's phone number. */
export const SITI_PH = "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725";

/** The address of a landing. */
export const page = (query: string): string => `https://shop.example/sale?${query}`;

/** A browser's id. */
export const fbp = (number: number): string => `fb.1.1795300000000.${1_000_000 + number}`;

/** Puts the catalogue and the shop's tables into a fresh platform. */
export async function makeAttributionShop({ sql }: Platform): Promise<void> {
  await sql.unsafe(`
    insert into public.ad_accounts (fb_account_id, name, currency, timezone_name, enabled)
    values ('1001', 'Jakarta', 'IDR', 'Asia/Jakarta', true), ('1002', 'Manila', 'PHP', 'Asia/Manila', true);
    insert into public.ad_campaigns (account_id, fb_campaign_id, name)
    select id, case fb_account_id when '1001' then '${CAMPAIGN}' else '120210000000000199' end, name || ' sales' from public.ad_accounts;
    insert into public.ad_adsets (account_id, campaign_id, fb_adset_id, name)
    select c.account_id, c.id, v.fb_adset_id, v.fb_adset_id
    from (values ('${CAMPAIGN}', '${ADSET}'), ('${CAMPAIGN}', '${EMPTY_ADSET}'), ('120210000000000199', '120210000000000299')) as v (fb_campaign_id, fb_adset_id)
    join public.ad_campaigns as c using (fb_campaign_id);
    insert into public.ad_ads (account_id, adset_id, fb_ad_id, name)
    select s.account_id, s.id, v.fb_ad_id, v.name
    from (values ('${ADSET}', '${AD}', 'Ad one'), ('${ADSET}', '${OTHER_AD}', 'Ad two'), ('120210000000000299', '${MANILA_AD}', 'Ad Manila')) as v (fb_adset_id, fb_ad_id, name)
    join public.ad_adsets as s using (fb_adset_id);`);
}

/** The shop's tables, attached a year ago so that past sales count, with two users. */
export async function makeHostShop(platform: Platform): Promise<void> {
  await makeShop(platform);
  await platform.sql.unsafe(`
    alter table public.transactions add column refunded_amount numeric;
    update fb_ads.attached_tables set attached_at = now() - interval '1 year';
    select fb_ads.attach_transactions('public.transactions');
    insert into public.unified_profiles (id, email, phone) values
      ('${SITI}', 'siti@example.com', '0812-3456-7890'), ('${BUDI}', 'budi@example.com', null);`);
}

/** Seconds before the moment that a test calls now. */
export const DAY = 86_400;

/** One event of a visitor, at an instant in Unix seconds. */
export interface Visit {
  at: number;
  url?: string;
  fbp?: string;
  fbc?: string;
  user?: string;
  em?: string;
  ph?: string;
  referrer?: string;
  event_name?: string;
  event_id?: string;
  /** In Unix seconds. @default at */
  received_at?: number;
  /** @default a user where one is named, else an anonymous browser */
  reported_by?: Reporter;
}

let events = 0;

/** The touchpoint of a visit, as `capi-event` builds it. */
export function touchpointOf(visit: Visit): Touchpoint | null {
  const event: TouchpointEvent = {
    event_name: visit.event_name ?? "PageView",
    event_id: visit.event_id ?? `visit-${++events}`,
    event_time: visit.at,
    event_source_url: visit.url ?? "https://shop.example/",
    referrer_url: visit.referrer,
    user_data: {
      ...(visit.fbp === undefined ? {} : { fbp: visit.fbp }),
      ...(visit.fbc === undefined ? {} : { fbc: visit.fbc }),
      ...(visit.em === undefined ? {} : { em: visit.em }),
      ...(visit.ph === undefined ? {} : { ph: visit.ph }),
    },
  };
  return buildTouchpoint(event, {
    now_ms: (visit.received_at ?? visit.at) * 1_000,
    reported_by: visit.reported_by ?? (visit.user === undefined ? "browser" : "user"),
    user_digest: visit.user,
  });
}

/** Stores visits in one call, as `fb_store_events` does; returns how many touchpoints were new or knew more. */
export async function visit({ sql }: Platform, ...visits: Visit[]): Promise<number> {
  const touchpoints = visits.map(touchpointOf).filter((touchpoint) => touchpoint !== null);
  const [row] = await sql`select fb_ads.store_touchpoints(${sql.json(decodeJson(touchpoints))})::int as kept`;
  return Number(row?.kept);
}

function decodeJson(value: unknown) {
  return JSON.parse(JSON.stringify(value));
}

/** What a sale is worth and whose it is; times in Unix seconds. */
export interface Sale {
  at: number;
  checkout_at?: number;
  user?: string | null;
  amount?: string | null;
  currency?: string;
  status?: string;
}

/** Pays as the host does; returns the reference. */
export async function pay({ sql }: Platform, sale: Sale): Promise<string> {
  const [row] = await sql`
    insert into public.transactions (user_id, status, amount, currency, source, created_at, completed_at)
    values (
      ${sale.user ?? null}, ${sale.status ?? "completed"}, ${sale.amount === undefined ? "150000" : sale.amount}, ${
    sale.currency ?? "IDR"
  }, 'p2p',
      to_timestamp(${sale.checkout_at ?? sale.at}), to_timestamp(${sale.at})
    )
    returning id::text`;
  return String(row?.id);
}

/** What became of a sale, in the words of the tables. */
export interface Outcome {
  outcome: string | null;
  reason: string | null;
  level: string | null;
  ad: string | null;
  matched_by: string | null;
}

/** Works sales out through the RPC of the function. */
export async function attribute(
  { sql }: Platform,
  ...refs: string[]
): Promise<{ attributed: number; unattributed: number; waiting: number }> {
  const [row] = await sql`select public.fb_attribute_purchases(${sql.json({ transaction_refs: refs })}) as counts`;
  return row?.counts;
}

/** Reads what became of a sale. */
export async function outcomeOf({ sql }: Platform, ref: string): Promise<Outcome> {
  const [row] = await sql`
    select result.outcome, result.reason, result.level, ad.fb_ad_id as ad, result.matched_by
    from fb_ads.attribution_results as result left join public.ad_ads as ad on ad.id = result.ad_id
    where result.transaction_ref = ${ref}`;
  return {
    outcome: row?.outcome ?? null,
    reason: row?.reason ?? null,
    level: row?.level ?? null,
    ad: row?.ad ?? null,
    matched_by: row?.matched_by ?? null,
  };
}

/** An ad's credit, for comparing. */
export const credited = (ad: string, matched_by: string): Outcome => ({
  outcome: "attributed",
  reason: null,
  level: "ad",
  ad,
  matched_by,
});

/** No credit, for comparing. */
export const uncredited = (reason: string): Outcome => ({
  outcome: "unattributed",
  reason,
  level: null,
  ad: null,
  matched_by: null,
});

/** Forgets visitors, sales and results, so that steps of one test do not see each other. */
export async function forget({ sql }: Platform): Promise<void> {
  await emptyTables(sql, [
    "fb_ads.touchpoints",
    "fb_ads.browser_people",
    "fb_ads.checkout_clicks",
    "fb_ads.attribution_results",
    "fb_ads.ad_lookups",
    "fb_ads.conversion_events",
    "fb_ads.event_deliveries",
    "fb_ads.consents",
    "fb_ads.sync_jobs",
    "public.ad_attributions",
    "public.transactions",
  ]);
}
