/**
 * `fb_validate(since, until)`: every check, holding and failing.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import {
  AD,
  attribute,
  makeAttributionShop,
  makeHostShop,
  pay,
  SITI,
  SITI_DIGEST,
  visit,
} from "../attribution/attribution_shop.ts";

/** The checks that fail, with how many rows. */
async function failing({ sql }: Platform): Promise<Record<string, string | null>> {
  const rows = await sql`select check_name, failures::text from public.fb_validate() where not ok`;
  return Object.fromEntries(rows.map((row) => [row.check_name, row.failures]));
}

Deno.test("fb_validate() returns its checks as rows", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);

  await t.step("without a host it says what is to be attached", async () => {
    const rows = await sql`select check_name, ok from public.fb_validate('2026-01-01', '2026-12-31')`;
    assertEquals(rows.map((row) => [row.check_name, row.ok]), [
      ["host_attached", false],
      ["purchases_view", false],
      ["foreign_keys", true],
      ["attributions_are_paid", true],
      ["sales_accounted_for", true],
      ["one_result_a_sale", true],
      ["reconciliation", true],
    ]);
  });

  await makeHostShop(platform);
  const now = Math.floor(Date.now() / 1_000) - 60;
  const long_ago = now - 3 * 3_600;
  await visit(platform, { at: long_ago - 600, url: `https://shop.example/?ad_id=${AD}`, user: SITI_DIGEST });
  const credited = await pay(platform, { at: long_ago, user: SITI });
  await attribute(platform, credited);

  await t.step("all holds", async () => assertEquals(await failing(platform), {}));

  await t.step("a sale that nobody looked at is missed once it is 90 minutes old", async () => {
    await pay(platform, { at: now, user: SITI });
    assertEquals(await failing(platform), {});
    const missed = await pay(platform, { at: long_ago, user: null });
    assertEquals(await failing(platform), { sales_accounted_for: "1" });
    await attribute(platform, missed);
    assertEquals(await failing(platform), {});
  });

  await t.step("an attribution whose transaction is not paid is found, a refunded one is not", async () => {
    await sql`update public.transactions set status = 'refunded' where id = ${credited}`;
    assertEquals(await failing(platform), {});
    await sql`update public.transactions set status = 'pending' where id = ${credited}`;
    assertEquals(await failing(platform), { attributions_are_paid: "1" });
    await sql`update public.transactions set status = 'completed' where id = ${credited}`;
  });

  await t.step("a credited sale without its row is found", async () => {
    await sql`delete from public.ad_attributions`;
    assertEquals(await failing(platform), { one_result_a_sale: "1" });
    await attribute(platform, credited);
    assertEquals(await failing(platform), {});
  });

  await t.step("an ad under another ad set is found, on a day that has begun only where the account is", async () => {
    await sql`update public.ad_attributions set paid_on = current_date + 1, adset_id = (select id from public.ad_adsets where id <> adset_id and account_id = (select account_id from public.ad_ads where fb_ad_id = ${AD}) limit 1)`;
    assertEquals(await failing(platform), { foreign_keys: "1" });
    await attribute(platform, credited);
    assertEquals(await failing(platform), {});
  });

  await t.step("a day that does not add up to Meta's figure is found", async () => {
    await sql`
      insert into fb_ads.reconciliations (account_id, date, our_spend, meta_spend, row_count, currency, tolerance, state)
      select id, current_date - 5, 10, 12, 1, currency, 1, 'off' from public.ad_accounts limit 1`;
    assertEquals(await failing(platform), { reconciliation: "1" });
  });

  await t.step("a host view that is gone is said so", async () => {
    await sql`drop view fb_ads.purchases`;
    const found = await failing(platform);
    assertEquals([found.purchases_view, found.sales_accounted_for], ["1", null]);
  });
});
