/**
 * The shoppers of `npm start`: invented people who click ads and buy. They speak to `capi-event` as a browser does
 * (public HTTP, Origin, publishable key); only the payment touches SQL, as the host's own role, for that is the host's
 * business.
 *
 * @module
 */

import postgres from "postgres";
import type { Platform } from "../../supabase-local/mod.ts";
import { SHOP_ORIGIN } from "./stage.ts";

/** An ad that a shopper may have clicked. */
interface ShownAd {
  fb_ad_id: string;
  fb_adset_id: string;
  fb_campaign_id: string;
}

/** How one shopper comes and pays. */
interface Shopper {
  story: string;
  email: string;
  phone: string;
  first_name: string;
  city: string;
  country: string;
  /** Position of the clicked ad among the active ones; null: nobody's click. */
  ad: number | null;
  source: "canva" | "p2p";
  amount: string;
  currency: "IDR" | "PHP";
  /** Clicks on one device and buys, logged in on both, on another. */
  changes_device?: boolean;
}

const SHOPPERS: Shopper[] = [
  {
    story: "clicks on the phone, pays on the laptop, logged in on both",
    email: "dewi@example.com",
    phone: "0812-3456-7890",
    first_name: "Dewi",
    city: "Bandung",
    country: "ID",
    ad: 0,
    source: "canva",
    amount: "149000",
    currency: "IDR",
    changes_device: true,
  },
  {
    story: "clicks and pays in one browser, never logs in",
    email: "budi@example.com",
    phone: "0813-1111-2222",
    first_name: "Budi",
    city: "Jakarta",
    country: "ID",
    ad: 1,
    source: "p2p",
    amount: "85000",
    currency: "IDR",
  },
  {
    story: "comes without any ad",
    email: "rina@example.com",
    phone: "0857-2222-3333",
    first_name: "Rina",
    city: "Surabaya",
    country: "ID",
    ad: null,
    source: "canva",
    amount: "99000",
    currency: "IDR",
  },
  {
    story: "clicks, pays, and gets the money back",
    email: "agus@example.com",
    phone: "0878-4444-5555",
    first_name: "Agus",
    city: "Medan",
    country: "ID",
    ad: 0,
    source: "canva",
    amount: "149000",
    currency: "IDR",
  },
  {
    story: "clicks an Indonesian ad and pays in pesos",
    email: "maria@example.com",
    phone: "(0917) 123 4567",
    first_name: "María",
    city: "Quezon City",
    country: "PH",
    ad: 2,
    source: "p2p",
    amount: "450",
    currency: "PHP",
  },
];

const AGENT =
  "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537.36";

async function activeAds(platform: Platform): Promise<ShownAd[]> {
  return await platform.sql<ShownAd[]>`
    select ad.fb_ad_id, adset.fb_adset_id, campaign.fb_campaign_id
    from public.ad_ads as ad
    join public.ad_adsets as adset on adset.id = ad.adset_id
    join public.ad_campaigns as campaign on campaign.id = adset.campaign_id
    join public.ad_accounts as account on account.id = ad.account_id
    where ad.effective_status = 'ACTIVE' and account.currency = 'IDR'
    order by ad.fb_ad_id limit 3`;
}

const clickId = (browser: number): string => `IwZXh0bgNhZW0BMABhZGlk${browser}_Az-demo`;

/** The landing page's address as Meta fills the recommended URL parameters. */
function landing(ad: ShownAd | null, browser: number): string {
  const url = new URL("/kelas-canva", SHOP_ORIGIN);
  if (ad === null) return url.href;
  for (
    const [name, value] of Object.entries({
      utm_source: "ig",
      utm_medium: "paid_social",
      ad_id: ad.fb_ad_id,
      adset_id: ad.fb_adset_id,
      campaign_id: ad.fb_campaign_id,
      fbclid: clickId(browser),
    })
  ) {
    url.searchParams.set(name, value);
  }
  return url.href;
}

