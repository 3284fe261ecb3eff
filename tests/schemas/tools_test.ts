/**
 * The database as those outside it see it: the functions know its RPCs, and Supabase's advisors find nothing.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { repositoryRoot, runSupabaseCli, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { OPERATIONS } from "../../shared/database/rpc.ts";

Deno.test("the database keeps what others rely on", async (t) => {
  await using platform = await startPlatform({ schedule: false });

  await t.step(
    "every RPC that the Edge Functions call is there, takes what they give, and may be called by them",
    async () => {
      const rows = await platform.sql`
      select called.name, array_agg(array_to_string(routine.proargnames, ',')) filter (where has_function_privilege('service_role', routine.oid, 'execute')) as arguments
      from unnest(${[...OPERATIONS]}::text[]) as called (name)
      left join pg_proc as routine on routine.proname = called.name and routine.pronamespace = 'public'::regnamespace
      group by called.name`;
      const wrong = rows.filter(({ name, arguments: given }) =>
        String(given) !== (name === "fb_read_secret" ? "name" : "request")
      );
      assertEquals(wrong.map(({ name, arguments: given }) => `${name}(${given})`), []);
    },
  );

  await t.step("supabase db advisors finds no error and no warning", async () => {
    const url = `${platform.hostDbUrl}${platform.hostDbUrl.includes("?") ? "" : "?sslmode=disable"}`;
    const { code, stdout, stderr } = await runSupabaseCli(repositoryRoot, [
      "db",
      "advisors",
      `--remote=${url}`,
      "--fail-on",
      "warn",
    ]);
    assertEquals(code, 0, stdout + stderr);
  });
});
