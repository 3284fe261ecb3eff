/**
 * The sweep over tables that know less than the standard ones, and what is said when it cannot read one.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";

async function sweep(platform: Platform): Promise<string[]> {
  const { sql } = platform;
  await sql`truncate fb_ads.conversion_events cascade`;
  await sql`select fb_ads.sweep_purchases()`;
  return (await sql`select event_id from fb_ads.conversion_events order by 1`).map((row) => String(row.event_id));
}

Deno.test("the sweep finds sales of a table that has but one column of time, in partitions too", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql.unsafe(`
    set role postgres;
    create table public.orders (order_no bigint primary key, state text, paid_at timestamptz);
    create table public.courses (id bigint primary key, status text, created_at timestamp);
    create table public.tickets (id bigint, town text, status text, completed_at timestamptz, primary key (id, town))
      partition by list (town);
    create table public.tickets_jakarta partition of public.tickets for values in ('Jakarta');
    select fb_ads.attach_transactions('public.orders', status_column => 'state');
    select fb_ads.attach_transactions('public.courses', ref_prefix => 'course:');
    select fb_ads.attach_transactions('public.tickets', key_column => 'id', ref_prefix => 'ticket:');
    insert into public.orders values (1, 'Paid', now()), (2, 'open', null), (3, 'paid', now() - interval '1 day');
    insert into public.courses values (1, 'completed', now()), (2, 'completed', now() - interval '8 days');
    insert into public.tickets_jakarta values (1, 'Jakarta', 'settled', now());
    reset role;
  `);
  assertEquals(await sweep(platform), ["1", "course:1", "ticket:1"]);
});

Deno.test("`fb_alerts` names the column that an attached table lost", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql.unsafe(`
    set role postgres;
    create table public.orders (order_no bigint primary key, state text, paid_at timestamptz);
    select fb_ads.attach_transactions('public.orders', status_column => 'state');
    reset role;
  `);
  const alerts = () => sql`select severity, problem from public.fb_alerts where kind = 'host_columns'`;
  assertEquals((await alerts()).length, 0);
  await sql`alter table public.orders rename paid_at to settled_at`;
  assertEquals((await alerts()).map((row) => ({ ...row })), [
    { severity: "error", problem: "The attached table public.orders has no column paid_at any more." },
  ]);
  await sql`select fb_ads.attach_transactions('public.orders', status_column => 'state', completed_at_column => 'settled_at')`;
  assertEquals((await alerts()).length, 0);
});
