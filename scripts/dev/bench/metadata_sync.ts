/**
 * Figures of `fb-sync-metadata`: a thousand small accounts and one large one, end to end, beside the same rows through
 * the same SQL functions alone.
 *
 * @module
 */

import { DEFAULT_API_VERSION } from "../../../shared/edge/config.ts";
import { fetchAdsPage } from "../../../shared/meta/ads.ts";
import { createGraphClient } from "../../../shared/meta/graph_client.ts";
import { bigAccountWorld, manyAccountsWorld, type World } from "../../meta-emulator/mod.ts";
import { startSuite } from "../testing/suite.ts";
import type { Platform } from "../../supabase-local/mod.ts";
import { type Figure, information } from "./figure.ts";
import { bootWorker, runToEnd, type SyncCost } from "./sync_run.ts";

const SLUG = "fb-sync-metadata";

/** Syncs until nothing is left and holds that every listed ad is there. */
async function measureSync(platform: Platform, world: World): Promise<SyncCost> {
  await bootWorker(platform, SLUG);
  const cost = await runToEnd(platform, SLUG);
  const expected = world.accounts.reduce((sum, account) => sum + account.ads.filter((ad) => !ad.hidden).length, 0);
  const [stored] = await platform.sql`select count(*)::int as ads from public.ad_ads`;
  if (stored?.ads !== expected) throw new Error(`${stored?.ads} ads are stored, ${expected} were listed`);
  return cost;
}

function figures(name: string, rows: number, measured: SyncCost): Figure[] {
  return [
    information(`${name}: rows a second`, `${Math.round(rows / (measured.wall_ms / 1000))}`),
    information(`${name}: CPU of the function a 10,000 rows`, `${Math.round(measured.cpu_ms / (rows / 10_000))} ms`),
    information(`${name}: Graph calls`, `${measured.calls}`),
    information(`${name}: invocations of at most 1.5 s of CPU`, `${measured.invocations}`),
  ];
}

/** The ads of the large account once more, as JSON pages, through `fb_ads.upsert_ads` alone. */
async function measureSqlAlone(platform: Platform, graphUrl: string, token: string): Promise<number> {
  const client = createGraphClient({
    fetch,
    token,
    api_version: DEFAULT_API_VERSION,
    graph_url: graphUrl,
    clock: { now: () => new Date() },
  });
  const [account] = await platform.sql`select id, fb_account_id from public.ad_accounts`;
  const pages: string[] = [];
  let after: string | null = null;
  do {
    const page = await fetchAdsPage(client, { fb_account_id: account?.fb_account_id, after, limit: 400 });
    pages.push(JSON.stringify(page.rows));
    after = page.after;
  } while (after !== null);
  await platform.sql`delete from public.ad_ads`;
  const started = performance.now();
  for (const page of pages) await platform.sql`select fb_ads.upsert_ads(${account?.id}, ${page}::text::jsonb)`;
  return performance.now() - started;
}

/** Runs the bench. */
export async function benchMetadata(): Promise<Figure[]> {
  const found: Figure[] = [];
  const now = new Date("2026-11-22T03:00:00Z");
  {
    const world = manyAccountsWorld(now, { accounts: 1_000, ads: 10, plain: true });
    await using suite = await startSuite({ graph: { world } });
    const measured = await measureSync(suite.platform, world);
    found.push(...figures("1,000 accounts × 10 ads", 1_000 * (10 + 5 + 3 + 1), measured));
  }
  const world = bigAccountWorld(now, { ads: 50_000 });
  await using suite = await startSuite({ graph: { world } });
  const measured = await measureSync(suite.platform, world);
  found.push(...figures("one account × 50,000 ads", 55_500, measured));
  const alone = await measureSqlAlone(suite.platform, suite.graph.url, suite.graph.token);
  found.push({
    name: "one account × 50,000 ads: time beside its ads through the same SQL alone",
    value: `${Math.round(measured.wall_ms)} ms`,
    baseline: `${Math.round(alone)} ms`,
    ratio: measured.wall_ms / alone,
    goal: null,
    ok: true,
  });
  return found;
}
