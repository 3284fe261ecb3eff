/**
 * The purchase triggers in a host's bad moments: nothing of ours can fail, hold up or change what the host does, and
 * the sweep finds what they could not note.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import postgres from "postgres";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { makeShop } from "../../scripts/dev/testing/shop_suite.ts";

type Sql = Platform["sql"];

async function noted(sql: Sql): Promise<string[]> {
  const rows = await sql`select event_id from fb_ads.conversion_events where event_name = 'Purchase' order by event_id`;
  return rows.map((row) => String(row.event_id));
}

Deno.test("the purchase triggers never fail nor hold up the host, and the sweep finds what they could not note", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeShop(platform);
  await sql`grant usage on schema public to authenticated`;
  await sql`grant insert, update, select on public.transactions to authenticated`;
  const host = postgres(platform.hostDbUrl, {
    max: 1,
    onnotice: () => undefined,
    // What waits for us fails here instead of for ever.
    connection: { statement_timeout: 60_000 },
  });

  /** Breaks something, completes a sale as the host does, mends it, and looks whether the sale is found. */
  const broken = (name: string, breakIt: string, mendIt: string, isLost = true) =>
    t.step(name, async () => {
      await sql`truncate fb_ads.conversion_events cascade`;
      await sql.unsafe(breakIt);
      const [sale] = await host`insert into public.transactions (status, amount) values ('pending', 1) returning id`;
      await host`update public.transactions set status = 'completed', completed_at = now() where id = ${sale?.id}`;
      assertEquals((await host`select status from public.transactions where id = ${sale?.id}`)[0]?.status, "completed");
      await sql.unsafe(mendIt);
      assertEquals(await noted(sql), isLost ? [] : [String(sale?.id)]);
      await sql`select fb_ads.sweep_purchases()`;
      assertEquals((await noted(sql)).includes(String(sale?.id)), true);
      await sql`delete from public.transactions`;
    });

  try {
    await broken(
      "no function key in Vault",
      "select vault.update_secret(id, new_name => 'away') from vault.secrets where name = 'fb_ads_function_key'",
      "select vault.update_secret(id, new_name => 'fb_ads_function_key') from vault.secrets where name = 'away'",
      false,
    );
    await broken(
      "a project URL that no one may have",
      "select vault.update_secret(id, 'ftp://evil.example') from vault.secrets where name = 'fb_ads_project_url'",
      `select vault.update_secret(id, '${platform.apiUrl}') from vault.secrets where name = 'fb_ads_project_url'`,
      false,
    );
    await broken("no pg_net", "alter schema net rename to net_away", "alter schema net_away rename to net", false);
    await broken(
      "no Vault",
      "alter schema vault rename to vault_away",
      "alter schema vault_away rename to vault",
      false,
    );
    await broken(
      "no invoke_edge_function",
      "alter function fb_ads.invoke_edge_function(text, jsonb) rename to gone",
      "alter function fb_ads.gone(text, jsonb) rename to invoke_edge_function",
      false,
    );
    await broken(
      "our table renamed",
      "alter table fb_ads.conversion_events rename to away",
      "alter table fb_ads.away rename to conversion_events",
    );
    await broken(
      "our table with a column less",
      "alter table fb_ads.conversion_events rename transaction_ref to ref_away",
      "alter table fb_ads.conversion_events rename ref_away to transaction_ref",
    );
    await broken(
      "the trigger disabled, as a restore does",
      "alter table public.transactions disable trigger fb_ads_note_updated_purchases",
      "alter table public.transactions enable trigger fb_ads_note_updated_purchases",
    );

    await t.step("the host's own column renamed", async () => {
      await sql`alter table public.transactions rename status to progress`;
      await host`insert into public.transactions (progress) values ('completed')`;
      await sql`alter table public.transactions rename progress to status`;
      assertEquals((await sql`select fb_ads.sweep_purchases()::int as n`)[0]?.n, 1);
      await sql`delete from public.transactions`;
    });

    await t.step("our table locked", async () => {
      await sql`truncate fb_ads.conversion_events cascade`;
      let saleId = "";
      await sql.begin(async (tx) => {
        await tx`lock table fb_ads.conversion_events in access exclusive mode`;
        const [sale] =
          await host`insert into public.transactions (status, completed_at) values ('completed', now()) returning id`;
        saleId = String(sale?.id);
      });
      assertEquals(await noted(sql), []);
      await sql`select fb_ads.sweep_purchases()`;
      assertEquals(await noted(sql), [saleId]);
    });

    await t.step("a user without any right on our schema completes a sale", async () => {
      await sql`truncate fb_ads.conversion_events cascade`;
      await host.begin(async (tx) => {
        await tx`set local role authenticated`;
        await tx`insert into public.transactions (status, completed_at) values ('completed', now())`;
      });
      assertEquals((await noted(sql)).length, 1);
    });

    await t.step(
      "two sweeps at once find each sale once, and nothing of before attached_at or older than 7 days",
      async () => {
        await sql`alter table public.transactions disable trigger user`;
        await sql`truncate fb_ads.conversion_events cascade`;
        await sql`delete from public.transactions`;
        await sql`insert into public.transactions (status, completed_at) select 'completed', now() from generate_series(1, 500)`;
        await sql`insert into public.transactions (status, completed_at) values ('completed', now() - interval '1 hour'), ('pending', now())`;
        const [a, b] = await Promise.all([
          sql`select fb_ads.sweep_purchases()::int as n`,
          sql`select fb_ads.sweep_purchases()::int as n`,
        ]);
        assertEquals(Number(a[0]?.n) + Number(b[0]?.n), 500);
        await sql`update fb_ads.attached_tables set attached_at = now() - interval '30 days'`;
        await sql`insert into public.transactions (status, completed_at) values ('completed', now() - interval '8 days')`;
        assertEquals((await sql`select fb_ads.sweep_purchases()::int as n`)[0]?.n, 1);
        await sql`alter table public.transactions enable trigger user`;
      },
    );

    await t.step("the host deletes and updates as it likes; a deleted sale leaves its attribution", async () => {
      const [sale] =
        await host`insert into public.transactions (status, completed_at) values ('completed', now()) returning id`;
      await sql`insert into public.ad_attributions (transaction_ref, transaction_id, conversion_event, event_time)
        values (${sale?.id}, ${sale?.id}, 'Purchase', now())`;
      const [renamed] =
        await host`update public.transactions set id = gen_random_uuid() where id = ${sale?.id} returning id`;
      assertEquals((await sql`select transaction_id from public.ad_attributions`)[0]?.transaction_id, renamed?.id);
      await host`delete from public.transactions where id = ${renamed?.id}`;
      assertEquals((await sql`select transaction_id from public.ad_attributions`)[0]?.transaction_id, null);
    });

    await t.step("the whole schema gone", async () => {
      await sql.unsafe("drop schema fb_ads cascade");
      await host`insert into public.transactions (status, completed_at) values ('completed', now())`;
    });
  } finally {
    await host.end();
  }
});
