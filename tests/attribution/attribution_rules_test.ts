/**
 * The rule that credits a sale: who is linked to a touchpoint, which touchpoint wins, and why a sale stays without an
 * ad.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";
import {
  AD,
  ADSET,
  attribute,
  BUDI_DIGEST,
  CAMPAIGN,
  credited,
  DAY,
  EMPTY_ADSET,
  fbp,
  forget,
  makeAttributionShop,
  makeHostShop,
  OTHER_AD,
  type Outcome,
  outcomeOf,
  page,
  pay,
  SITI,
  SITI_DIGEST,
  SITI_EM,
  SITI_PH,
  uncredited,
  visit,
} from "./attribution_shop.ts";

Deno.test("attribution follows its rule", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  await makeAttributionShop(platform);
  await makeHostShop(platform);
  const now = Math.floor(Date.now() / 1_000) - 60;

  async function resultOf(sale: Parameters<typeof pay>[1]): Promise<Outcome> {
    const ref = await pay(platform, sale);
    await attribute(platform, ref);
    return await outcomeOf(platform, ref);
  }

  const step = (name: string, work: () => Promise<void>) =>
    t.step(name, async () => {
      await forget(platform);
      await work();
    });

  await step("a touchpoint of the same user is credited", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "user_id"));
  });

  await step("a touchpoint with the buyer's e-mail address or phone number is credited", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), em: SITI_EM });
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "em"));
    await forget(platform);
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), ph: SITI_PH });
    const ref = await pay(platform, { at: now, user: SITI });
    await platform.sql`select public.fb_attribute_purchases(${
      platform.sql.json({
        transaction_refs: [ref],
        digests: [{ transaction_ref: ref, email_digests: [], phone_digests: [SITI_PH] }],
      })
    })`;
    assertEquals(await outcomeOf(platform, ref), credited(AD, "ph"));
  });

  await step("a sale without any touchpoint is no_touch", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), user: BUDI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }), uncredited("no_touch"));
  });

  await step("the window begins to the second, both ends included", async () => {
    await visit(platform, { at: now - 7 * DAY, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "user_id"));
    assertEquals(await resultOf({ at: now + 1, user: SITI }), uncredited("outside_window"));
    assertEquals(await resultOf({ at: now - 7 * DAY, user: SITI }), credited(AD, "user_id"));
    assertEquals(await resultOf({ at: now - 7 * DAY - 1, user: SITI }), uncredited("click_after_purchase"));
  });

  await step("the window ends at the checkout, not at the payment", async () => {
    await visit(platform, { at: now - DAY, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
    assertEquals(await resultOf({ at: now, checkout_at: now - DAY, user: SITI }), credited(AD, "user_id"));
    assertEquals(
      await resultOf({ at: now, checkout_at: now - DAY - 1, user: SITI }),
      uncredited("click_after_purchase"),
    );
    assertEquals(
      await resultOf({ at: now + 30, checkout_at: now - DAY + 8 * DAY, user: SITI }),
      credited(AD, "user_id"),
    );
  });

  await step("the window is a setting", async () => {
    await platform.sql`update fb_ads.settings set attribution_window = '1 day'`;
    try {
      await visit(platform, { at: now - DAY - 1, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
      assertEquals(await resultOf({ at: now, user: SITI }), uncredited("outside_window"));
    } finally {
      await platform.sql`update fb_ads.settings set attribution_window = '7 days'`;
    }
  });

  await step("the latest touchpoint that names an ad wins; a click id alone erases nothing and assists", async () => {
    await visit(platform, { at: now - 900, url: page(`ad_id=${OTHER_AD}`), user: SITI_DIGEST });
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}&fbclid=IwAR0first`), user: SITI_DIGEST });
    await visit(platform, { at: now - 300, url: page("fbclid=IwAR0second"), user: SITI_DIGEST });
    const ref = await pay(platform, { at: now, user: SITI });
    await attribute(platform, ref);
    assertEquals(await outcomeOf(platform, ref), credited(AD, "user_id"));
    const [row] = await platform.sql`
      select attribution.fb_click_id, extract(epoch from attribution.clicked_at)::bigint::text as clicked_at,
        (select array_agg(click.fbclid) from fb_ads.touchpoints as click where click.id = any (result.assist_click_ids)) as assists
      from public.ad_attributions as attribution join fb_ads.attribution_results as result using (transaction_ref)`;
    assertEquals({ ...row }, { fb_click_id: "IwAR0first", clicked_at: String(now - 600), assists: ["IwAR0second"] });
  });

  await step("a click id alone is ad_unknown", async () => {
    await visit(platform, { at: now - 300, url: page("fbclid=IwAR0only"), user: SITI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }), uncredited("ad_unknown"));
  });

  await step("an ad set or a campaign alone is credited at its level, and any ad beats it", async () => {
    await visit(platform, { at: now - 300, url: page(`adset_id=${EMPTY_ADSET}`), user: SITI_DIGEST });
    const bySet = await resultOf({ at: now, user: SITI });
    assertEquals(bySet, { outcome: "attributed", reason: null, level: "adset", ad: null, matched_by: "user_id" });
    const [row] = await platform.sql`
      select c.fb_campaign_id, s.fb_adset_id, a.ad_id from public.ad_attributions as a
      join public.ad_campaigns as c on c.id = a.campaign_id join public.ad_adsets as s on s.id = a.adset_id`;
    assertEquals({ ...row }, { fb_campaign_id: CAMPAIGN, fb_adset_id: EMPTY_ADSET, ad_id: null });

    await visit(platform, { at: now - 200, url: page(`campaign_id=${CAMPAIGN}`), user: SITI_DIGEST });
    const byCampaign = await resultOf({ at: now, user: SITI });
    assertEquals(byCampaign.level, "campaign");

    await visit(platform, { at: now - 900, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "user_id"));
  });

  await step("numbers in UTM parameters are what the catalogue says, wherever they stand", async () => {
    await visit(platform, {
      at: now - 300,
      url: page(`utm_term=${AD}&utm_content=${ADSET}&utm_campaign=${CAMPAIGN}`),
      user: SITI_DIGEST,
    });
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "user_id"));
    await forget(platform);
    await visit(platform, { at: now - 300, url: page("utm_campaign=2024&utm_content=7"), user: SITI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }), uncredited("no_touch"));
  });

  await step("an explicit id goes before a UTM parameter", async () => {
    await visit(platform, { at: now - 300, url: page(`utm_content=${OTHER_AD}&ad_id=${AD}`), user: SITI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "user_id"));
  });

  await step("where address and catalogue disagree the catalogue counts, and a flag says so", async () => {
    await visit(platform, { at: now - 300, url: page(`ad_id=${AD}&adset_id=${EMPTY_ADSET}`), user: SITI_DIGEST });
    await resultOf({ at: now, user: SITI });
    const read = async () =>
      (await platform.sql`
      select s.fb_adset_id, result.catalogue_differs from fb_ads.attribution_results as result join public.ad_adsets as s on s.id = result.adset_id
    `).map((row) => ({ ...row }));
    assertEquals(await read(), [{ fb_adset_id: ADSET, catalogue_differs: true }]);
    await forget(platform);
    await visit(platform, {
      at: now - 300,
      url: page(`ad_id=${AD}&adset_id=${ADSET}&campaign_id=${CAMPAIGN}`),
      user: SITI_DIGEST,
    });
    await resultOf({ at: now, user: SITI });
    assertEquals(await read(), [{ fb_adset_id: ADSET, catalogue_differs: false }]);
  });

  await step("two ads in the same second are ambiguous, one ad twice is not", async () => {
    await visit(
      platform,
      { at: now - 300, url: page(`ad_id=${AD}`), user: SITI_DIGEST, fbp: fbp(1) },
      { at: now - 300, url: page(`ad_id=${OTHER_AD}`), user: SITI_DIGEST, fbp: fbp(2) },
    );
    assertEquals(await resultOf({ at: now, user: SITI }), uncredited("ambiguous"));
    const [row] = await platform
      .sql`select cardinality(conflicting_click_ids) as conflicts from fb_ads.attribution_results`;
    assertEquals(row?.conflicts, 2);
    await forget(platform);
    await visit(
      platform,
      { at: now - 300, url: page(`ad_id=${AD}`), user: SITI_DIGEST, fbp: fbp(1) },
      { at: now - 300, url: page(`ad_id=${AD}`), user: SITI_DIGEST, fbp: fbp(2), em: SITI_EM },
    );
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "user_id"));
  });

  await step("a tie in an earlier second does not matter", async () => {
    await visit(
      platform,
      { at: now - 301, url: page(`ad_id=${AD}`), user: SITI_DIGEST, fbp: fbp(1) },
      { at: now - 301, url: page(`ad_id=${OTHER_AD}`), user: SITI_DIGEST, fbp: fbp(2) },
      { at: now - 300, url: page(`ad_id=${OTHER_AD}`), user: SITI_DIGEST, fbp: fbp(3) },
    );
    assertEquals(await resultOf({ at: now, user: SITI }), credited(OTHER_AD, "user_id"));
  });
});
