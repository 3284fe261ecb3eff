/**
 * Deploying to a copy of another project: it starts to work only with tokens that it is given.
 *
 * @module
 */

import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type Deployment, storeVaultSecrets } from "../../../scripts/cli/deploy/steps.ts";
import { connectDatabase } from "../../../scripts/cli/operator/database.ts";
import { startPlatform } from "../../../scripts/supabase-local/mod.ts";

const OWN = "abcdefghijklmnopqrst";
const OTHER = "bcdefghijklmnopqrstu";
const TOKENS = { META_MARKETING_API_TOKEN: "marketing-2", META_CAPI_ACCESS_TOKEN: "capi-2" };

Deno.test("a deployment tells a database its project, and starts a copy only with tokens of its own", async (t) => {
  await using platform = await startPlatform({
    schedule: false,
    vault: {
      fb_ads_project_url: `https://${OTHER}.supabase.co`,
      meta_marketing_api_token: "marketing-1",
      meta_capi_access_token: "capi-1",
    },
  });
  await using database = connectDatabase(platform.hostDbUrl);
  const deploy = (env: Deployment["env"]) =>
    storeVaultSecrets({
      ref: OWN,
      workdir: ".",
      db_url: platform.hostDbUrl,
      password: undefined,
      include_all: false,
      slugs: [],
      env,
      dry_run: false,
    }, database);
  const read = async (name: string) => {
    const [row] = await platform.sql`select fb_ads.read_vault_text(${name}) as value`;
    return String(row?.value);
  };

  await t.step("a copy is left as it is, key and all", async () => {
    const key = await read("fb_ads_function_key");
    assertStringIncludes(await deploy({}), `left as a copy of project ${OTHER}`);
    assertStringIncludes(await deploy({ META_CAPI_ACCESS_TOKEN: "capi-1" }), "left as a copy");
    assertEquals(await read("fb_ads_project_url"), `https://${OTHER}.supabase.co`);
    assertEquals(await read("fb_ads_function_key"), key);
  });

  await t.step("with its tokens it is a project of its own, with a key of its own", async () => {
    const key = await read("fb_ads_function_key");
    assertStringIncludes(await deploy(TOKENS), `this project is https://${OWN}.supabase.co`);
    assertEquals(await read("fb_ads_project_url"), `https://${OWN}.supabase.co`);
    assertEquals(await read("meta_marketing_api_token"), "marketing-2");
    assertNotEquals(await read("fb_ads_function_key"), key);
  });

  await t.step("once more, the key stays", async () => {
    const key = await read("fb_ads_function_key");
    await deploy({});
    assertEquals(await read("fb_ads_function_key"), key);
  });

  await t.step("an address that is no project's is refused", async () => {
    await assertRejects(
      () => deploy({ FB_ADS_PROJECT_URL: "https://shop.example" }),
      Error,
      "not an address of a project",
    );
  });
});
