/**
 * What a sale is worth: when it was paid, and now that the host has refunded, edited or deleted it. The figures follow
 * from what the host says now, and not from when they were last looked at.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import {
  AD,
  attribute,
  forget,
  makeAttributionShop,
  makeHostShop,
  page,
  pay,
  SITI,
  SITI_DIGEST,
  visit,
} from "./attribution_shop.ts";

async function moneyOf({ sql }: Platform, ref: string): Promise<unknown[] | null> {
  const [row] = await sql`
    select conversion_value::text, current_value::text, reversed_value::text, net_value::text, state, reversal_reason
    from public.ad_attributions where transaction_ref = ${ref}`;
  return row === undefined ? null : Object.values(row);
}

Deno.test("a sale is worth what the host says now, beside what it was worth when paid", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);
  await makeHostShop(platform);
  const now = Math.floor(Date.now() / 1_000) - 60;

  /** A credited sale; what the host then does to it; and three ways to look at it, each of which gives the same. */
  async function worthAfter(change: string, amount: string | null = "150000"): Promise<unknown[] | null> {
    const figures: (unknown[] | null)[] = [];
    const looks = [
      (ref: string) => attribute(platform, ref),
      async () => await (await platform.invoke("attribute-purchase", {})).body?.cancel(),
      () => platform.runCronJob("fb-ads-reversals"),
    ];
    for (const look of looks) {
      await forget(platform);
      await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
      const ref = await pay(platform, { at: now, user: SITI, amount });
      await attribute(platform, ref);
      for (const statement of change.split(";")) {
        await sql.unsafe(statement.replaceAll("$ref", `'${ref}'`));
        await look(ref);
      }
      figures.push(await moneyOf(platform, ref));
    }
    assertEquals([figures[1], figures[2]], [figures[0], figures[0]]);
    return figures[0] ?? null;
  }
  const set = (assignments: string) => `update public.transactions set ${assignments} where id = $ref`;

  const cases: [claim: string, change: string, expected: unknown[]][] = [
    ["nothing", "select $ref", ["150000", "150000", "0", "150000", "active", null]],
    ["a refund of a part", set("refunded_amount = 40000.50"), [
      "150000",
      "150000",
      "40000.50",
      "109999.50",
      "active",
      null,
    ]],
    ["a refund of all, by status", set("status = 'refunded'"), [
      "150000",
      "150000",
      "150000",
      "0",
      "reversed",
      "refunded",
    ]],
    ["a refund of all, by amount", set("refunded_amount = 150000"), [
      "150000",
      "150000",
      "150000",
      "0",
      "reversed",
      "refunded",
    ]],
    ["a chargeback after a refund of a part", set("status = 'Chargeback', refunded_amount = 1000"), [
      "150000",
      "150000",
      "150000",
      "0",
      "reversed",
      "charged_back",
    ]],
    ["a refund that is given back", `${set("status = 'refunded'")};${set("status = 'completed'")}`, [
      "150000",
      "150000",
      "0",
      "150000",
      "active",
      null,
    ]],
    ["another amount", set("amount = 100000"), ["150000", "100000", "0", "100000", "active", null]],
    ["another amount, then a refund", `${set("amount = 100000")};${set("status = 'refunded'")}`, [
      "150000",
      "100000",
      "100000",
      "0",
      "reversed",
      "refunded",
    ]],
    ["another amount and a refund at once", set("amount = 100000, refunded_amount = 25000"), [
      "150000",
      "100000",
      "25000",
      "75000",
      "active",
      null,
    ]],
    [
      "a refund of a part, by a status of its own",
      set("status = 'partially_refunded', refunded_amount = 40000"),
      ["150000", "150000", "40000", "110000", "active", null],
    ],
    ["a refund of an unknown part", set("status = 'partially_refunded'"), [
      "150000",
      "150000",
      "0",
      "150000",
      "active",
      null,
    ]],
    ["shipping", set("status = 'shipped'"), ["150000", "150000", "0", "150000", "active", null]],
    ["a payment that failed after all", set("status = 'failed'"), [
      "150000",
      "150000",
      "150000",
      "0",
      "reversed",
      "unpaid",
    ]],
    ["a negative amount", set("amount = -150000"), ["150000", "-150000", "0", "0", "reversed", "negative_value"]],
    ["a deleted row", "delete from public.transactions where id = $ref", [
      "150000",
      "150000",
      "150000",
      "0",
      "reversed",
      "deleted",
    ]],
  ];
  for (const [claim, change, expected] of cases) {
    await t.step(claim, async () => assertEquals(await worthAfter(change), expected));
  }

  await t.step("a value that is not known is nothing to take back", async () => {
    assertEquals(await worthAfter("select $ref", null), [null, null, "0", null, "active", null]);
    assertEquals(await worthAfter(set("refunded_amount = 10"), null), [null, null, "0", null, "active", null]);
    assertEquals(await worthAfter(set("status = 'refunded'"), null), [null, null, "0", "0", "reversed", "refunded"]);
  });

  await t.step("a reversed sale is no sale and no revenue in the figures", async () => {
    for (const change of [set("amount = -5"), "delete from public.transactions where id = $ref"]) {
      await worthAfter(change);
      const [day] = await sql`
        select sales_by_payment_day::int as sales, revenue_by_payment_day::text as revenue, reversed_by_payment_day::int as reversed
        from public.fb_ad_performance`;
      assertEquals({ ...day }, { sales: 0, revenue: "0", reversed: 1 });
    }
  });

  await t.step("a sale whose status has moved on before it was first looked at is credited", async () => {
    for (
      const [status, expected] of [
        ["refunded", ["150000", "150000", "150000", "0", "reversed", "refunded"]],
        ["delivered", ["150000", "150000", "0", "150000", "active", null]],
      ] as const
    ) {
      await forget(platform);
      await visit(platform, { at: now - 600, url: page(`ad_id=${AD}`), user: SITI_DIGEST });
      const ref = await pay(platform, { at: now, user: SITI });
      await sql`update public.transactions set status = ${status} where id = ${ref}`;
      assertEquals(await attribute(platform, ref), { attributed: 1, unattributed: 0, waiting: 0 });
      assertEquals(await moneyOf(platform, ref), [...expected]);
    }
  });

  await t.step("a view that is gone or cannot be read deletes nothing", async () => {
    await worthAfter("select $ref");
    const [sale] = await sql`select transaction_ref as ref from public.ad_attributions`;
    const whole = ["150000", "150000", "0", "150000", "active", null];
    const [view] = await sql`select pg_get_viewdef('fb_ads.purchases'::regclass) as query`;
    await sql.unsafe(
      `create or replace view fb_ads.purchases as ${
        String(view?.query).replace(/;$/, "").replace(/sale\.amount( AS value)?/, "(1 / 0 + sale.amount) AS value")
      }`,
    );
    await platform.runCronJob("fb-ads-reversals").catch(() => undefined);
    assertEquals(await moneyOf(platform, sale?.ref), whole);
    await sql`drop view fb_ads.purchases`;
    await platform.runCronJob("fb-ads-reversals");
    assertEquals(await moneyOf(platform, sale?.ref), whole);
    await sql.unsafe(`create view fb_ads.purchases with (security_invoker = true) as ${view?.query}`);
  });
});

