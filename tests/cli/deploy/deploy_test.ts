/**
 * `npm run deploy` with the real CLI, against a real database and a fake Management API on loopback.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { installInto } from "../../../scripts/cli/installer/install.ts";
import { connectProject } from "../../../scripts/cli/operator/database.ts";
import { startPlatform } from "../../../scripts/supabase-local/mod.ts";
import { startGraphEmulator } from "../../../scripts/meta-emulator/mod.ts";
import { makeHost } from "../install/fixtures/host.ts";
import { installPackage } from "../installed_package.ts";
import { REF, startManagementApi } from "./fixtures/management.ts";

const SLUGS = ["attribute-purchase", "capi-event", "fb-sync-insights", "fb-sync-metadata"];

Deno.test("`npm run deploy` brings a project from nothing to running, again without harm, and never shows a secret", async (t) => {
  await using installed = await installPackage();
  await using host = await makeHost();
  await installInto(host.path);
  await using graph = await startGraphEmulator({ token: "marketing-token-1", capiToken: "capi-token-1" });
  await using platform = await startPlatform({
    migrations: false,
    projectRoot: host.path,
    schedule: false,
    graphUrl: graph.url,
    functionEnv: { META_PIXEL_ID: "800000000000001", FB_ADS_ACCOUNT_IDS: "*" },
  });
  graph.world.pixels.add("800000000000001");
  const { sql } = platform;
  await sql`delete from vault.secrets`;
  await using management = await startManagementApi(platform.hostDbUrl, [
    { name: "anon", type: "legacy", api_key: "anon-key" },
    { name: "default", type: "secret", api_key: "sb_secret_default_key_0000" },
  ]);
  const url = new URL(platform.hostDbUrl);
  const { password } = url;
  url.password = "";
  const env = { ...management.env, PGPASSWORD: password };
  const args = ["--project-ref", REF, "--db-url", url.href, "--path", host.path];
  const settings = {
    META_PIXEL_ID: "800000000000001",
    FB_ADS_ACCOUNT_IDS: "*",
    META_MARKETING_API_TOKEN: "marketing-token-1",
    META_CAPI_ACCESS_TOKEN: "capi-token-1",
    FB_ADS_PROJECT_URL: platform.apiUrl,
    META_GRAPH_URL: graph.url,
  };
  const run = (words: string[], variables: Record<string, string>) => installed.npx(words, { env: variables });
  const isSecret = [password, platform.secretKey, "marketing-token-1", "capi-token-1"];
  const assertQuiet = (output: string) => {
    for (const secret of isSecret) assert(!output.includes(secret), output);
  };

  await t.step("--dry-run changes nothing", async () => {
    const { code, output } = await run(["deploy", ...args, "--dry-run"], { ...env, ...settings });
    assertEquals(code, 0, output);
    assertStringIncludes(output, "would set META_PIXEL_ID, FB_ADS_ACCOUNT_IDS");
    assertStringIncludes(output, "would store fb_ads_project_url, meta_marketing_api_token");
    assertEquals(management.changes, []);
    const [found] =
      await sql`select to_regnamespace('fb_ads')::text as schema, (select count(*)::int from vault.secrets) as secrets`;
    assertEquals({ ...found }, { schema: null, secrets: 0 });
    assertQuiet(output);
  });

  await t.step("a token that is missing is named, and what is there already stays", async () => {
    const { META_CAPI_ACCESS_TOKEN: _, ...without } = settings;
    const { code, output } = await run(["deploy", ...args], { ...env, ...without });
    assertEquals(code, 1);
    assertStringIncludes(output, "Vault has no meta_capi_access_token");
    assertQuiet(output);
  });

  /** What the migrations made, once they have run. */
  const functionKey = async () => {
    const [row] = await sql`select decrypted_secret from vault.decrypted_secrets where name = 'fb_ads_function_key'`;
    assertMatch(row?.decrypted_secret, /^fb_ads_[0-9a-f]{64}$/);
    return row?.decrypted_secret;
  };
  const namesAndValues = async () =>
    Object.fromEntries(
      [...await sql`select name, decrypted_secret from vault.decrypted_secrets order by name`].map((
        row,
      ) => [row.name, row.decrypted_secret]),
    );

  await t.step("the whole way", async () => {
    const { code, output } = await run(["deploy", ...args], { ...env, ...settings });
    assertEquals(management.secrets, { META_PIXEL_ID: "800000000000001", FB_ADS_ACCOUNT_IDS: "*" });
    assertEquals([...management.deployed].sort(), SLUGS, output);
    assertEquals(await namesAndValues(), {
      fb_ads_function_key: await functionKey(),
      fb_ads_project_url: platform.apiUrl,
      meta_capi_access_token: "capi-token-1",
      meta_marketing_api_token: "marketing-token-1",
    });
    for (const title of ["[1/6] link", "[2/6] push", "[3/6] set", "[4/6] store", "[5/6] deploy", "[6/6] doctor"]) {
      assertStringIncludes(output, title);
    }
    assertStringIncludes(output, `function (${SLUGS.length}): deployed, boots, takes the key and reaches the database`);
    assertStringIncludes(output, "token (2): it lives");
    assertEquals(code, 0, output);
    assertQuiet(output);
  });

  await t.step("once more, with another token and without the rest", async () => {
    graph.tokens.add("capi-token-2", { name: "capi" });
    const again = {
      META_CAPI_ACCESS_TOKEN: "capi-token-2",
      FB_ADS_PROJECT_URL: platform.apiUrl,
      META_GRAPH_URL: graph.url,
    };
    const { code, output } = await run(["deploy", ...args], { ...env, ...again });
    assertEquals(code, 0, output);
    assertStringIncludes(output, "kept meta_marketing_api_token");
    const stored = await namesAndValues();
    assertEquals([stored.meta_capi_access_token, stored.meta_marketing_api_token], [
      "capi-token-2",
      "marketing-token-1",
    ]);
  });

  await t.step("without a connection string, Vault is reached through the Management API", async () => {
    const before = Deno.env.toObject();
    for (const [name, value] of Object.entries(management.env)) Deno.env.set(name, value);
    const database = connectProject(REF);
    await database.storeSecret("meta_capi_access_token", 'it\'s "another" \\ token');
    await database.storeSecret("meta_capi_access_token_4711", "its own");
    const stored = await namesAndValues();
    assertEquals(stored.meta_capi_access_token, 'it\'s "another" \\ token');
    assertEquals(stored.meta_capi_access_token_4711, "its own");
    assertEquals(await database.query("select 1 as a, now() > '2020-01-01' as b"), [{ a: 1, b: true }]);
    await assertRejects(() => database.query("select 1 / 0"));
    for (const name of Object.keys(management.env)) {
      if (before[name] === undefined) Deno.env.delete(name);
      else Deno.env.set(name, before[name]);
    }
  });

  await t.step("uninstalling a project takes functions and their secrets too", async () => {
    const { code, output } = await run(
      ["uninstall", "--project-ref", REF, "--path", host.path, "--yes"],
      management.env,
    );
    assertEquals(code, 0, output);
    assertEquals([...management.deleted].sort(), SLUGS);
    assert(management.unset.includes("META_PIXEL_ID"));
    const [found] = await sql`select to_regnamespace('fb_ads')::text as schema`;
    assertEquals(found?.schema, null);
  });

  await t.step("no child had a secret among its arguments", () => {
    const calls = installed.cliCalls().map((call) => ` ${call.join(" ")}`);
    for (const verb of ["link", "db push", "db query", "secrets set", "functions deploy"]) {
      assert(calls.some((call) => call.includes(` ${verb} `)), verb);
    }
    assertQuiet(calls.join("\n"));
  });
});
