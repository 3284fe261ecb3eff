/**
 * Breakdowns: whatever a figure is broken down by, the parts are the whole, and each row says which part it is.
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { isRecord, type JsonRecord, parseJson } from "../json_value.ts";
import { type GraphEmulator, manyAccountsWorld, startGraphEmulator } from "../mod.ts";

const NOW = new Date("2026-11-22T04:00:00Z");
const RECENT = { since: "2026-11-01", until: "2026-11-21" };

async function start(): Promise<GraphEmulator> {
  const emulator = await startGraphEmulator({ world: manyAccountsWorld(NOW, { accounts: 1, ads: 6, plain: true }) });
  emulator.clock.stopAt(NOW);
  return emulator;
}

async function read(emulator: GraphEmulator, params: Record<string, unknown>): Promise<JsonRecord[]> {
  const given = {
    level: "ad",
    time_range: RECENT,
    fields: "ad_id,spend,impressions,clicks,reach,actions",
    limit: 5000,
  };
  const encoded = Object.entries({ ...given, ...params })
    .map(([name, value]): [string, string] => [name, typeof value === "string" ? value : JSON.stringify(value)]);
  const account = emulator.world.accounts[0]?.plan.account_id;
  const response = await fetch(`${emulator.url}/v27.0/act_${account}/insights?${new URLSearchParams(encoded)}`, {
    headers: { authorization: `Bearer ${emulator.token}` },
  });
  const text = await response.text();
  assertEquals(response.status, 200, text);
  const body = parseJson(text);
  assert(isRecord(body) && Array.isArray(body["data"]));
  return body["data"].filter(isRecord);
}

const sum = (rows: JsonRecord[], field: string): number => rows.reduce((total, row) => total + Number(row[field]), 0);

const ADDITIVE = [
  ["age"],
  ["gender"],
  ["age", "gender"],
  ["country"],
  ["region"],
  ["publisher_platform"],
  ["publisher_platform", "platform_position"],
  ["publisher_platform", "platform_position", "device_platform"],
  ["hourly_stats_aggregated_by_advertiser_time_zone"],
];

Deno.test("the parts of every breakdown add up to the whole, and reach to more", async () => {
  await using emulator = await start();
  const whole = await read(emulator, { time_increment: 1 });
  for (const breakdowns of ADDITIVE) {
    const rows = await read(emulator, { time_increment: 1, breakdowns });
    assert(rows.length > whole.length, breakdowns.join());
    for (const row of rows) assert(breakdowns.every((name) => typeof row[name] === "string"), JSON.stringify(row));
    // The world's first account is in IDR, which has no smaller unit: spend is a whole number.
    for (const field of ["spend", "impressions", "clicks"]) assertEquals(sum(rows, field), sum(whole, field), field);
    assert(sum(rows, "reach") > sum(whole, "reach"));
    const keys = rows.map((row) =>
      JSON.stringify([row["ad_id"], row["date_start"], ...breakdowns.map((name) => row[name])])
    );
    assertEquals(new Set(keys).size, keys.length);
  }
});

Deno.test("a breakdown that is switched on for an account gives rows, and only within its months", async () => {
  await using emulator = await start();
  const account = emulator.world.accounts[0]?.plan.account_id ?? "";
  const breakdowns = ["frequency_value"];
  assertEquals(await read(emulator, { breakdowns }), []);
  emulator.settings.switched_on_breakdowns = { [account]: breakdowns };
  assertEquals((await read(emulator, { breakdowns, level: "account" })).map((row) => row["frequency_value"]), [
    "1",
    "2",
    "3",
    "4",
  ]);
  emulator.world.restate({ account_id: account, since: "2025-01-10", set: { spend: 1000, impressions: 100 } }, 0);
  const old = { level: "account", time_range: { since: "2025-01-10", until: "2025-01-10" } };
  assertEquals((await read(emulator, old)).length, 1);
  assertEquals(await read(emulator, { ...old, breakdowns }), []);
  const byAge = await read(emulator, { ...old, breakdowns: ["age"] });
  assert(byAge.length > 0 && byAge.every((row) => row["reach"] === undefined && row["spend"] !== undefined));
});

Deno.test("actions by device keep their sums, and action_type alone names none of them", async () => {
  await using emulator = await start();
  const countOf = (rows: JsonRecord[]): { clicks: number; entries: number } => {
    const actions = rows.flatMap((row) => Array.isArray(row["actions"]) ? row["actions"].filter(isRecord) : []);
    const clicks = actions.filter((action) => action["action_type"] === "link_click");
    return { clicks: sum(clicks, "value"), entries: clicks.length };
  };
  emulator.world.repeatedActionTypes = false;
  const whole = countOf(await read(emulator, { level: "account" }));
  const parts = countOf(
    await read(emulator, { level: "account", action_breakdowns: ["action_type", "action_device"] }),
  );
  assertEquals([whole.entries, parts], [1, { clicks: whole.clicks, entries: 2 }]);
});
