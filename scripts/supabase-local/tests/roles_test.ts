/**
 * Roles, grants and time-outs are those of a hosted project, and the Data API turns keys into roles.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import postgres from "postgres";
import { type Platform, startPlatform } from "../mod.ts";
import { fixtureProject } from "./fixtures/recorder.ts";
import { until } from "../../dev/testing/waiting.ts";

function start(): Promise<Platform> {
  return startPlatform({ projectRoot: fixtureProject, schedule: false });
}

async function rest(platform: Platform, path: string, headers: Record<string, string>, body?: unknown) {
  const response = await fetch(`${platform.apiUrl}/rest/v1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json().catch(() => null) };
}

Deno.test("the roles have the attributes and time-outs of a hosted project", async () => {
  await using platform = await start();
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

Deno.test("a new table is granted to no API role, a new function to everybody, and postgres owns what it makes", async () => {
  await using platform = await start();
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
});

Deno.test("the Data API takes a secret key for service_role, a publishable one for anon, a user's token for the user", async () => {
  await using platform = await start();
  const secret = { apikey: platform.secretKey };
  assertEquals((await rest(platform, "/rpc/add_note", secret, { body: "x" })).body, 1);
  assertEquals((await rest(platform, "/note?select=body", secret)).body, [{ body: "x" }]);
  assertEquals((await rest(platform, "/rpc/sleep_for", secret, { seconds: 0 })).body, "service_role");
  const publishable = { apikey: platform.publishableKey };
  assertEquals((await rest(platform, "/rpc/sleep_for", publishable, { seconds: 0 })).body, "anon");
  const refused = await rest(platform, "/rpc/add_note", publishable, { body: "x" });
  assertEquals([refused.status, refused.body.code], [401, "42501"]);
  const user = { ...publishable, authorization: `Bearer ${await platform.userToken()}` };
  assertEquals((await rest(platform, "/rpc/sleep_for", user, { seconds: 0 })).body, "authenticated");
  const expired = { ...publishable, authorization: `Bearer ${await platform.userToken({ expiresInSeconds: -60 })}` };
  assertEquals((await rest(platform, "/rpc/sleep_for", expired, { seconds: 0 })).status, 401);
  const both = { ...secret, authorization: `Bearer ${platform.secretKey}` };
  assertEquals((await rest(platform, "/rpc/sleep_for", both, { seconds: 0 })).body, "service_role");
});

Deno.test("the Data API refuses missing and unknown keys, and a secret key in a browser", async () => {
  await using platform = await start();
  assertEquals((await rest(platform, "/note", {})).status, 401);
  assertEquals((await rest(platform, "/note", { apikey: "sb_secret_guess" })).status, 401);
  const browser = { apikey: platform.secretKey, "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" };
  const refused = await rest(platform, "/note", browser);
  assertEquals(refused.status, 401);
  assertMatch(refused.body.message, /^Forbidden use of secret API key in browser/);
});

Deno.test("the Data API answers unknown functions with PGRST202, ends statements after 3 and 8 s, and gives 1,000 rows", async () => {
  await using platform = await start();
  const secret = { apikey: platform.secretKey };
  const unknown = await rest(platform, "/rpc/no_such", secret, {});
  assertEquals([unknown.status, unknown.body.code], [404, "PGRST202"]);
  const started = performance.now();
  const [service, anonymous] = await Promise.all([
    rest(platform, "/rpc/sleep_for", secret, { seconds: 20 }).then((answer) => ({ ...answer, at: performance.now() })),
    rest(platform, "/rpc/sleep_for", { apikey: platform.publishableKey }, { seconds: 20 })
      .then((answer) => ({ ...answer, at: performance.now() })),
  ]);
  assertEquals([service.body.code, anonymous.body.code], ["57014", "57014"]);
  assert(anonymous.at - started >= 3_000);
  assert(service.at - started >= 8_000);
  assert(anonymous.at < service.at);
  await platform.sql`insert into public.note (body) select 'many' from generate_series(1, 1001)`;
  assertEquals((await rest(platform, "/note", secret)).body.length, 1000);
});

Deno.test("the Data API learns of a function that is made later", async () => {
  await using platform = await start();
  await platform.sql`create function public.made_later() returns text language sql as $$ select 'here' $$`;
  await until("the function answers", async () => {
    return (await rest(platform, "/rpc/made_later", { apikey: platform.secretKey }, {})).body === "here";
  });
});
