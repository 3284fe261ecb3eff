/**
 * Attribution by browser: fbp and fbc, log-ins before and after the sale, and browsers that two people use.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import {
  AD,
  attribute,
  BUDI,
  BUDI_DIGEST,
  credited,
  DAY,
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
  uncredited,
  visit,
} from "./attribution_shop.ts";

/** SHA-256 of each browser's fbp. */
const FBP_DIGEST = { 1: "00d8edd15dd0281a6ef6c1baa6a8abdccc5bfbc6fa49b3016847a1fadf4f4742" };

/** A checkout event as `fb_store_events` keeps it, which names the order. */
async function checkout(
  { sql }: Platform,
  order_id: string,
  at: number,
  browser_digest: string | null,
  event_id: string,
) {
  await sql`
    insert into fb_ads.conversion_events (event_name, event_id, event_time, content, user_data, state, order_id, browser_digest, received_at, origin)
    values ('InitiateCheckout', ${event_id}, to_timestamp(${at}), '{}', '{}', 'stored', ${order_id}, ${browser_digest}, to_timestamp(${at}), 'browser')`;
}

Deno.test("attribution by browser", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  await makeAttributionShop(platform);
  await makeHostShop(platform);
  const now = Math.floor(Date.now() / 1_000) - 60;

  async function resultOf(sale: Parameters<typeof pay>[1], order?: { fbp?: string | null; event_id?: string }): Promise<
    Outcome
  > {
    const ref = await pay(platform, sale);
    if (order !== undefined) {
      await checkout(platform, ref, sale.at - 1, order.fbp ?? null, order.event_id ?? `checkout-${ref}`);
    }
    await attribute(platform, ref);
    return await outcomeOf(platform, ref);
  }

  const step = (name: string, work: () => Promise<void>) =>
    t.step(name, async () => {
      await forget(platform);
      await work();
    });

  await step("a guest's touchpoint is found by fbp of the checkout", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    assertEquals(await resultOf({ at: now }, { fbp: FBP_DIGEST[1] }), credited(AD, "fbp"));
    const [row] = await platform.sql`select confidence from public.ad_attributions`;
    assertEquals(row?.confidence, "low");
    assertEquals(await resultOf({ at: now }), uncredited("no_touch"));
  });

  await step("a touchpoint is found by fbc of the checkout, whatever time is in the cookie", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}&fbclid=IwAR0abc`) });
    const fbc = `fb.1.${(now - 590) * 1_000}.IwAR0abc`;
    await visit(platform, { at: now - 1, event_name: "InitiateCheckout", event_id: "c-1", fbc });
    assertEquals(await resultOf({ at: now }, { event_id: "c-1" }), credited(AD, "fbc"));
  });

  await step("who logged in on the browser before the sale is linked on another device", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    await visit(platform, { at: now - 500, fbp: fbp(1), user: SITI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "user_id"));
  });

  await step("an address left in the browser links it to a guest's sale on another device", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    await visit(platform, { at: now - 590, url: page(`ad_id=${AD}`), fbp: fbp(1), em: SITI_EM, event_name: "Lead" });
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "em"));
    const [row] = await platform
      .sql`select confidence, extract(epoch from clicked_at)::bigint::text as clicked_at from public.ad_attributions`;
    assertEquals({ ...row }, { confidence: "low", clicked_at: String(now - 600) });
  });

  await step("a log-in after the sale works it out anew, and supersedes what was", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    const ref = await pay(platform, { at: now - 300, user: SITI });
    await attribute(platform, ref);
    assertEquals(await outcomeOf(platform, ref), uncredited("no_touch"));
    const [idle] = await platform.sql`select fb_ads.has_attribution_work() as work`;
    assertEquals(idle?.work, false);

    await visit(platform, { at: now, fbp: fbp(1), user: SITI_DIGEST });
    const [due] = await platform.sql`select fb_ads.has_attribution_work() as work`;
    assertEquals(due?.work, true);
    const answer = await platform.invoke("attribute-purchase", {});
    assertEquals(await answer.json(), { attributed: 1, unattributed: 0, waiting: 0 });
    assertEquals(await outcomeOf(platform, ref), credited(AD, "user_id"));
    const [row] = await platform.sql`
      select jsonb_array_length(history) as length, history #>> '{0,outcome}' as outcome, history #>> '{0,reason}' as reason,
        (select count(*)::int from public.ad_attributions) as active
      from fb_ads.attribution_results`;
    assertEquals({ ...row }, { length: 1, outcome: "unattributed", reason: "no_touch", active: 1 });
  });

  await step("a log-in more than 30 days after the sale changes nothing", async () => {
    await visit(platform, { at: now - 31 * DAY, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    const ref = await pay(platform, { at: now - 31 * DAY + 60, user: SITI });
    await attribute(platform, ref);
    await visit(platform, { at: now, fbp: fbp(1), user: SITI_DIGEST });
    const [due] = await platform.sql`select fb_ads.has_attribution_work() as work`;
    assertEquals(due?.work, false);
    assertEquals(await outcomeOf(platform, ref), uncredited("no_touch"));
  });

  await step("a browser that two users used before the sale credits nobody", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    await visit(platform, { at: now - 500, fbp: fbp(1), user: SITI_DIGEST });
    await visit(platform, { at: now - 400, fbp: fbp(1), user: BUDI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }, { fbp: FBP_DIGEST[1] }), uncredited("ambiguous"));
    assertEquals(await resultOf({ at: now, user: BUDI }, { fbp: FBP_DIGEST[1] }), uncredited("ambiguous"));
    assertEquals(await resultOf({ at: now }, { fbp: FBP_DIGEST[1] }), uncredited("ambiguous"));
    const rows = await platform
      .sql`select cardinality(conflicting_click_ids) as conflicts from fb_ads.attribution_results`;
    assertEquals(rows.map((row) => row.conflicts), [1, 1, 1]);
  });

  await step("two who pay in one browser are its two users, though nobody logged in", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    assertEquals(await resultOf({ at: now - 300, user: BUDI }, { fbp: FBP_DIGEST[1] }), credited(AD, "fbp"));
    assertEquals(await resultOf({ at: now, user: SITI }, { fbp: FBP_DIGEST[1] }), uncredited("ambiguous"));
    const refs = (await platform.sql`select id::text from public.transactions`).map((row) => String(row.id));
    assertEquals(await attribute(platform, ...refs), { attributed: 1, unattributed: 1, waiting: 0 });
  });

  await step("on a shared browser each user's own touchpoint still counts", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), fbp: fbp(1), user: SITI_DIGEST });
    await visit(platform, { at: now - 400, url: page(`ad_id=${OTHER_AD}`), fbp: fbp(1), user: BUDI_DIGEST });
    assertEquals(await resultOf({ at: now, user: SITI }, { fbp: FBP_DIGEST[1] }), credited(AD, "user_id"));
    assertEquals(await resultOf({ at: now, user: BUDI }, { fbp: FBP_DIGEST[1] }), credited(OTHER_AD, "user_id"));
  });

  await step("who comes to a browser after the sale does not take its credit away", async () => {
    await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    const ref = await pay(platform, { at: now - 300, user: SITI });
    await checkout(platform, ref, now - 301, FBP_DIGEST[1], "c-2");
    await attribute(platform, ref);
    assertEquals(await outcomeOf(platform, ref), credited(AD, "fbp"));
    await visit(platform, { at: now, fbp: fbp(1), user: BUDI_DIGEST });
    await attribute(platform, ref);
    assertEquals(await outcomeOf(platform, ref), credited(AD, "fbp"));
  });

  await step("a late click id that belongs before the checkout is taken up", async () => {
    const ref = await pay(platform, { at: now - 300, user: SITI });
    await attribute(platform, ref);
    assertEquals(await outcomeOf(platform, ref), uncredited("no_touch"));
    // The phone comes back online, and with it the landing of ten minutes before the sale.
    await visit(platform, { at: now - 900, url: page(`ad_id=${AD}&fbclid=IwAR0late`), user: SITI_DIGEST });
    await (await platform.invoke("attribute-purchase", {})).body?.cancel();
    assertEquals(await outcomeOf(platform, ref), credited(AD, "user_id"));
  });

  await step("what an anonymous browser claims after the sale moves no sale", async () => {
    const refs: string[] = [];
    for (let sale = 0; sale < 30; sale++) refs.push(await pay(platform, { at: now - 3_600, user: SITI }));
    await attribute(platform, ...refs);
    await platform.sql`update fb_ads.attribution_results set due_at = null`;
    const claims = Array.from({ length: 30 }, (_, index) => ({
      at: now - 7_200,
      received_at: now - index,
      url: page(`ad_id=${AD}`),
      fbp: fbp(100 + index),
      em: SITI_EM,
    }));
    assertEquals(await visit(platform, ...claims), 30);
    const [due] = await platform
      .sql`select count(*)::int as sales from fb_ads.attribution_results where due_at is not null`;
    assertEquals(due?.sales, 0);
    await attribute(platform, ...refs);
    const [moved] = await platform.sql`
      select count(*)::int as sales from fb_ads.attribution_results where reason is distinct from 'no_touch'`;
    assertEquals(moved?.sales, 0);
  });

  await step("a claim never beats the buyer's own browser or user, however late it is", async () => {
    await visit(platform, { at: now - 900, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    await visit(platform, { at: now - 300, url: page(`ad_id=${OTHER_AD}`), fbp: fbp(9), em: SITI_EM });
    assertEquals(await resultOf({ at: now, user: SITI }, { fbp: FBP_DIGEST[1] }), credited(AD, "fbp"));
    assertEquals(await resultOf({ at: now, user: SITI }), credited(AD, "user_id"));
  });

  await step("a link that is passed on makes no sale ambiguous", async () => {
    const url = page(`ad_id=${AD}&fbclid=IwAR0passed`);
    for (const browser of [1, 2, 3]) await visit(platform, { at: now - 900 + browser, url, fbp: fbp(browser) });
    await visit(platform, { at: now - 600, fbp: fbp(2), fbc: "fb.1.1795300000000.IwAR0passed", user: BUDI_DIGEST });
    await visit(platform, { at: now - 500, fbp: fbp(3), user: "c".repeat(64) });
    assertEquals(await resultOf({ at: now, user: SITI }, { fbp: FBP_DIGEST[1] }), credited(AD, "fbp"));
  });
});
