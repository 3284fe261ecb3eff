/**
 * The shop of `npm start`: its figures make sense to a marketer, they are the same on whichever day it is played, and
 * the product itself finds the ad of every sale that one caused.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { pastSales, storeHistory } from "../../scripts/dev/demo/invented/history.ts";
import { makeShopWorld } from "../../scripts/dev/demo/invented/world.ts";
import { DEMO_SETTINGS, seedHost } from "../../scripts/dev/demo/stage.ts";
import { dayText, localDay, trueRows } from "../../scripts/meta-emulator/mod.ts";
import { startSuite, syncToEnd } from "../../scripts/dev/testing/suite.ts";

/** What Meta would report of the Indonesian account's last four weeks, by how many days ago. */
function rowsOf(now: Date) {
  const { world } = makeShopWorld(now);
  const [account] = world.accounts;
  assert(account);
  const today = localDay(account.plan.timezone_name, now.getTime());
  return [...trueRows(account, dayText(today - 27), dayText(today), now.getTime())].map(({ date, ...row }) => ({
    days_ago: today - Date.parse(date) / 86_400_000,
    ...row,
  }));
}

Deno.test("the invented shop is the same on whichever day it is played", () => {
  const day = rowsOf(new Date("2026-11-27T09:00:00Z"));
  assertEquals(rowsOf(new Date("2028-02-29T23:50:00Z")), day);
  assertEquals(rowsOf(new Date("2027-01-01T00:10:00Z")), day);
  assert(day.length > 100);
});

Deno.test("the invented shop has winners, losers, organic sales, refunds and a second currency", async () => {
  const { world, ads } = makeShopWorld(new Date());
  await using suite = await startSuite({ graph: { world } });
  const { platform } = suite;
  await seedHost(platform);
  await syncToEnd(platform, "fb-sync-metadata");
  await syncToEnd(platform, "fb-sync-insights");
  await storeHistory(platform, ads, DEMO_SETTINGS.META_PIXEL_ID);

  const figures = await platform.sql<{ ad: string; spend: number; sales: number; roas: number; claimed: number }[]>`
    select performance.ad_name as ad, sum(performance.spend)::float8 as spend,
      sum(performance.sales_by_click_day)::int as sales,
      (sum(performance.revenue_by_click_day) / sum(performance.spend))::float8 as roas,
      sum(claims.meta_purchases)::float8 as claimed
    from public.fb_ad_performance as performance
    left join public.fb_meta_claims as claims on claims.date = performance.date and claims.ad_id = performance.ad_id
    group by performance.ad_name`;
  const of = (name: string) => {
    const found = figures.find(({ ad }) => ad === name);
    assert(found, name);
    return found;
  };
  assertEquals(figures.length, ads.length);
  for (
    const [name, least, most] of [
      ["Video 15 s, Rina’s first order", 1.5, 2.3],
      ["Reminder, your basket waits", 3, 5],
      ["Picture, half price this week", .1, .6],
      ["Reels, earn with Canva", .1, .6],
    ] as const
  ) {
    const { roas } = of(name);
    assert(roas > least && roas < most, `${name}: ${roas}`);
  }
  const video = of("Video 15 s, Rina’s first order");
  assert(video.claimed / video.sales > 1 && video.claimed / video.sales < 1.35, `${video.claimed} of ${video.sales}`);

  const [sales] = await platform.sql<{ all: number; credited: number; organic: number; refunded: number }[]>`
    select count(*)::int as all,
      (count(*) filter (where outcome = 'attributed'))::int as credited,
      (count(*) filter (where reason = 'no_touch'))::int as organic,
      (count(*) filter (where outcome = 'attributed' and reversed_value > 0))::int as refunded
    from fb_ads.attribution_results`;
  const planned = pastSales(ads);
  assertEquals(sales?.all, planned.length);
  assertEquals(sales?.organic, planned.filter(({ fb_ad_id }) => fb_ad_id === null).length);
  assertEquals(
    sales?.credited,
    planned.filter(({ fb_ad_id, days_to_buy }) => fb_ad_id !== null && days_to_buy !== null && days_to_buy <= 7).length,
  );
  assert(planned.length > 500 && Number(sales?.refunded) > 5);
  const [visits] = await platform.sql<{ n: number }[]>`
    select count(distinct browser_digest)::int as n from fb_ads.touchpoints where clicked_at > now() - interval '28 days'`;
  assert(Number(visits?.n) > 3_000, `${visits?.n} visitors`);
});
