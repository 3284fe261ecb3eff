/**
 * What `npm start` makes of a developer's settings: without a Marketing API token account, shop and secrets are the
 * demo's own, with one the account is the real one, and a hosted project that the settings name is never called.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { setStage, SHOP_ORIGIN, type Stage } from "../../scripts/dev/demo/stage.ts";
import { findFreePort } from "../../scripts/supabase-local/ports.ts";
import { startGraphEmulator } from "../../scripts/meta-emulator/mod.ts";

const HOSTED = {
  FB_ADS_PROJECT_URL: "https://abcdefghijklmnopqrst.supabase.co",
  FB_ADS_FUNCTION_KEY: "sb_secret_of_a_hosted_project",
};

/** As the migrations make it. */
const KEY_OF_SCHEDULE = /^fb_ads_[0-9a-f]{64}$/;

async function secrets({ platform }: Stage): Promise<Record<string, string>> {
  const rows = await platform.sql<{ name: string; secret: string }[]>`
    select name, decrypted_secret as secret from vault.decrypted_secrets`;
  return Object.fromEntries(rows.map(({ name, secret }) => [name, secret]));
}

Deno.test("`setStage()` without a Marketing API token invents everything, whatever the settings say", async () => {
  const settings = {
    ...HOSTED,
    FB_ADS_ALLOWED_ORIGINS: "https://mine.example",
    FB_ADS_ALERT_WEBHOOK: "https://hooks.example/mine",
    FB_ADS_ACCOUNT_IDS: "1001",
    META_PIXEL_ID: "1",
    META_API_VERSION: "v1.0",
  };
  const port = findFreePort();
  const stage = await setStage({ settings, port });
  try {
    const { platform, graph } = stage;
    assertEquals(stage.graphUrl, graph?.url);
    assertEquals(stage.shop?.url, `http://localhost:${port}`);
    const taken = await setStage({ settings, port }).catch((error: unknown) => error);
    assertEquals(String(taken), `PlatformError: Port ${port} is taken: --port names another.`);
    const { fb_ads_function_key: key, ...others } = await secrets(stage);
    assertMatch(key ?? "", KEY_OF_SCHEDULE);
    assertEquals(others, {
      fb_ads_project_url: platform.apiUrl,
      meta_capi_access_token: graph?.capiToken ?? "",
      meta_marketing_api_token: graph?.token ?? "",
    });
    const answer = await fetch(`${platform.functionsUrl}/capi-event`, {
      method: "POST",
      headers: { apikey: platform.publishableKey, origin: SHOP_ORIGIN, "content-type": "application/json" },
      body: JSON.stringify({
        event_name: "PageView",
        event_time: Math.floor(Date.now() / 1000),
        event_source_url: SHOP_ORIGIN,
        consent: "granted",
      }),
    });
    assertEquals(answer.status, 202, await answer.text());
  } finally {
    await stage.close();
  }
});

Deno.test("`setStage()` with a Marketing API token reads that account through the functions that run here", async () => {
  const graph = await startGraphEmulator({ token: "mine" });
  const stage = await setStage({
    settings: { ...HOSTED, META_MARKETING_API_TOKEN: "mine", META_GRAPH_URL: graph.url },
  });
  try {
    const { platform } = stage;
    assertEquals([stage.graph, stage.shop, stage.graphUrl], [null, null, graph.url]);
    const { fb_ads_function_key: key, ...others } = await secrets(stage);
    assertMatch(key ?? "", KEY_OF_SCHEDULE);
    assertEquals(others, {
      fb_ads_project_url: platform.apiUrl,
      meta_marketing_api_token: "mine",
    });
    assertEquals((await platform.invoke("fb-sync-metadata")).status, 200);
    const accounts = await platform.sql<{ enabled: boolean }[]>`select enabled from public.ad_accounts`;
    assertEquals(accounts.map(({ enabled }) => enabled), [false, false]);
  } finally {
    await stage.close();
    await graph.close();
  }
});
