/**
 * The ad tree as `npm start` shows it.
 *
 * @module
 */

import type { Platform } from "../../supabase-local/mod.ts";
import { printTable } from "./demo_progress.ts";
import type { Cell } from "./terminal_table.ts";

/** Prints what the metadata sync stored, a line a campaign. */
export async function showAdTree(platform: Platform): Promise<void> {
  const rows = await platform.sql<Record<string, Cell>[]>`
    select
      account.name as account,
      campaign.name as campaign,
      campaign.effective_status as status,
      count(distinct adset.id)::int as "ad sets",
      count(distinct ad.id)::int as ads,
      (
        select sum(budgeted.daily_budget) from public.ad_adsets as budgeted where budgeted.campaign_id = campaign.id
      )::float8 as "daily budget",
      account.currency
    from public.ad_campaigns as campaign
    join public.ad_accounts as account on account.id = campaign.account_id
    left join public.ad_adsets as adset on adset.campaign_id = campaign.id
    left join public.ad_ads as ad on ad.adset_id = adset.id
    group by account.id, campaign.id
    order by account.name, campaign.fb_campaign_id
    limit 40`;
  printTable("The ad tree in ad_accounts, ad_campaigns, ad_adsets, ad_ads", rows);
}

/** Names the accounts that the token can read and nobody has enabled; their tree stays empty. */
export async function showDisabledAccounts(platform: Platform): Promise<void> {
  const accounts = await platform.sql`
    select name, fb_account_id from public.ad_accounts where not enabled order by name limit 40`;
  for (const { name, fb_account_id } of accounts) {
    console.log(`  not read: ${name}; FB_ADS_ACCOUNT_IDS does not name ${fb_account_id}`);
  }
}
