/**
 * Meta's own SDK against the emulator: whatever it reads, page by page, adds up to the world's truth, and what it sends
 * arrives. It puts the token into the query, as it does at Meta.
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { EFFECTIVE_STATUSES } from "../filtering.ts";
import type { JsonRecord } from "../json_value.ts";
import {
  type AdTreeNode,
  currenciesWorld,
  effectiveStatus,
  type GraphEmulator,
  startGraphEmulator,
  trueRows,
} from "../mod.ts";
import { readAll, sdk, type SdkAccount, turnTo } from "./business_sdk.ts";

const NOW = new Date("2026-11-22T04:00:00Z");
const RANGE = { since: "2026-10-26", until: "2026-11-22" };
const EVERY_STATUS = [...EFFECTIVE_STATUSES];
const VERSION = "v27.0";

async function start(version = VERSION): Promise<GraphEmulator> {
  const emulator = await startGraphEmulator({ world: currenciesWorld(NOW) });
  emulator.clock.stopAt(NOW);
  turnTo(emulator, version);
  return emulator;
}

function accountOf(id: string): SdkAccount {
  return new sdk.AdAccount(`act_${id}`);
}

/** Minor units of amounts with as many decimals as the currency has at Meta. */
function minor(rows: JsonRecord[], places: number): number {
  return rows.reduce((sum, { spend }) => {
    const [whole = "", fraction = ""] = String(spend).split(".");
    return sum + Number(whole + fraction.padEnd(places, "0"));
  }, 0);
}

const ids = (rows: JsonRecord[]): string[] => rows.map(({ id }) => String(id)).sort();
const listed = (nodes: readonly AdTreeNode[]): string[] =>
  nodes.filter((node) => !node.hidden && effectiveStatus(node) !== "DELETED").map(({ id }) => id).sort();

Deno.test("the SDK lists every campaign, ad set and ad, each once, whatever the page", async () => {
  await using emulator = await start();
  for (const { plan, campaigns, adsets, ads } of emulator.world.accounts) {
    const account = accountOf(plan.account_id);
    const params = (limit: number): JsonRecord => ({ effective_status: EVERY_STATUS, limit });
    assertEquals(ids(await readAll(account.getCampaigns(["name"], params(2)))), listed(campaigns));
    assertEquals(ids(await readAll(account.getAdSets(["name", "daily_budget"], params(5)))), listed(adsets));
    assertEquals(ids(await readAll(account.getAds(["name", "creative{id,url_tags}"], params(7)))), listed(ads));
  }
  assert(emulator.ledger.calls.every(({ status, token_in_url }) => status === 200 && token_in_url));
});

Deno.test("the SDK's insights add up to the world's spend, at once and by a report", async () => {
  await using emulator = await start();
  const places: Record<string, number> = { IDR: 0, JPY: 0, PHP: 2, USD: 2, NZD: 2 };
  for (const account of emulator.world.accounts) {
    const { account_id, currency } = account.plan;
    const truth = [...trueRows(account, RANGE.since, RANGE.until, NOW.getTime())];
    const expected = truth.reduce((sum, row) => sum + row.spend_minor, 0);
    const params: JsonRecord = {
      level: "ad",
      time_increment: 1,
      time_range: RANGE,
      filtering: [{ field: "ad.effective_status", operator: "IN", value: EVERY_STATUS }],
    };
    const fields = ["ad_id", "spend", "impressions"];
    const atOnce = await readAll(accountOf(account_id).getInsights(fields, { ...params, limit: 50 }));
    assertEquals(atOnce.length, truth.length);
    assertEquals(minor(atOnce, places[currency] ?? 0), expected, currency);

    const run = await accountOf(account_id).getInsightsAsync(fields, params);
    for (let state = ""; state !== "Job Completed";) {
      state = String((await run.read(["async_status", "async_percent_completion"]))._data["async_status"]);
    }
    const reported = await readAll(run.getInsights([], { limit: 100 }));
    assertEquals(reported.length, truth.length);
    assertEquals(minor(reported, places[currency] ?? 0), expected, currency);
  }
});

Deno.test("the SDK's events arrive once, hashed, with their value", async () => {
  await using emulator = await start();
  const [pixel = ""] = emulator.world.pixels;
  const events = [12.5, 99.99, 0.01].map((value, index) =>
    new sdk.ServerEvent().setEventName("Purchase").setEventId(`order-${index}`).setActionSource("website")
      .setEventTime(Math.floor(NOW.getTime() / 1000)).setEventSourceUrl("https://shop.example/thanks")
      .setUserData(new sdk.UserData().setEmail(" Siti@Example.com ").setClientUserAgent("Mozilla/5.0"))
      .setCustomData(new sdk.CustomData().setValue(value).setCurrency("usd").setOrderId(`order-${index}`))
  );
  for (let attempt = 1; attempt <= 2; attempt++) {
    assertEquals((await new sdk.EventRequest(emulator.capiToken, pixel, events).execute())._events_received, 3);
  }
  const tally = { "Purchase/order-0": 1, "Purchase/order-1": 1, "Purchase/order-2": 1 };
  assertEquals(emulator.capi.tally(pixel), tally);
  assertEquals(emulator.capi.violations(), []);
  const sold = emulator.capi.events.filter(({ counted }) => counted).map(({ event }) => event["custom_data"]);
  assertEquals(
    sold,
    [12.5, 99.99, 0.01].map((value, index) => ({ value, currency: "USD", order_id: `order-${index}` })),
  );
});

Deno.test("an app that requires its secret takes the SDK's events with it, and its reads, which prove nothing, not", async () => {
  await using emulator = await start();
  const [pixel = ""] = emulator.world.pixels;
  for (const token of emulator.tokens.list()) Object.assign(token, { requires_proof: true, app_secret: "of-the-app" });
  const event = new sdk.ServerEvent().setEventName("Lead").setEventId("lead-1").setActionSource("system_generated")
    .setEventTime(Math.floor(NOW.getTime() / 1000)).setUserData(new sdk.UserData().setEmail("siti@example.com"));
  const request = new sdk.EventRequest(emulator.capiToken, pixel, [event]);
  await assertRejects(() => request.execute(), Error, "require an appsecret_proof");
  request.setAppSecret("of-the-app");
  assertEquals((await request.execute())._events_received, 1);
  await assertRejects(() => accountOf(emulator.world.accounts[0]?.plan.account_id ?? "").getAds(["name"], {}));
});

Deno.test("what Meta has removed is refused to its SDK too: reads by ids, and v24.0 for ads but not for events", async () => {
  await using emulator = await start();
  const account = emulator.world.accounts[0];
  const [first = "", second = ""] = account?.ads.map(({ id }) => id) ?? [];
  await assertRejects(() => sdk.Ad.getByIds([first, second], ["name"]), Error, "no longer supported");
  turnTo(emulator, "v24.0");
  await assertRejects(
    () => accountOf(account?.plan.account_id ?? "").getAds(["name"], {}),
    Error,
    "deprecated version",
  );
  assertEquals(emulator.ledger.calls.map(({ code }) => code), [100, 2635]);
  const event = new sdk.ServerEvent().setEventName("Lead").setEventId("lead-1").setActionSource("system_generated")
    .setEventTime(Math.floor(NOW.getTime() / 1000)).setUserData(new sdk.UserData().setEmail("siti@example.com"));
  const [pixel = ""] = emulator.world.pixels;
  assertEquals((await new sdk.EventRequest(emulator.capiToken, pixel, [event]).execute())._events_received, 1);
});
