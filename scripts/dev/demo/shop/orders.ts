/**
 * The shop's own back end: orders and payments in the host's tables, as the host's role. Nothing here knows of ads: a
 * paid order is all that the suite needs to see.
 *
 * @module
 */

import type { Platform } from "../../../supabase-local/mod.ts";
import postgres from "postgres";

/** What the shop sells; prices in rupiah. */
export const PRODUCTS = [
  {
    id: "canva-101",
    name: "Canva for small shops",
    text: "Twelve lessons, templates included.",
    source: "canva",
    price: 249_000,
  },
  {
    id: "canva-201",
    name: "Canva for sellers: video",
    text: "Product clips that stop the thumb.",
    source: "canva",
    price: 399_000,
  },
  {
    id: "kebaya-07",
    name: "Kebaya, hand-embroidered",
    text: "Second-hand, from Solo. Size M.",
    source: "p2p",
    price: 575_000,
  },
] as const;

/** A product of the shop. */
export type Product = (typeof PRODUCTS)[number];

/** What a shopper fills in. */
export interface Buyer {
  /** As typed. */
  email: string;
  /** As typed. */
  phone: string;
  /** As typed. */
  first_name: string;
  /** As typed. */
  last_name: string;
}

/** An ad to arrive by. */
export interface ShownAd {
  /** Its campaign's name. */
  campaign: string;
  /** Its name. */
  ad: string;
  /** What Meta would add to the shop's address. */
  query: string;
}

/** The shop's database. */
export interface Orders {
  /** Places an order and returns its id. */
  place(product: Product, buyer: Buyer): Promise<string>;
  /** What the payment provider's callback does. False when there is no such unpaid order. */
  pay(order_id: string): Promise<boolean>;
  /** What an order costs and how far it is; null when there is none. */
  find(order_id: string): Promise<{ amount: string; status: string } | null>;
  /** Ads of the synced accounts, those in the shop's currency first, with the URL parameters that they carry. */
  listAds(): Promise<ShownAd[]>;
  /** Closes the connection. */
  close(): Promise<void>;
}

/** Connects as the host's role. */
export function openOrders(platform: Platform): Orders {
  const sql = postgres(platform.hostDbUrl, { max: 2, onnotice: () => {} });
  return {
    async place(product, buyer) {
      const [order] = await sql<{ id: string }[]>`
        with person as (
          insert into public.unified_profiles (email, phone, first_name, last_name, country)
          values (${buyer.email}, ${buyer.phone}, ${buyer.first_name}, ${buyer.last_name}, 'ID')
          returning id
        )
        insert into public.transactions (user_id, status, amount, currency, source)
        select person.id, 'pending', ${product.price}, 'IDR', ${product.source} from person
        returning id`;
      if (order === undefined) throw new Error("the order was not written");
      return order.id;
    },
    async pay(order_id) {
      const { count } = await sql`
        update public.transactions set status = 'completed', completed_at = now()
        where id::text = ${order_id} and status = 'pending'`;
      return count === 1;
    },
    async find(order_id) {
      const [order] = await sql<{ amount: string; status: string }[]>`
        select amount::text, status from public.transactions where id::text = ${order_id}`;
      return order ?? null;
    },
    async listAds() {
      const rows = await sql<
        { campaign: string; ad: string; fb_ad_id: string; fb_adset_id: string; fb_campaign_id: string }[]
      >`
        select campaign, ad, fb_ad_id, fb_adset_id, fb_campaign_id
        from (
          select distinct on (campaign.id)
            coalesce(campaign.name, campaign.fb_campaign_id) as campaign, coalesce(ad.name, ad.fb_ad_id) as ad,
            ad.fb_ad_id, adset.fb_adset_id, campaign.fb_campaign_id, account.currency
          from public.ad_ads as ad
          join public.ad_adsets as adset on adset.id = ad.adset_id
          join public.ad_campaigns as campaign on campaign.id = adset.campaign_id
          join public.ad_accounts as account on account.id = ad.account_id
          where ad.effective_status = 'ACTIVE'
          order by campaign.id, ad.fb_ad_id
        ) as shown
        order by currency = 'IDR' desc, fb_campaign_id
        limit 6`;
      return rows.map(({ campaign, ad, fb_ad_id, fb_adset_id, fb_campaign_id }) => ({
        campaign,
        ad,
        query: `${new URLSearchParams({
          utm_source: "fb",
          utm_medium: "paid_social",
          utm_campaign: fb_campaign_id,
          utm_term: fb_adset_id,
          utm_content: fb_ad_id,
          ad_id: fb_ad_id,
          adset_id: fb_adset_id,
          campaign_id: fb_campaign_id,
          fbclid: `IwAR${crypto.randomUUID().replaceAll("-", "")}`,
        })}`,
      }));
    },
    close: () => sql.end({ timeout: 1 }),
  };
}
