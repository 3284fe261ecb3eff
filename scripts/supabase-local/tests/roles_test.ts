/**
 * Roles, grants and time-outs are those of a hosted project.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import postgres from "postgres";
import { startPlatform } from "../mod.ts";
import { fixtureProject } from "./fixtures/recorder.ts";

Deno.test("the database has the roles of a hosted project", async (t) => {
  await using platform = await startPlatform({ projectRoot: fixtureProject, schedule: false });

  await t.step("the roles have the attributes and time-outs of a hosted project", async () => {
    const roles = await platform.sql`
      select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls, rolconfig
      from pg_roles where rolname in ('postgres', 'supabase_admin', 'authenticator', 'anon', 'authenticated', 'service_role')
      order by rolname`;
    const of = (name: string) => roles.find((role) => role.rolname === name);
    assertEquals([of("supabase_admin")?.rolsuper, of("postgres")?.rolsuper], [true, false]);
    assertEquals([of("postgres")?.rolcreaterole, of("postgres")?.rolcreatedb, of("postgres")?.rolbypassrls], [
      true,
      true,
      true,
    ]);
    assertEquals([of("authenticator")?.rolinherit, of("authenticator")?.rolcanlogin], [false, true]);
    assertEquals(of("authenticator")?.rolconfig, ["statement_timeout=8s", "lock_timeout=8s"]);
    assertEquals(of("anon")?.rolconfig, ["statement_timeout=3s"]);
    assertEquals(of("authenticated")?.rolconfig, ["statement_timeout=8s"]);
    assertEquals([of("service_role")?.rolbypassrls, of("service_role")?.rolconfig], [true, null]);
  });

  await t.step("a statement of migrations and cron jobs ends after two minutes", async () => {
    const host = postgres(platform.hostDbUrl, { max: 1, onnotice: () => undefined });
    assertEquals([...await host`show statement_timeout`], [{ statement_timeout: "2min" }]);
    await host`select cron.schedule('limit', '0 0 1 1 *',
      'create table public.seen as select current_setting(''statement_timeout'') as value')`;
    assertEquals((await platform.runCronJob("limit")).status, "succeeded");
    assertEquals([...await host`select value from public.seen`], [{ value: "2min" }]);
    await host.end();
  });

  await t.step(
    "a new table is granted to no API role, a new function to everybody, and postgres owns what it makes",
    async () => {
      const host = postgres(platform.hostDbUrl, { max: 1, onnotice: () => undefined });
      await host`create table public.plain (id int)`;
      await host`create function public.plain_function() returns int language sql as 'select 1'`;
      for (const role of ["anon", "authenticated", "service_role"]) {
        const [row] = await host`
        select has_table_privilege(${role}, 'public.plain', 'select') as may_read,
          has_function_privilege(${role}, 'public.plain_function()', 'execute') as may_execute`;
        assertEquals([row?.may_read, row?.may_execute], [false, true]);
      }
      await host.unsafe(
        "create role made_by_host nologin; grant made_by_host to postgres; grant service_role to made_by_host",
      );
      await host`create extension if not exists pg_net with schema extensions`;
      await assertRejects(() => host`create extension file_fdw`, Error, "permission denied");
      const [row] = await host`select extensions.digest('a', 'sha256') is not null as works`;
      assertEquals(row?.works, true);
      await host.end();
    },
  );
});
