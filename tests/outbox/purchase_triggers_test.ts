/**
 * The purchase triggers on a host's tables: what they note, and how often.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { makeShop } from "../../scripts/dev/testing/shop_suite.ts";

type Sql = Platform["sql"];

async function noted(sql: Sql): Promise<string[]> {
  const rows = await sql`select event_id from fb_ads.conversion_events where event_name = 'Purchase' order by event_id`;
  return rows.map((row) => String(row.event_id));
}

const notifications = async (sql: Sql) =>
  Number((await sql`select last_value::int as n from net.http_request_queue_id_seq`)[0]?.n);

Deno.test("the purchase triggers note what a statement completed, once", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeShop(platform);
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      await sql`truncate fb_ads.conversion_events cascade`;
      await sql`delete from public.transactions`;
      await run();
    });
  const one = async (status: string): Promise<string> =>
    String((await sql`insert into public.transactions (status, amount) values (${status}, 1) returning id`)[0]?.id);

  await step("a pending sale is nothing, its completion a key and no more", async () => {
    const id = await one("pending");
    assertEquals(await noted(sql), []);
    await sql`update public.transactions set status = 'completed', completed_at = now() where id = ${id}`;
    const [row] = await sql`select state, transaction_ref, content, user_data, browser_data, person_digests, user_digest
      from fb_ads.conversion_events`;
    assertEquals(row, {
      state: "waiting",
      transaction_ref: id,
      content: null,
      user_data: null,
      browser_data: null,
      person_digests: null,
      user_digest: null,
    });
  });

  await step("a sale inserted as completed is noted, with the time of its payment", async () => {
    await sql`insert into public.transactions (status, amount, completed_at) values ('completed', 1, now() + interval '1 second')`;
    const [row] = await sql`select (event.event_time = sale.completed_at) as same
      from fb_ads.conversion_events as event join public.transactions as sale on sale.id::text = event.event_id`;
    assertEquals(row?.same, true);
  });

  await step("whatever is updated how often, refunded and completed again included, is one key", async () => {
    const id = await one("completed");
    for (const status of ["completed", "refunded", "completed", "refunded", "Completed"]) {
      await sql`update public.transactions set status = ${status}, amount = amount + 1 where id = ${id}`;
    }
    assertEquals(await noted(sql), [id]);
  });

  await step("an upsert and a merge are seen as well", async () => {
    const id = await one("pending");
    await sql`insert into public.transactions (id, status) values (${id}, 'pending')
      on conflict (id) do update set status = 'completed', completed_at = now()`;
    const other = await one("pending");
    await sql`merge into public.transactions as sale using (select ${other}::uuid as id) as given on given.id = sale.id
      when matched then update set status = 'completed', completed_at = now()`;
    assertEquals(await noted(sql), [id, other].sort());
  });

  await step("a Purchase that the host's server has sent by the sale's id is that sale's", async () => {
    const id = await one("pending");
    await sql`insert into fb_ads.conversion_events (event_name, event_id, event_time, state, final_at)
      values ('Purchase', ${id}, now(), 'stored', now())`;
    await sql`update public.transactions set status = 'completed' where id = ${id}`;
    const events = await sql`select transaction_ref, state from fb_ads.conversion_events`;
    assertEquals(events.map((event) => ({ ...event })), [{ transaction_ref: id, state: "stored" }]);
    await sql`update fb_ads.conversion_events set transaction_ref = null`;
    assertEquals((await sql`select fb_ads.sweep_purchases()::int as n`)[0]?.n, 1);
    assertEquals((await sql`select fb_ads.sweep_purchases()::int as n`)[0]?.n, 0);
  });

  await step("a rolled back completion leaves nothing", async () => {
    await assertRejects(() =>
      sql.begin(async (tx) => {
        await tx`insert into public.transactions (status) values ('completed')`;
        throw new Error("payment failed");
      })
    );
    assertEquals(await noted(sql), []);
  });

  await step("what was completed before attached_at is not noted", async () => {
    const sell = () =>
      sql`
      insert into public.transactions (status, completed_at) values ('completed', now() - interval '1 day') returning id::text`;
    await sell();
    assertEquals(await noted(sql), []);
    const [attached] = await sql`select attached_at::text as at from fb_ads.attached_tables`;
    await sql`update fb_ads.attached_tables set attached_at = now() - interval '2 days'`;
    const [sale] = await sell();
    await sql`update fb_ads.attached_tables set attached_at = ${attached?.at}`;
    assertEquals(await noted(sql), [sale?.id]);
  });

  await step("100,000 completed rows in one statement are one notification", async () => {
    const before = await notifications(sql);
    await sql`insert into public.transactions (status, completed_at) select 'completed', now() from generate_series(1, 100000)`;
    assertEquals((await sql`select count(*)::int as n from fb_ads.conversion_events`)[0]?.n, 100_000);
    assertEquals(await notifications(sql) - before, 1);
    await sql`update public.transactions set status = 'refunded'`;
    await sql`update public.transactions set status = 'completed'`;
    assertEquals((await sql`select count(*)::int as n from fb_ads.conversion_events`)[0]?.n, 100_000);
  });

  await step("an update of 100,000 rows after one of a single row does not look at each row for each", async () => {
    const id = await one("pending");
    await sql`update public.transactions set status = 'completed' where id = ${id}`;
    await sql`insert into public.transactions (status) select 'pending' from generate_series(1, 100000)`;
    // Seconds as it should be; ten thousand million looks take no machine less than this.
    await sql.begin(async (tx) => {
      await tx`set local statement_timeout = '10min'`;
      await tx`update public.transactions set status = 'completed'`;
    });
    assertEquals((await sql`select count(*)::int as n from fb_ads.conversion_events`)[0]?.n, 100_001);
  });

  await step("a table with a bigint key and other names is attached beside the first", async () => {
    await sql.unsafe(`
      set role postgres;
      create table public.canva_orders (
        order_no bigint generated always as identity primary key, buyer text, state text, paid_at timestamptz
      );
      reset role;
    `);
    await sql`select fb_ads.attach_transactions('public.canva_orders', status_column => 'state', completed_statuses => array['PAID'],
      user_column => 'buyer')`;
    await sql`insert into public.canva_orders (buyer, state) values ('b', 'PENDING'), ('b', 'paid')`;
    const id = await one("completed");
    assertEquals(await noted(sql), ["2", id].sort());
    await assertRejects(() =>
      sql`create table public.course_orders (id bigint primary key, status text)`.then(() =>
        sql`select fb_ads.attach_transactions('public.course_orders')`
      )
    );
    await sql`select fb_ads.attach_transactions('public.course_orders', ref_prefix => 'course:')`;
    await sql`insert into public.course_orders values (2, 'completed')`;
    assertEquals(await noted(sql), ["2", id, "course:2"].sort());
    await sql`select fb_ads.detach_transactions('public.canva_orders')`;
    await sql`insert into public.canva_orders (buyer, state) values ('b', 'paid')`;
    assertEquals((await noted(sql)).length, 3);
  });
});
