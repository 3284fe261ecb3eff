/**
 * Finding sales by their references, whatever the host's keys look like, and one that cannot be read.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";

async function refsFound(platform: Platform, refs: string[]): Promise<string[]> {
  const rows = await platform.sql`select listed.sale ->> 'transaction_ref' as ref
    from fb_ads.find_purchases(${refs}::text[]) as listed (sale) order by 1`;
  return rows.map((row) => String(row.ref));
}

Deno.test("`fb_ads.find_purchases` finds integer keys of any size and sign behind any prefix", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql.unsafe(`
    set role postgres;
    create table public.orders (order_no bigint primary key, state text, paid_at timestamptz);
    create table public.courses (id integer primary key, status text, paid_at timestamptz);
    select fb_ads.attach_transactions('public.orders', status_column => 'state');
    select fb_ads.attach_transactions('public.courses', ref_prefix => 'canva2');
    create or replace view fb_ads.purchases with (security_invoker = true) as
    select sale.ref as transaction_ref, null::text as user_ref, null::uuid as transaction_id, null::uuid as user_id,
      sale.number as transaction_number, null::text as source, sale.status, null::boolean as is_completed, now() as completed_at,
      now() as checkout_at, 1::numeric as value, null::numeric as refunded_amount, 'IDR'::text as currency, null::text as order_id,
      null::text[] as content_ids, null::jsonb as contents, null::text as email, null::text as phone, null::text as first_name,
      null::text as last_name, null::text as city, null::text as state, null::text as zip, null::text as country
    from (
      select order_no::text as ref, order_no as number, state as status from public.orders
      union all
      select 'canva2' || id::text, id::bigint, status from public.courses
    ) as sale;
    insert into public.orders (order_no, state)
      values (1, 'paid'), (-5, 'paid'), (1234567890123456789, 'paid'), (9223372036854775807, 'paid'), (-9223372036854775808, 'paid');
    insert into public.courses (id, status) values (15, 'paid');
    reset role;
  `);
  const noted = (await sql`select event_id from fb_ads.conversion_events order by 1`).map((row) =>
    String(row.event_id)
  );
  assertEquals(noted, ["-5", "-9223372036854775808", "1", "1234567890123456789", "9223372036854775807", "canva215"]);
  const found = await refsFound(platform, noted);
  assertEquals(found.sort(), noted);
  await sql`insert into public.orders (order_no, state) values (7, 'pending'), (8, 'Paid'), (9, null)`;
  const paid = await sql`select sale ->> 'transaction_ref' as ref, sale -> 'is_completed' as is_completed
    from fb_ads.find_purchases(array['7', '8', '9']) as sale order by 1`;
  assertEquals(paid.map((row) => [row.ref, row.is_completed]), [["7", false], ["8", true], ["9", false]]);
  assertEquals(await refsFound(platform, ["2", "99999999999999999999", "-", ""]), []);
});

Deno.test("one sale at which the host's view stumbles keeps no other back", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql.unsafe(`
    set role postgres;
    create table public.transactions (id uuid primary key, status text, amount text, completed_at timestamptz);
    select fb_ads.attach_transactions('public.transactions');
    insert into public.transactions (id, status, amount, completed_at) values
      ('11111111-1111-4111-8111-111111111111', 'paid', '10', now()), ('22222222-2222-4222-8222-222222222222', 'paid', 'ten', now()),
      ('33333333-3333-4333-8333-333333333333', 'paid', '30', now());
    reset role;
  `);
  const request = sql.json({ pixel_ids: ["1"], require_consent: false });
  const [row] = await sql`select public.fb_claim_purchases(${request}) as claim`;
  const sales = row?.claim.purchases.map(({ sale }: { sale: { transaction_ref: string; value: string } }) => [
    sale.transaction_ref,
    sale.value,
  ]);
  assertEquals(sales.sort(), [
    ["11111111-1111-4111-8111-111111111111", "10"],
    ["33333333-3333-4333-8333-333333333333", "30"],
  ]);
  // It is looked for again, later and later.
  const [poison] = await sql`select state, not_before > now() as is_put_off from fb_ads.conversion_events
    where event_id = '22222222-2222-4222-8222-222222222222'`;
  assertEquals(poison, { state: "waiting", is_put_off: true });

  await sql`update public.transactions set amount = 'much'`;
  await sql`update fb_ads.conversion_events set not_before = now()`;
  await assertRejects(() => sql`select public.fb_claim_purchases(${request})`);
  assertEquals((await sql`select from fb_ads.conversion_events where not_before <= now()`).length, 3);
});
