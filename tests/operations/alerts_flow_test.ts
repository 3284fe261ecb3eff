/**
 * Alerts on the whole way: Meta refuses a token, the functions notice, the tick tells the webhook, a new token ends it.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";
import { planAccount, World } from "../../scripts/meta-emulator/mod.ts";
import { startRecorder } from "../../scripts/supabase-local/tests/fixtures/recorder.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";
import { startSuite, sync } from "../../scripts/dev/testing/suite.ts";

const PIXEL = "800000000000001";

Deno.test("a dead token and a blocked pixel are told, and told again when a new token works", async (t) => {
  await using webhook = startRecorder(() => new Response("ok"));
  const world = new World({ accounts: [planAccount(0, { ads: 6 })], now: new Date() });
  await using suite = await startSuite({
    graph: { world },
    functionEnv: { META_PIXEL_ID: PIXEL },
    vault: { fb_ads_alert_webhook: webhook.url },
  });
  const { platform, graph } = suite;
  const { sql } = platform;
  world.pixels.add(PIXEL);
  await sql.unsafe(await Deno.readTextFile(`${repositoryRoot}/supabase/seed.sql`)).simple();
  await sync(platform, "fb-sync-metadata");
  const store = (name: string, value: string) =>
    sql`select vault.update_secret(id, ${value}) from vault.secrets where name = ${name}`;
  /** Ticks, as every minute does, until so many messages came. */
  const tickUntilTold = (messages: number) =>
    until(`${messages} messages came`, async () => {
      await platform.runCronJob("fb-ads-tick");
      return webhook.requests.length >= messages;
    });
  const lastMessage = () => String(JSON.parse(webhook.requests.at(-1)?.body ?? "{}").text);

  await t.step("the token that reads", async () => {
    graph.tokens.add(graph.token, { name: "marketing", dead: "190/463" });
    await (await platform.invoke("fb-sync-metadata")).body?.cancel();
    await tickUntilTold(1);
    assertStringIncludes(lastMessage(), "Meta refuses the Marketing API token: token_expired.");
    assertEquals(lastMessage().includes(graph.token), false);
    graph.tokens.add("another-token", { name: "another" });
    await store("meta_marketing_api_token", "another-token");
    await tickUntilTold(2);
    assertStringIncludes(lastMessage(), "over. Meta refuses the Marketing API token");
  });

  await t.step("the token that sends", async () => {
    graph.tokens.add(graph.capiToken, { name: "capi", dead: "190/463" });
    const event = {
      event_name: "Lead",
      event_id: "lead-1",
      event_time: Math.floor(Date.now() / 1000),
      action_source: "system_generated",
      user_data: { em: "siti@example.com" },
      consent: "granted",
    };
    await (await platform.invoke("capi-event", event)).body?.cancel();
    await until(
      "the pixel is blocked",
      async () => (await sql`select from fb_ads.pixels where state = 'blocked'`).length > 0,
    );
    await tickUntilTold(3);
    assertStringIncludes(lastMessage(), `Meta takes no events for pixel ${PIXEL}`);
    graph.tokens.add("another-capi-token", { name: "another capi" });
    await store("meta_capi_access_token", "another-capi-token");
    await (await platform.invoke("capi-event", { dispatch: true })).body?.cancel();
    await tickUntilTold(4);
    assertStringIncludes(lastMessage(), `over. Meta takes no events for pixel ${PIXEL}`);
    const [delivery] = await sql`select state from fb_ads.event_deliveries`;
    assertEquals(delivery?.state, "sent");
  });

  await t.step("nothing else was told", () => {
    assertEquals(webhook.requests.length, 4);
  });
});
