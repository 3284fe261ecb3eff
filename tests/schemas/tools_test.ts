/**
 * What Supabase's own tools say of the database: the checked-in types are current, the advisors find nothing.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { repositoryRoot, runSupabaseCli, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { generateTypes, TYPES_FILE } from "../../scripts/dev/types.ts";

Deno.test("Supabase's tools agree with the migrations", async (t) => {
  await using platform = await startPlatform({ schedule: false });

  await t.step("the generated types are current (npm run types)", async () => {
    assertEquals(await Deno.readTextFile(TYPES_FILE), await generateTypes(platform.hostDbUrl));
  });

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
