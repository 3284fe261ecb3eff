/**
 * Attribution on a host with tables and keys of its own.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";
import { AD, attribute, makeAttributionShop, page, visit } from "./attribution_shop.ts";

// printf '%s' 42 | sha256sum
const NUMBER_42_DIGEST = "73475cb40a568e8da8a045ced110137e159f890ac4da883b6b17dc651b3a8049";

Deno.test("a host with tables of its own and bigint keys is attributed", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);
  await sql.unsafe(`
    set role postgres;
    create table public.orders (
      no bigint primary key, buyer bigint, state text not null, total numeric, ccy text, placed_at timestamptz, paid_at timestamptz
    );
    select fb_ads.attach_transactions('public.orders', status_column => 'state', ref_prefix => 'orders:', user_column => 'buyer');
    drop view fb_ads.purchases;
    create view fb_ads.purchases with (security_invoker = true) as
    select 'orders:' || no::text as transaction_ref, buyer::text as user_ref, null::uuid as transaction_id, null::uuid as user_id, no as transaction_number,
      'canva'::text as source, state as status, state = 'paid' as is_completed, paid_at as completed_at, placed_at as checkout_at, total as value,
      null::numeric as refunded_amount, ccy as currency, null::text as order_id, null::text[] as content_ids, null::jsonb as contents,
      null::text as email, null::text as phone, null::text as first_name, null::text as last_name, null::text as city, null::text as state,
      null::text as zip, null::text as country
    from public.orders;
    reset role;`);
  const now = Math.floor(Date.now() / 1_000) - 60;
  await visit(platform, { at: now, url: page(`ad_id=${AD}`), user: NUMBER_42_DIGEST });
  await sql`insert into public.orders values (7, 42, 'paid', 99.90, 'PHP', now(), now()), (8, 43, 'paid', 10, 'PHP', now(), now())`;
  assertEquals(await attribute(platform, "orders:7", "orders:8"), { attributed: 1, unattributed: 1, waiting: 0 });
  const rows = await sql`
    select transaction_ref, transaction_id, user_ref, user_id, conversion_value::text, currency from public.ad_attributions`;
  assertEquals(rows.map((row) => ({ ...row })), [{
    transaction_ref: "orders:7",
    transaction_id: null,
    user_ref: "42",
    user_id: null,
    conversion_value: "99.90",
    currency: "PHP",
  }]);
});