Deno.test("changes of many sales are taken over in batches that the tick goes on with", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);
  await makeHostShop(platform);
  await sql`set session_replication_role = replica`;
  await sql`
    insert into public.transactions (status, amount, currency, created_at, completed_at)
    select 'refunded', 1000, 'IDR', now() - n * interval '1 minute', now() - n * interval '1 minute'
    from generate_series(1, 20500) as n`;
  await sql`reset session_replication_role`;
  await sql`
    insert into fb_ads.attribution_results (transaction_ref, outcome, reason, completed_at, checkout_at, conversion_value, current_value, net_value)
    select id::text, 'unattributed', 'no_touch', completed_at, completed_at, 1000, 1000, 1000 from public.transactions`;
  const refunded = async () =>
    (await sql`select count(*)::int as n from fb_ads.attribution_results where reversal_reason = 'refunded'`)[0]?.n;
  await platform.runCronJob("fb-ads-reversals");
  assertEquals(await refunded(), 10_000);
  const [newest] = await sql`
    select min(completed_at) filter (where reversal_reason is not null) > max(completed_at) filter (where reversal_reason is null) as first
    from fb_ads.attribution_results`;
  assertEquals(newest?.first, true);
  await platform.runCronJob("fb-ads-tick");
  assertEquals(await refunded(), 20_000);
  await platform.runCronJob("fb-ads-tick");
  assertEquals(await refunded(), 20_500);
  await platform.runCronJob("fb-ads-tick");
  const [job] = await sql`select cursor from fb_ads.scheduled_jobs where jobname = 'fb-ads-reversals'`;
  assertEquals(job?.cursor, null);
});
