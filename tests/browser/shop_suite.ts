/**
 * The demo shop beside a platform whose functions take its events: what the tests of the browser client stand on.
 *
 * @module
 */

import { type Shop, shopOrigin, startShop } from "../../scripts/dev/demo/shop/mod.ts";
import { findFreePort } from "../../scripts/supabase-local/ports.ts";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";
import postgres from "postgres";
import { startSuite, type Suite } from "../../scripts/dev/testing/suite.ts";
import { emptyTables } from "../../scripts/supabase-local/waiting.ts";

/** Platform, emulator and shop. */
export interface ShopSuite extends Suite {
  shop: Shop;
}

/** Starts all three, with the host's tables of the demo. */
export async function startShopSuite(): Promise<ShopSuite> {
  const port = findFreePort();
  const pixel = "800000000000001";
  const suite = await startSuite({
    functionEnv: { META_PIXEL_ID: pixel, FB_ADS_ALLOWED_ORIGINS: shopOrigin(port), FB_ADS_DEFAULT_COUNTRY: "ID" },
  });
  suite.graph.world.pixels.add(pixel);
  const host = postgres(suite.platform.hostDbUrl, { onnotice: () => {} });
  await host.file(`${repositoryRoot}/supabase/seed.sql`);
  await host.end();
  const shop = startShop({ platform: suite.platform, port });
  return {
    ...suite,
    shop,
    async [Symbol.asyncDispose]() {
      await shop.close();
      await suite[Symbol.asyncDispose]();
    },
  };
}

/** An event as it was stored. */
export interface StoredEvent {
  event_name: string;
  event_id: string;
  state: string;
  consent: string | null;
  content: { event_source_url?: string; custom_data?: Record<string, unknown> } | null;
  browser_data: { fbc?: string; fbp?: string } | null;
}

/** The events that browsers told of, oldest first. */
export async function storedEvents({ platform }: Suite): Promise<StoredEvent[]> {
  return [
    ...await platform.sql<StoredEvent[]>`
    select event_name, event_id, state, consent, content, browser_data
    from fb_ads.conversion_events where origin = 'browser' order by event_time, id`,
  ];
}

/** Forgets what browsers told, so that steps do not see each other. */
export async function clearEvents({ platform }: Suite): Promise<void> {
  await emptyTables(platform.sql, [
    "fb_ads.conversion_events",
    "fb_ads.event_deliveries",
    "fb_ads.consents",
    "fb_ads.touchpoints",
    "fb_ads.event_counts",
  ]);
}
