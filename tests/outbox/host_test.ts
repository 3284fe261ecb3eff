/**
 * `fb_ads.purchases` and the attachment to the host: over standard tables, over others, over none.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { makeShop } from "../../scripts/dev/testing/shop_suite.ts";

const COLUMNS = [
  "transaction_ref text",
  "user_ref text",
  "transaction_id uuid",
  "user_id uuid",
  "transaction_number bigint",
  "source text",
  "status text",
  "is_completed boolean",
  "completed_at timestamp with time zone",
  "checkout_at timestamp with time zone",
  "value numeric",
  "refunded_amount numeric",
  "currency text",
  "order_id text",
  "content_ids ARRAY",
  "contents jsonb",
  "email text",
  "phone text",
  "first_name text",
  "last_name text",
  "city text",
  "state text",
  "zip text",
  "country text",
];

async function columnsOf(platform: Platform): Promise<string[]> {
  const rows = await platform.sql`select column_name || ' ' || data_type as c from information_schema.columns
    where table_schema = 'fb_ads' and table_name = 'purchases' order by ordinal_position`;
  return rows.map((row) => String(row.c));
}

Deno.test("`fb_ads.purchases` is empty and of the right shape until the host has tables", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  assertEquals(await columnsOf(platform), COLUMNS);
  assertEquals((await sql`select from fb_ads.purchases`).length, 0);
  await makeShop(platform);
  assertEquals(await columnsOf(platform), COLUMNS);

  await sql`insert into public.unified_profiles (id, email) values ('7d1f0b9c-0e7b-4c55-8f0e-2f4f0c7f7a01', 'siti@example.com')`;
  await sql`insert into public.transactions (user_id, status, amount, currency, source, order_number)
    values ('7d1f0b9c-0e7b-4c55-8f0e-2f4f0c7f7a01', 'Paid', 150000, 'IDR', 'p2p', 'ORD-1'), (null, 'pending', 1, 'PHP', 'canva', null)`;
  const rows = await sql`select user_ref, value, currency, source, order_id, is_completed, email, refunded_amount, city
    from fb_ads.purchases order by value desc`;
  assertEquals(rows.map((row) => ({ ...row })), [
    {
      user_ref: "7d1f0b9c-0e7b-4c55-8f0e-2f4f0c7f7a01",
      value: "150000",
      currency: "IDR",
      source: "p2p",
      order_id: "ORD-1",
      is_completed: true,
      email: "siti@example.com",
      refunded_amount: null,
      city: null,
    },
    {
      user_ref: null,
      value: "1",
      currency: "PHP",
      source: "canva",
      order_id: null,
      is_completed: false,
      email: null,
      refunded_amount: null,
      city: null,
    },
  ]);
});

Deno.test("`fb_ads.attach_transactions` keeps its moment, makes our foreign keys, and is undone by detach", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeShop(platform);
  const moment = async () => String((await sql`select attached_at::text as at from fb_ads.attached_tables`)[0]?.at);
  const keys = async () =>
    (await sql`select conname from pg_constraint where conrelid = 'public.ad_attributions'::regclass and contype = 'f'
      and confrelid in ('public.transactions'::regclass, 'public.unified_profiles'::regclass) and confdeltype = 'n' order by 1`)
      .map((row) => String(row.conname));
  const triggers = async () =>
    (await sql`select tgname from pg_trigger where tgrelid = 'public.transactions'::regclass and not tgisinternal order by 1`)
      .map((row) => String(row.tgname));
  const first = await moment();
  assertEquals(await keys(), ["ad_attributions_transaction_id_fkey", "ad_attributions_user_id_fkey"]);
  assertEquals(await triggers(), ["fb_ads_note_inserted_purchases", "fb_ads_note_updated_purchases"]);
  const functions = await sql`select prosecdef, proconfig from pg_proc
    where pronamespace = 'fb_ads'::regnamespace and proname like 'capture_purchases_%'`;
  assertEquals(functions.map((row) => ({ ...row })), [
    { prosecdef: true, proconfig: ["search_path=pg_catalog, pg_temp", "lock_timeout=50ms"] },
  ]);

  await sql`alter table public.transactions add column refunded_amount numeric`;
  await sql`select fb_ads.attach_transactions('public.transactions', completed_statuses => array['done'])`;
  assertEquals(await moment(), first);
  await sql`insert into public.transactions (status, refunded_amount) values ('done', 5)`;
  const [row] = await sql`select is_completed, refunded_amount from fb_ads.purchases`;
  assertEquals(row, { is_completed: true, refunded_amount: "5" });
  assertEquals((await sql`select from fb_ads.conversion_events`).length, 1);

  assertEquals((await sql`select fb_ads.detach_transactions('public.transactions') as d`)[0]?.d, true);
  assertEquals([await keys(), await triggers()], [[], []]);
  assertEquals((await sql`select fb_ads.detach_transactions('public.transactions') as d`)[0]?.d, false);
});

Deno.test("a view that the host defined is left alone, and a view that went with its table can be made again", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeShop(platform);
  await sql.unsafe(`
    create or replace view fb_ads.purchases with (security_invoker = true) as
    select 'shop:' || id::text as transaction_ref, user_id::text as user_ref, id as transaction_id, user_id, null::bigint as transaction_number,
      'own' as source, status, status = 'completed' as is_completed, completed_at, created_at as checkout_at, amount as value,
      null::numeric as refunded_amount, currency, null::text as order_id, null::text[] as content_ids, null::jsonb as contents,
      null::text as email, null::text as phone, null::text as first_name, null::text as last_name, null::text as city,
      null::text as state, null::text as zip, null::text as country
    from public.transactions`);
  await sql`insert into public.transactions (status) values ('completed')`;
  assertEquals((await sql`select fb_ads.make_purchases_view() as made`)[0]?.made, false);
  assertEquals((await sql`select source from fb_ads.purchases`)[0]?.source, "own");

  await sql`drop table public.transactions cascade`;
  assertEquals(
    (await sql`select public.fb_claim_purchases('{"pixel_ids": ["1"], "require_consent": true}') as c`)[0]?.c.purchases,
    [],
  );
  await sql`select fb_ads.sweep_purchases()`;
  await sql`create table public.transactions (id uuid primary key default gen_random_uuid(), status text)`;
  assertEquals((await sql`select fb_ads.make_purchases_view() as made`)[0]?.made, true);
  assertEquals(await columnsOf(platform), COLUMNS);
});

Deno.test("`fb_ads.attach_transactions` says what is wrong with a table", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql`create table public.odd (a int, b int, status text, completed_at text, primary key (a, b))`;
  await assertRejects(() => sql`select fb_ads.attach_transactions('public.odd')`, Error, "name the key");
  await assertRejects(() => sql`select fb_ads.attach_transactions('public.odd', 'a')`, Error, "timestamp or a date");
  await assertRejects(
    () =>
      sql`select fb_ads.attach_transactions('public.odd', 'a', status_column => 'progress', completed_at_column => '')`,
    Error,
    "no column progress",
  );
  assertEquals((await sql`select from fb_ads.attached_tables`).length, 0);
  await sql`select fb_ads.attach_transactions('public.odd', 'a', completed_at_column => '')`;
  await sql`insert into public.odd values (1, 1, 'completed', null)`;
  assertEquals((await sql`select event_id from fb_ads.conversion_events`)[0]?.event_id, "1");

  await sql`create table public.odder (a int unique, status text, paid_at date)`;
  await assertRejects(() => sql`select fb_ads.attach_transactions('public.odder', 'a')`, Error, "timestamp or a date");
  await sql`select fb_ads.attach_transactions('public.odder', 'a', completed_at_column => '', ref_prefix => 'odder:')`;
  await sql`insert into public.odder values (null, 'completed'), (7, 'pending')`;
  await sql`update public.odder set status = 'completed'`;
  const noted = await sql`select event_id from fb_ads.conversion_events where event_id like 'odder:%'`;
  assertEquals(noted.map(({ event_id }) => event_id), ["odder:7"]);
});
