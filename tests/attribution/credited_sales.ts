/**
 * Credited sales and spend as the reporting views find them, written at once instead of through the syncs.
 *
 * @module
 */

import type { Platform } from "../../scripts/supabase-local/mod.ts";
import { AD } from "./attribution_shop.ts";

/** A credited sale of ad AD (Jakarta, IDR) unless said otherwise. */
export interface Credit {
  ref: string;
  ad?: string;
  clicked_at: string;
  paid_at: string;
  value: string | null;
  net?: string | null;
  currency?: string;
  state?: string;
}

/** Writes a credited sale. */
export async function credit({ sql }: Platform, sale: Credit): Promise<void> {
  const net = sale.net === undefined ? sale.value : sale.net;
  await sql`
    insert into public.ad_attributions (
      transaction_ref, campaign_id, adset_id, ad_id, conversion_event, event_time, clicked_at, conversion_value, net_value, currency, state, fb_click_id, user_ref
    )
    select ${sale.ref}, s.campaign_id, s.id, a.id, 'Purchase', ${sale.paid_at}, ${sale.clicked_at}, ${sale.value}, ${net}, ${
    sale.currency ?? "IDR"
  }, ${sale.state ?? "active"},
      'IwAR0secret', 'buyer-7'
    from public.ad_ads as a join public.ad_adsets as s on s.id = a.adset_id where a.fb_ad_id = ${sale.ad ?? AD}`;
}

/** Writes what an ad cost on a day, and what Meta claims for it. */
export async function spend(
  { sql }: Platform,
  ad: string,
  date: string,
  amount: string,
  claims: { actions?: unknown; action_values?: unknown } = {},
): Promise<void> {
  await sql`
    insert into public.ad_spend (date, account_id, campaign_id, adset_id, ad_id, spend, impressions, clicks, currency, actions, action_values)
    select ${date}, a.account_id, s.campaign_id, s.id, a.id, ${amount}, 1000, 10, c.currency, ${
    claims.actions === undefined ? null : sql.json(decodeJson(claims.actions))
  }, ${claims.action_values === undefined ? null : sql.json(decodeJson(claims.action_values))}
    from public.ad_ads as a join public.ad_adsets as s on s.id = a.adset_id join public.ad_accounts as c on c.id = a.account_id where a.fb_ad_id = ${ad}`;
}

function decodeJson(value: unknown) {
  return JSON.parse(JSON.stringify(value));
}