/** Plays every shopper; returns the references of the sales. */
export async function playShoppers(platform: Platform, tell: (state: string) => void): Promise<string[]> {
  const ads = await activeAds(platform);
  const host = postgres(platform.hostDbUrl, { max: 1, onnotice: () => undefined });
  const refs: string[] = [];
  try {
    await host`
      insert into fb_ads.exchange_rates (date, from_currency, to_currency, rate)
      select current_date - back, 'PHP', 'IDR', 283.5 from generate_series(-1, 2) as back on conflict do nothing`;
    for (const [index, shopper] of SHOPPERS.entries()) {
      tell(`${shopper.first_name} ${shopper.story}`);
      refs.push(await playOne(platform, host, shopper, index, ads));
    }
    return refs;
  } finally {
    await host.end();
  }
}

async function playOne(
  platform: Platform,
  host: postgres.Sql,
  shopper: Shopper,
  index: number,
  ads: ShownAd[],
): Promise<string> {
  const { email, phone, first_name, city, country, amount, currency, source } = shopper;
  const [person] = await host`
    insert into public.unified_profiles ${host({ email, phone, first_name, city, country })} returning id`;
  const user_id = String(person?.id);
  const token = await platform.userToken({ sub: user_id, email });
  const now = Math.floor(Date.now() / 1000);
  const browserId = (device: number) => `fb.1.${(now - 3_600) * 1000}.${1_000_000 + index * 10 + device}`;
  const send = async (event_name: string, at: number, page: string, device: number, more: object = {}) => {
    const isKnown = shopper.changes_device === true;
    const response = await fetch(`${platform.functionsUrl}/capi-event`, {
      method: "POST",
      headers: {
        apikey: platform.publishableKey,
        Origin: SHOP_ORIGIN,
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        ...(isKnown ? { Authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify({
        event_name,
        event_time: at,
        event_id: `${event_name}-${index}`,
        event_source_url: page,
        user_data: { fbp: browserId(device), country },
        consent: "granted",
        ...more,
      }),
    });
    const text = await response.text();
    if (response.status !== 202) throw new Error(`capi-event answered ${response.status}: ${text}`);
  };

  const ad = shopper.ad === null ? null : ads[shopper.ad] ?? null;
  // All of it within the ten minutes that a page may be late: what a browser says of longer ago counts from its
  // receipt. The cookie that the browser client keeps of the click, on the device that clicked.
  const clicked = ad === null ? {} : { fbc: `fb.1.${(now - 480) * 1000}.${clickId(index)}` };
  await send("PageView", now - 480, landing(ad, index), 0);
  await send("Lead", now - 420, `${SHOP_ORIGIN}/kelas-canva`, 0, {
    user_data: { fbp: browserId(0), country, em: email, ...clicked },
  });

  const buying_device = shopper.changes_device === true ? 1 : 0;
  const paying = shopper.changes_device === true || index % 2 === 0 ? user_id : null;
  const [sale] = await host`
    insert into public.transactions ${
    host({ user_id: paying, status: "pending", amount, currency, source, created_at: new Date((now - 300) * 1000) })
  } returning id`;
  const order_id = String(sale?.id);
  await send("InitiateCheckout", now - 300, `${SHOP_ORIGIN}/checkout`, buying_device, {
    user_data: {
      fbp: browserId(buying_device),
      country,
      em: email,
      ph: phone,
      fn: first_name,
      ct: city,
      ...(buying_device === 0 ? clicked : {}),
    },
    custom_data: {
      order_id,
      value: Number(amount),
      currency,
      content_ids: [source === "canva" ? "kelas-canva" : "listing"],
      content_type: "product",
    },
  });
  // The payment provider's callback: the host marks the order as paid, and knows nothing of Meta.
  await host`update public.transactions set status = 'completed', completed_at = now() where id = ${order_id}`;
  return order_id;
}
