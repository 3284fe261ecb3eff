/**
 * Spend as `npm start` shows it: by campaign and day, beside what the emulator knows to be true, and reconciled.
 *
 * @module
 */

import { type GraphEmulator, trueSpend } from "../../meta-emulator/mod.ts";
import type { Platform } from "../../supabase-local/mod.ts";
import { printTable } from "./demo_progress.ts";
import type { Cell } from "./terminal_table.ts";

/** Prints the last days' spend of each campaign, newest day first. */
export async function showSpend(platform: Platform): Promise<void> {
  const rows = await platform.sql<Record<string, Cell>[]>`
    with newest as (select account_id, max(date) as date from public.ad_spend group by account_id)
    select
      campaign.name as campaign,
      spend.currency,
      ${
    platform.sql.unsafe(
      [0, 1, 2, 3].map((back) =>
        `coalesce(sum(spend.spend) filter (where spend.date = newest.date - ${back}), 0)::float8 as "${
          back === 0 ? "today" : `${back} d ago`
        }"`
      ).join(", "),
    )
  },
      sum(spend.spend)::float8 as "28 days",
      count(distinct spend.ad_id)::int as ads
    from public.ad_spend as spend
    join newest on newest.account_id = spend.account_id and spend.date > newest.date - 28
    join public.ad_campaigns as campaign on campaign.id = spend.campaign_id
    group by campaign.id, spend.currency
    order by spend.currency, sum(spend.spend) desc`;
  printTable("Spend in ad_spend, by campaign and the account's own days", rows);
}

/** Says how our sums compare with Meta's own totals, and with the emulator's truth where there is one. */
export async function showReconciliation(platform: Platform, graph: GraphEmulator | null): Promise<void> {
  const accounts = await platform.sql`
    select account.fb_account_id, account.name, account.currency, count(*)::int as days,
      count(*) filter (where checked.difference = 0)::int as equal, sum(checked.difference)::text as difference
    from fb_ads.reconciliations as checked join public.ad_accounts as account on account.id = checked.account_id
    group by account.id order by account.name`;
  for (const account of accounts) {
    console.log(
      `  reconciled: ${account.name}: ${account.equal} of ${account.days} days equal Meta's account total, difference ${account.difference} ${account.currency}`,
    );
  }
  if (graph === null) return;
  for (const account of graph.world.accounts) {
    const [stored] = await platform.sql`
      select min(date)::text as since, max(date)::text as until, sum(spend)::text as spend
      from public.ad_spend as spend join public.ad_accounts as a on a.id = spend.account_id where a.fb_account_id = ${account.plan.account_id}`;
    const truth = trueSpend(account, stored?.since, stored?.until, graph.clock.now());
    console.log(
      `  ${account.plan.name}, ${stored?.since} to ${stored?.until}: ours ${stored?.spend}, the emulator's ${truth} ${account.plan.currency}`,
    );
    if (Number(stored?.spend) !== Number(truth)) throw new Error("the sums differ: spend was lost or counted twice");
  }
}
