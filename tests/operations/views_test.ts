/**
 * The reporting views: what ads and campaigns cost and sold, how many sales find their ad, and what Meta claims.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";
import { AD, CAMPAIGN, makeAttributionShop, MANILA_AD, OTHER_AD } from "../attribution/attribution_shop.ts";
import { credit, spend } from "../attribution/credited_sales.ts";

const rowsOf = (rows: Iterable<object>) => [...rows].map((row) => ({ ...row }));

Deno.test("the reporting views", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);

  const step = (name: string, work: () => Promise<void>) =>
    t.step(name, async () => {
      await sql`truncate public.ad_attributions, public.ad_spend, fb_ads.exchange_rates, fb_ads.attribution_results`;
      await work();
    });

  await step("an ad's day is the account's, by click and by payment", async () => {
    await spend(platform, AD, "2026-11-20", "100000");
    await spend(platform, AD, "2026-11-21", "50000");
    // 23:59:59 of the 20th in Jakarta, and the first second of the 21st.
    await credit(platform, {
      ref: "a",
      clicked_at: "2026-11-20T16:59:59Z",
      paid_at: "2026-11-20T17:00:00Z",
      value: "300000",
    });
    await credit(platform, {
      ref: "b",
      clicked_at: "2026-11-20T17:00:00Z",
      paid_at: "2026-11-22T01:00:00Z",
      value: "100000.50",
    });
    const rows = await sql`
      select date::text, fb_ad_id, spend::text, impressions::int, clicks::int, sales_by_click_day::int as clicked, revenue_by_click_day::text as click_revenue,
        cost_per_sale_by_click_day::text as click_cost, roas_by_click_day::text as click_roas, sales_by_payment_day::int as paid,
        revenue_by_payment_day::text as paid_revenue, cost_per_sale_by_payment_day::text as paid_cost, roas_by_payment_day::text as paid_roas
      from public.fb_ad_performance where date between '2026-11-20' and '2026-11-22' order by date`;
    assertEquals(rowsOf(rows), [
      {
        date: "2026-11-20",
        fb_ad_id: AD,
        spend: "100000",
        impressions: 1000,
        clicks: 10,
        clicked: 1,
        click_revenue: "300000",
        click_cost: "100000.00",
        click_roas: "3.0000",
        paid: 0,
        paid_revenue: "0",
        paid_cost: null,
        paid_roas: "0.0000",
      },
      {
        date: "2026-11-21",
        fb_ad_id: AD,
        spend: "50000",
        impressions: 1000,
        clicks: 10,
        clicked: 1,
        click_revenue: "100000.50",
        click_cost: "50000.00",
        click_roas: "2.0000",
        paid: 1,
        paid_revenue: "300000",
        paid_cost: "50000.00",
        paid_roas: "6.0000",
      },
      {
        date: "2026-11-22",
        fb_ad_id: AD,
        spend: "0",
        impressions: 0,
        clicks: 0,
        clicked: 0,
        click_revenue: "0",
        click_cost: null,
        click_roas: null,
        paid: 1,
        paid_revenue: "100000.50",
        paid_cost: "0.00",
        paid_roas: null,
      },
    ]);
  });

  await step("refunds take away revenue, a full one the sale as well", async () => {
    const at = { clicked_at: "2026-11-20T05:00:00Z", paid_at: "2026-11-20T06:00:00Z" };
    await credit(platform, { ref: "part", ...at, value: "100", net: "60" });
    await credit(platform, { ref: "full", ...at, value: "100", net: "0", state: "reversed" });
    const rows = await sql`
      select sales_by_click_day::int as sales, reversed_by_click_day::int as reversed, revenue_by_click_day::text as revenue from public.fb_ad_performance`;
    assertEquals(rowsOf(rows), [{ sales: 1, reversed: 1, revenue: "60" }]);
  });

  await step(
    "another currency is converted by the day's rate, or the newest of the week before; else null and counted",
    async () => {
      const at = { clicked_at: "2026-11-20T05:00:00Z", paid_at: "2026-11-20T06:00:00Z" };
      const read = async () =>
        rowsOf(
          await sql`
        select sales_by_click_day::int as sales, revenue_by_click_day::text as revenue, unpriced_by_click_day::int as unpriced, roas_by_click_day::text as roas
        from public.fb_ad_performance`,
        );
      await spend(platform, AD, "2026-11-20", "100000");
      await credit(platform, { ref: "idr", ...at, value: "50000" });
      await credit(platform, { ref: "php", ...at, value: "1000.10", currency: "PHP" });
      assertEquals(await read(), [{ sales: 2, revenue: null, unpriced: 1, roas: null }]);
      await sql`insert into fb_ads.exchange_rates (date, from_currency, to_currency, rate) values ('2026-11-12', 'PHP', 'IDR', 1), ('2026-11-22', 'PHP', 'IDR', 2)`;
      assertEquals(await read(), [{ sales: 2, revenue: null, unpriced: 1, roas: null }]);
      await sql`insert into fb_ads.exchange_rates (date, from_currency, to_currency, rate) values ('2026-11-13', 'PHP', 'IDR', 270)`;
      assertEquals(await read(), [{ sales: 2, revenue: "320027.00", unpriced: 0, roas: "3.2003" }]);
      await sql`insert into fb_ads.exchange_rates (date, from_currency, to_currency, rate) values ('2026-11-20', 'PHP', 'IDR', 280.5)`;
      assertEquals(await read(), [{ sales: 2, revenue: "330528.05", unpriced: 0, roas: "3.3053" }]);
      await credit(platform, { ref: "worthless", ...at, value: null });
      assertEquals(await read(), [{ sales: 3, revenue: null, unpriced: 1, roas: null }]);
    },
  );

  await step("a campaign has its ads' sales and those of which no ad is known", async () => {
    await spend(platform, AD, "2026-11-20", "100");
    await spend(platform, OTHER_AD, "2026-11-20", "200");
    await spend(platform, MANILA_AD, "2026-11-20", "5");
    const at = { clicked_at: "2026-11-20T05:00:00Z", paid_at: "2026-11-20T06:00:00Z" };
    await credit(platform, { ref: "ad", ...at, value: "600" });
    await credit(platform, { ref: "set", ...at, value: "300" });
    await sql`update public.ad_attributions set ad_id = null where transaction_ref = 'set'`;
    const rows = await sql`
      select fb_campaign_id, currency, spend::text, sales_by_click_day::int as sales, revenue_by_click_day::text as revenue, roas_by_click_day::text as roas
      from public.fb_campaign_performance where date = '2026-11-20' order by fb_campaign_id`;
    assertEquals(rowsOf(rows), [
      { fb_campaign_id: CAMPAIGN, currency: "IDR", spend: "300", sales: 2, revenue: "900", roas: "3.0000" },
      { fb_campaign_id: "120210000000000199", currency: "PHP", spend: "5", sales: 0, revenue: "0", roas: "0.0000" },
    ]);
    const [ads] = await sql`select sum(sales_by_click_day)::int as sales from public.fb_ad_performance`;
    assertEquals(ads?.sales, 1);
  });

  await step("coverage counts every sale once, under one reason", async () => {
    await sql`
      insert into fb_ads.attribution_results (transaction_ref, outcome, reason, level, source, completed_at, checkout_at, catalogue_differs)
      select n::text, v.outcome, v.reason, v.level, 'p2p', '2026-11-20T23:59:59Z', '2026-11-20T23:59:59Z', v.level = 'ad'
      from (values
        (1, 'attributed', null, 'ad'), (2, 'attributed', null, 'adset'), (3, 'attributed', null, 'campaign'), (4, 'waiting', 'ad_unknown', null),
        (5, 'unattributed', 'no_touch', null), (6, 'unattributed', 'no_touch', null), (7, 'unattributed', 'outside_window', null),
        (8, 'unattributed', 'click_after_purchase', null), (9, 'unattributed', 'ambiguous', null), (10, 'unattributed', 'ad_unknown', null),
        (11, 'unattributed', 'no_consent', null)
      ) as v (n, outcome, reason, level)`;
    const rows = await sql`select * from public.fb_attribution_coverage`;
    const [row] = rowsOf(rows).map((found) =>
      Object.fromEntries(Object.entries(found).map(([name, value]) => [name, String(value)]))
    );
    assertEquals({ ...row, date: undefined }, {
      date: undefined,
      source: "p2p",
      sales: "11",
      attributed: "3",
      unattributed: "7",
      waiting: "1",
      attributed_share: "0.2727",
      attributed_to_ads: "1",
      attributed_to_adsets: "1",
      attributed_to_campaigns: "1",
      no_touch: "2",
      outside_window: "1",
      click_after_purchase: "1",
      ambiguous: "1",
      ad_unknown: "1",
      no_consent: "1",
      catalogue_differs: "1",
    });
  });

  await step("Meta's claim is omni_purchase, else purchase, never their sum", async () => {
    const list = (...pairs: [string, string][]) => pairs.map(([action_type, value]) => ({ action_type, value }));
    await spend(platform, AD, "2026-11-20", "100", {
      actions: list(["link_click", "40"], ["purchase", "3"], ["offsite_conversion.fb_pixel_purchase", "3"], [
        "omni_purchase",
        "4",
      ]),
      action_values: list(["omni_purchase", "1200.50"], ["purchase", "900"]),
    });
    await spend(platform, OTHER_AD, "2026-11-20", "100", { actions: list(["purchase", "2"]) });
    await spend(platform, AD, "2026-11-21", "100", { actions: list(["link_click", "2"]) });
    await credit(platform, {
      ref: "a",
      clicked_at: "2026-11-20T05:00:00Z",
      paid_at: "2026-11-20T06:00:00Z",
      value: "300",
    });
    const rows = await sql`
      select fb_ad_id, our_sales::int, our_revenue::text, meta_purchases::text, meta_purchase_value::text, sales_difference::text, revenue_difference::text,
        why_they_differ like '%never equal%' as is_explained
      from public.fb_meta_claims where date between '2026-11-20' and '2026-11-21' order by fb_ad_id`;
    assertEquals(rowsOf(rows), [
      {
        fb_ad_id: AD,
        our_sales: 1,
        our_revenue: "300",
        meta_purchases: "4",
        meta_purchase_value: "1200.50",
        sales_difference: "-3",
        revenue_difference: "-900.50",
        is_explained: true,
      },
      {
        fb_ad_id: OTHER_AD,
        our_sales: 0,
        our_revenue: "0",
        meta_purchases: "2",
        meta_purchase_value: "0",
        sales_difference: "-2",
        revenue_difference: "0",
        is_explained: true,
      },
    ]);
    await sql`update public.ad_spend set action_values = null, missing_fields = array['action_values'] where actions is not null`;
    const [refused] = await sql`
      select meta_purchases::text, meta_purchase_value::text, revenue_difference::text from public.fb_meta_claims where fb_ad_id = ${AD} and date = '2026-11-20'`;
    assertEquals({ ...refused }, { meta_purchases: "4", meta_purchase_value: null, revenue_difference: null });
  });

  await step("fb_ads_reader reads the views and nothing about a person", async () => {
    await spend(platform, AD, "2026-11-20", "100");
    await credit(platform, {
      ref: "a",
      clicked_at: "2026-11-20T05:00:00Z",
      paid_at: "2026-11-20T06:00:00Z",
      value: "300",
    });
    await sql.begin(async (as) => {
      await as`set local role fb_ads_reader`;
      const counts = await as`
        select (select count(*)::int from public.fb_ad_performance) as ads, (select count(*)::int from public.fb_campaign_performance) as campaigns,
          (select count(*)::int from public.fb_meta_claims) as claims, (select count(*)::int from public.fb_attribution_coverage) as coverage`;
      assertEquals(rowsOf(counts), [{ ads: 1, campaigns: 1, claims: 1, coverage: 0 }]);
    });
    for (
      const query of [
        "select fb_click_id from public.ad_attributions",
        "select user_id from public.ad_attributions",
        "select user_ref from public.ad_attributions",
        "select transaction_ref from public.ad_attributions",
        "select * from public.ad_attributions",
        "select match_keys from fb_ads.attribution_results",
        "select transaction_ref from fb_ads.attribution_results",
        "select * from fb_ads.touchpoints",
        "select * from fb_ads.browser_people",
        "select * from fb_ads.checkout_clicks",
        "select * from fb_ads.conversion_events",
        "select * from fb_ads.purchases",
        "insert into fb_ads.exchange_rates values ('2026-01-01', 'PHP', 'IDR', 1)",
        "select public.fb_validate()",
      ]
    ) {
      await assertRejects(
        () =>
          sql.begin(async (as) => {
            await as`set local role fb_ads_reader`;
            await as.unsafe(query);
          }),
        Error,
        "permission denied",
        query,
      );
    }
  });
});
