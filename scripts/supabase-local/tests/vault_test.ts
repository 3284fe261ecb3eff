/**
 * Vault as the migrations meet it: the same claims hold for the real extension and for the stand-in.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import postgres from "postgres";
import { startPlatform } from "../mod.ts";

async function codeOf(query: Promise<unknown>): Promise<unknown> {
  const error = await assertRejects(() => query);
  return error instanceof Error && "code" in error ? error.code : null;
}

Deno.test("Vault is that of a hosted project", async (t) => {
  await using platform = await startPlatform({ migrations: false, schedule: false, vault: { given: "by the option" } });

  await t.step("Vault keeps, changes and shows secrets, encrypted in the table, unique by name", async () => {
    const { sql } = platform;
    const [given] = await sql`select decrypted_secret from vault.decrypted_secrets where name = 'given'`;
    assertEquals(given?.decrypted_secret, "by the option");
    const [row] = await sql<{ id: string }[]>`select vault.create_secret('sécret 🔑', 'name', 'why') as id`;
    const id = row?.id ?? "";
    const [shown] = await sql`select * from vault.decrypted_secrets where id = ${id}`;
    assertEquals([shown?.decrypted_secret, shown?.name, shown?.description], ["sécret 🔑", "name", "why"]);
    assertEquals(shown?.key_id, null);
    assert(!String(shown?.secret).includes("sécret"));

    await sql`select vault.update_secret(${id}, 'changed')`;
    const [changed] =
      await sql`select decrypted_secret, name, description from vault.decrypted_secrets where id = ${id}`;
    assertEquals(changed, { decrypted_secret: "changed", name: "name", description: "why" });
    await sql`select vault.update_secret(gen_random_uuid(), 'nobody')`;
    assertEquals(await codeOf(sql`select vault.create_secret('again', 'name')`), "23505");
    await sql`select vault.create_secret('unnamed'), vault.create_secret('unnamed'), vault.create_secret('')`;
  });

  await t.step("Vault lets postgres and service_role read and create, and nobody write the table", async () => {
    const sql = postgres(platform.hostDbUrl, { max: 1 });
    const as = <Result>(role: string, work: (transaction: postgres.TransactionSql) => Promise<Result>) =>
      sql.begin(async (transaction) => {
        await transaction.unsafe(`set local role ${role}`);
        return await work(transaction);
      });
    for (const role of ["postgres", "service_role"]) {
      const rows = await as(role, async (transaction) => {
        await transaction`select vault.create_secret('of a role', ${role})`;
        return await transaction`select decrypted_secret from vault.decrypted_secrets where name = ${role}`;
      });
      assertEquals(rows[0]?.decrypted_secret, "of a role");
      const insert = as(role, (transaction) => transaction`insert into vault.secrets (secret) values ('x')`);
      assertEquals(await codeOf(insert), "42501", role);
      const update = as(role, (transaction) => transaction`update vault.secrets set description = 'x'`);
      assertEquals(await codeOf(update), "42501", role);
      await as(role, (transaction) => transaction`delete from vault.secrets where name = ${role}`);
    }
    for (const role of ["anon", "authenticated"]) {
      const read = as(role, (transaction) => transaction`select * from vault.decrypted_secrets`);
      assertEquals(await codeOf(read), "42501", role);
    }
    await sql.end();
  });

  await t.step("the functions of schema vault have Vault's arguments and defaults", async () => {
    const rows = await platform.sql<{ declared: string }[]>`
      select format('%s(%s) %s', proname, pg_get_function_arguments(oid), pg_get_function_result(oid)) as declared
      from pg_proc
      where pronamespace = 'vault'::regnamespace and proname in ('create_secret', 'update_secret') order by 1`;
    assertEquals(rows.map(({ declared }) => declared), [
      "create_secret(new_secret text, new_name text DEFAULT NULL::text, new_description text DEFAULT ''::text, " +
      "new_key_id uuid DEFAULT NULL::uuid) uuid",
      "update_secret(secret_id uuid, new_secret text DEFAULT NULL::text, new_name text DEFAULT NULL::text, " +
      "new_description text DEFAULT NULL::text, new_key_id uuid DEFAULT NULL::uuid) void",
    ]);
  });
});
