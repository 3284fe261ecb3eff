/**
 * What the database must hold after a metadata sync, told by the emulator's world; and a clean start between steps.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Platform } from "../../scripts/supabase-local/mod.ts";
import {
  type AdAccount,
  type AdTreeNode,
  effectiveStatus,
  type GraphEmulator,
  type World,
} from "../../scripts/meta-emulator/mod.ts";
import type { Suite } from "../../scripts/dev/testing/suite.ts";
import { emptyTables } from "../../scripts/supabase-local/waiting.ts";

/** Empties the database and makes the emulator new, so that steps of one test file do not see each other. */
export async function startOver({ platform, graph }: Suite, world: World): Promise<void> {
  await emptyTables(platform.sql, [
    "public.ad_accounts",
    "fb_ads.sync_runs",
    "fb_ads.sync_jobs",
    "fb_ads.sync_seen_pages",
    "fb_ads.quotas",
  ]);
  graph.world = world;
  graph.faults.clear();
  graph.ledger.reset();
}

/** What lists show of an account: everything but deleted and hidden objects, as `id name effective_status`. */
function listed(nodes: AdTreeNode[]): string[] {
  return nodes
    .filter((node) => effectiveStatus(node) !== "DELETED" && !node.hidden)
    .map((node) => `${node.id} ${node.name} ${effectiveStatus(node)}`);
}

/** The tree as Meta's lists give it. */
export function expectedTree(accounts: AdAccount[]): { campaigns: string[]; adsets: string[]; ads: string[] } {
  return {
    campaigns: accounts.flatMap((account) => listed(account.campaigns)).sort(),
    adsets: accounts.flatMap((account) => listed(account.adsets)).sort(),
    ads: accounts.flatMap((account) => listed(account.ads)).sort(),
  };
}

/** The tree as the database holds it. */
export async function storedTree(
  platform: Platform,
): Promise<{ campaigns: string[]; adsets: string[]; ads: string[] }> {
  const [row] = await platform.sql<{ campaigns: string[]; adsets: string[]; ads: string[] }[]>`
    select
      array(select concat_ws(' ', fb_campaign_id, name, effective_status) from public.ad_campaigns) as campaigns,
      array(select concat_ws(' ', fb_adset_id, name, effective_status) from public.ad_adsets) as adsets,
      array(select concat_ws(' ', fb_ad_id, name, effective_status) from public.ad_ads) as ads`;
  const { campaigns = [], adsets = [], ads = [] } = row ?? {};
  return { campaigns: [...campaigns].sort(), adsets: [...adsets].sort(), ads: [...ads].sort() };
}

/** Holds that the database has exactly what the emulator's lists show. */
export async function assertTree(platform: Platform, accounts: AdAccount[]): Promise<void> {
  const stored = await storedTree(platform);
  const expected = expectedTree(accounts);
  assertEquals(stored.campaigns, expected.campaigns);
  assertEquals(stored.adsets, expected.adsets);
  assertEquals(stored.ads, expected.ads);
}

/** How often each page was asked for, as `account route page`. */
export function pageReads(graph: GraphEmulator): Map<string, number> {
  const reads = new Map<string, number>();
  for (const call of graph.ledger.calls) {
    const key = `${call.account ?? ""} ${call.route} ${String(call.params.after ?? "")} ${call.path}`;
    reads.set(key, (reads.get(key) ?? 0) + 1);
  }
  return reads;
}

/** The account at a position of the world. */
export function accountAt(world: World, index: number): AdAccount {
  const account = world.accounts[index];
  if (account === undefined) throw new RangeError(`the world has no account ${index}`);
  return account;
}
