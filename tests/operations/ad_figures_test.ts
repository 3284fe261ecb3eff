/**
 * What the performance views tell beside sales: state, link clicks, their cost, and what Meta claims.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";
import { AD, makeAttributionShop, OTHER_AD } from "../attribution/attribution_shop.ts";
import { credit, spend } from "../attribution/credited_sales.ts";

const rowsOf = (rows: Iterable<object>) => [...rows].map((row) => ({ ...row }));

Deno.test("state, link clicks, their cost, CPM and what Meta claims stand beside our figures", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);
  const list = (value: number) => [{ action_type: "omni_purchase", value: `${value}` }];
  await spend(platform, AD, "2026-11-20", "60000", { actions: list(3), action_values: list(150_000) });
  await spend(platform, OTHER_AD, "2026-11-20", "40000", { actions: list(1), action_values: list(50_000) });
  await sql`update public.ad_spend set inline_link_clicks = 8, reach = 500`;
  await sql`update public.ad_ads set effective_status = 'CAMPAIGN_PAUSED' where fb_ad_id = ${AD}`;
  const read = (view: string) =>
    sql.unsafe(`
      select effective_status as state, reach::int, link_clicks::int, link_ctr::text, cost_per_link_click::text as cpc,
        cpm::text, meta_purchases::text, meta_purchase_value::text as meta_value, meta_roas::text
      from public.${view} order by spend desc limit 1`);
  assertEquals(rowsOf(await read("fb_ad_performance")), [{
    state: "CAMPAIGN_PAUSED",
    reach: 500,
    link_clicks: 8,
    link_ctr: "0.008000",
    cpc: "7500.0000",
    cpm: "60000.0000",
    meta_purchases: "3",
    meta_value: "150000",
    meta_roas: "2.5000",
  }]);
  const campaign: Record<string, unknown> = { ...rowsOf(await read("fb_campaign_performance"))[0] };
  assertEquals(campaign, {
    ...campaign,
    link_clicks: 16,
    cpc: "6250.0000",
    cpm: "50000.0000",
    meta_purchases: "4",
    meta_roas: "2.0000",
  });
  // What Meta refused of one ad is unknown of the whole; a day without a row of Meta's has nothing of it.
  await sql`update public.ad_spend set missing_fields = '{actions}' where spend = 40000`;
  assertEquals(rowsOf(await read("fb_campaign_performance")), [{ ...campaign, meta_purchases: null }]);
  await sql`delete from public.ad_spend`;
  await credit(platform, {
    ref: "a",
    clicked_at: "2026-11-20T05:00:00Z",
    paid_at: "2026-11-20T06:00:00Z",
    value: "1",
  });
  assertEquals(rowsOf(await sql`select link_clicks, cpm, meta_purchases from public.fb_ad_performance`), [
    { link_clicks: null, cpm: null, meta_purchases: null },
  ]);
});
