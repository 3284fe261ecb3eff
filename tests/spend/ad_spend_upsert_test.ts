/**
 * `upsert_insights` by itself: amounts to the last digit, nothing written where nothing changed, no row without its ad.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";

/** A row as the functions send it. */
function insight(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    date: "2026-11-20",
    fb_campaign_id: "120210000000000001",
    fb_adset_id: "120220000000000001",
    fb_ad_id: "120230000000000001",
    spend: "79.20",
    impressions: 100,
    clicks: 3,
    reach: 90,
    inline_link_clicks: 2,
    currency: "USD",
    actions: [{ action_type: "purchase", value: "1" }, { action_type: "purchase", value: "2" }],
    action_values: null,
    ...changes,
  };
}

Deno.test("`upsert_insights`", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  const [account] = await sql`insert into public.ad_accounts (fb_account_id) values ('1') returning id`;
  const ids = ["120210000000000001", "120220000000000001", "120230000000000001"];
  await sql`select fb_ads.stub_campaigns(${account?.id}, array[${ids[0] ?? ""}])`;
  const parents = [{ fb_campaign_id: ids[0], fb_adset_id: ids[1], fb_ad_id: ids[2] }];
  await sql.unsafe("select fb_ads.stub_adsets($1, $2::text::jsonb)", [account?.id, JSON.stringify(parents)]);
  await sql.unsafe("select fb_ads.stub_ads($1, $2::text::jsonb)", [account?.id, JSON.stringify(parents)]);

  const upsert = async (rows: unknown[], dropped: string[] = []) => {
    const [row] = await sql.unsafe(
      "select written::int, unresolved::int from fb_ads.upsert_insights($1, $2::text::jsonb, $3)",
      [
        account?.id,
        JSON.stringify(rows),
        dropped,
      ],
    );
    return { ...row };
  };

  for (const spend of ["0", "79.20", "0.1", "123456789012.345678", "1000"]) {
    await t.step(`a spend of ${spend} stays so`, async () => {
      await upsert([insight({ spend })]);
      const [row] = await sql`select spend::text from public.ad_spend`;
      assertEquals(row?.spend, spend);
    });
  }

  await t.step("the same row again writes nothing, in either order of its keys", async () => {
    await upsert([insight()]);
    const before = await sql`select xmin::text, ctid::text, updated_at::text from public.ad_spend`;
    const reordered = Object.fromEntries(Object.entries(insight()).reverse());
    assertEquals(await upsert([insight()]), { written: 0, unresolved: 0 });
    assertEquals(await upsert([reordered, insight()]), { written: 0, unresolved: 0 });
    assertEquals(await sql`select xmin::text, ctid::text, updated_at::text from public.ad_spend`, before);
  });

  await t.step("each figure that changes is written", async () => {
    for (
      const change of [
        { spend: "79.21" },
        { impressions: 101 },
        { clicks: 4 },
        { reach: null },
        { inline_link_clicks: 0 },
        { actions: [{ action_type: "purchase", value: "3" }] },
        { action_values: [] },
        { currency: null },
      ]
    ) {
      await upsert([insight()]);
      assertEquals(await upsert([insight(change)]), { written: 1, unresolved: 0 }, JSON.stringify(change));
    }
  });

  await t.step("a refused field keeps its last value and marks the row; a full read unmarks it", async () => {
    await upsert([insight()]);
    await upsert([insight({ reach: null, spend: "80.00" })], ["reach"]);
    const read = async () => ({ ...(await sql`select spend::text, reach, missing_fields from public.ad_spend`)[0] });
    assertEquals(await read(), { spend: "80.00", reach: 90, missing_fields: ["reach"] });
    await upsert([insight()]);
    assertEquals(await read(), { spend: "79.20", reach: 90, missing_fields: null });
  });

  await t.step(
    "a row whose ad is not stored is counted, not dropped in silence, and the others are stored",
    async () => {
      const other = insight({ fb_ad_id: "120230000000000009", date: "2026-11-19" });
      assertEquals(await upsert([other, insight({ date: "2026-11-19" })]), { written: 1, unresolved: 1 });
    },
  );

  await t.step("a row that does not name its currency is in the account's", async () => {
    await sql`update public.ad_accounts set currency = 'PHP'`;
    await upsert([insight({ currency: null })]);
    assertEquals((await sql`select currency from public.ad_spend where date = '2026-11-20'`)[0]?.currency, "PHP");
    await upsert([insight()]);
  });

  await t.step("spend below zero is refused", async () => {
    const refused = await upsert([insight({ spend: "-1" })]).then(() => "stored", (error) => error.constraint_name);
    assertEquals(refused, "spend_is_not_negative");
  });
});
