/**
 * What the cases cannot say one request at a time: whole lists, exact sums, quotas over time, faults, the ledger.
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { EFFECTIVE_STATUSES } from "../filtering.ts";
import { isRecord, type JsonRecord, parseJson } from "../json_value.ts";
import {
  bigAccountWorld,
  currenciesWorld,
  type GraphEmulator,
  manyAccountsWorld,
  smallWorld,
  startGraphEmulator,
  trueSpend,
} from "../mod.ts";

const NOW = new Date("2026-11-22T04:00:00Z");
const EVERY_STATUS = JSON.stringify([...EFFECTIVE_STATUSES]);

async function start(world = smallWorld(NOW)): Promise<GraphEmulator> {
  const emulator = await startGraphEmulator({ world });
  emulator.clock.stopAt(NOW);
  return emulator;
}

async function read(emulator: GraphEmulator, path: string, params: Record<string, string> = {}): Promise<JsonRecord> {
  const response = await fetch(`${emulator.url}/v27.0/${path}?${new URLSearchParams(params)}`, {
    headers: { authorization: `Bearer ${emulator.token}` },
  });
  const body = parseJson(await response.text());
  assert(isRecord(body));
  return body;
}

async function readAll(emulator: GraphEmulator, path: string, params: Record<string, string>): Promise<JsonRecord[]> {
  const rows: JsonRecord[] = [];
  let after: string | null = null;
  for (;;) {
    const page = await read(emulator, path, { ...params, ...(after === null ? {} : { after }) });
    assert(Array.isArray(page["data"]), JSON.stringify(page));
    rows.push(...page["data"].filter(isRecord));
    const paging = page["paging"];
    if (!isRecord(paging) || paging["next"] === undefined) return rows;
    const cursors = paging["cursors"];
    after = isRecord(cursors) ? String(cursors["after"]) : null;
  }
}

function firstAccount(emulator: GraphEmulator): string {
  return emulator.world.accounts[0]?.plan.account_id ?? "";
}

function errorCode(body: JsonRecord): unknown {
  return isRecord(body["error"]) ? body["error"]["code"] : undefined;
}

Deno.test("a world is the same for the same seed and instant, and another for another seed", async () => {
  await using first = await start(smallWorld(NOW, 7));
  await using second = await start(smallWorld(NOW, 7));
  await using third = await start(smallWorld(NOW, 8));
  const path = `act_${firstAccount(first)}/insights`;
  const params = { level: "ad", time_increment: "1", fields: "ad_id,spend", limit: "500" };
  const rows = await readAll(first, path, params);
  assert(rows.length > 100);
  assertEquals(await readAll(second, path, params), rows);
  assertNotEquals(await readAll(third, path, params), rows);
});

Deno.test("a list gives each object once, whatever the page sizes, and never a hidden or deleted one", async () => {
  await using emulator = await start();
  const path = `act_${firstAccount(emulator)}/ads`;
  const params = { fields: "id,effective_status", effective_status: EVERY_STATUS };
  const inOne = (await readAll(emulator, path, { ...params, limit: "500" })).map(({ id }) => id);
  const inMany = (await readAll(emulator, path, { ...params, limit: "7" })).map(({ id }) => id);
  assertEquals(inMany, inOne);
  assertEquals(new Set(inOne).size, inOne.length);
  const hidden = emulator.world.accounts[0]?.ads.filter((ad) => ad.hidden) ?? [];
  assertEquals(hidden.length, 1);
  assert(!inOne.includes(hidden[0]?.id ?? ""));
});

Deno.test("the spend of all ads adds up to the account's, in each currency and time zone", async () => {
  await using emulator = await start(currenciesWorld(NOW));
  const range = JSON.stringify({ since: "2026-10-26", until: "2026-11-22" });
  const filtering = JSON.stringify([{ field: "ad.effective_status", operator: "IN", value: parseJson(EVERY_STATUS) }]);
  const places: Record<string, number> = { IDR: 0, JPY: 0, PHP: 2, USD: 2, NZD: 2 };
  for (const account of emulator.world.accounts) {
    const { account_id, currency } = account.plan;
    const path = `act_${account_id}/insights`;
    const common = { time_increment: "1", time_range: range, fields: "spend", limit: "500" };
    const minor = (rows: JsonRecord[]): bigint =>
      rows.reduce((sum, { spend }) => {
        const [whole = "", fraction = ""] = String(spend).split(".");
        return sum + BigInt(whole + fraction.padEnd(places[currency] ?? 0, "0"));
      }, 0n);
    const ads = minor(await readAll(emulator, path, { ...common, level: "ad", filtering }));
    assertEquals(minor(await readAll(emulator, path, { ...common, level: "account" })), ads, currency);
    assertEquals(minor([{ spend: trueSpend(account, "2026-10-26", "2026-11-22", NOW.getTime()) }]), ads, currency);
    assert(minor(await readAll(emulator, path, { ...common, level: "ad" })) < ads, `${currency} hides deleted ads`);
  }
});

Deno.test("today is the account's own day: at 04:00 UTC Auckland has a 22nd and Los Angeles none", async () => {
  await using emulator = await start(currenciesWorld(NOW));
  const range = JSON.stringify({ since: "2026-11-22", until: "2026-11-22" });
  const days = async (zone: string): Promise<number> => {
    const account = emulator.world.accounts.find(({ plan }) => plan.timezone_name === zone);
    const params = { level: "ad", time_increment: "1", time_range: range, fields: "spend" };
    return (await readAll(emulator, `act_${account?.plan.account_id}/insights`, params)).length;
  };
  assert(await days("Pacific/Auckland") > 0);
  assertEquals(await days("America/Los_Angeles"), 0);
});

Deno.test("a restatement holds from its instant on, and a report tells figures as of its creation", async () => {
  await using emulator = await start();
  const account_id = firstAccount(emulator);
  const path = `act_${account_id}/insights`;
  const day = { time_range: JSON.stringify({ since: "2026-11-10", until: "2026-11-10" }), time_increment: "1" };
  const spend = async (): Promise<unknown> =>
    (await readAll(emulator, path, { ...day, fields: "spend" }))[0]?.["spend"];
  const before = await spend();
  emulator.world.restate({ account_id, since: "2026-11-10", vanish: true, at: NOW.getTime() + 1000 }, NOW.getTime());
  assertEquals(await spend(), before);
  const made = await fetch(`${emulator.url}/v27.0/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${emulator.token}` },
    body: new URLSearchParams({ ...day, fields: "spend" }),
  });
  const run = parseJson(await made.text());
  assert(isRecord(run));
  emulator.clock.advance(1000);
  assertEquals(await spend(), undefined);
  Object.assign(emulator.settings.reports, { polls: 0, polls_at_100: 0 });
  assertEquals((await read(emulator, String(run["report_run_id"])))["async_status"], "Job Completed");
  const told = await readAll(emulator, `${run["report_run_id"]}/insights`, {});
  assertEquals(told[0]?.["spend"], before);
});

Deno.test("a schema drifts: a new status, a new action type, a field that is gone", async () => {
  await using emulator = await start();
  const account = firstAccount(emulator);
  const ad = emulator.world.accounts[0]?.ads.find((candidate) => candidate.status === "ACTIVE");
  emulator.world.extraActionTypes = ["thread_reply"];
  emulator.world.edit(ad?.adset.campaign.id ?? "", { status: "ACTIVE", review: "IN_HIBERNATION" }, null);
  const campaigns = await readAll(emulator, `act_${account}/campaigns`, { fields: "effective_status", limit: "50" });
  assert(campaigns.some(({ effective_status }) => effective_status === "IN_HIBERNATION"));
  const insights = await read(emulator, `act_${account}/insights`, { level: "account", fields: "actions" });
  assert(JSON.stringify(insights["data"]).includes('"thread_reply"'));
  emulator.world.refusedFields.add("insights.reach");
  assertEquals(errorCode(await read(emulator, `act_${account}/insights`, { fields: "reach" })), 100);
});

Deno.test("results of a run that still runs may be an empty list", async () => {
  await using emulator = await start();
  emulator.settings.reports.early_read = "empty";
  const made = await fetch(`${emulator.url}/v27.0/act_${firstAccount(emulator)}/insights`, {
    method: "POST",
    headers: { authorization: `Bearer ${emulator.token}` },
  });
  const run = parseJson(await made.text());
  assert(isRecord(run));
  assertEquals(await read(emulator, `${run["report_run_id"]}/insights`), { data: [] });
});

Deno.test("a report by the clock runs for its duration", async () => {
  await using emulator = await start();
  Object.assign(emulator.settings.reports, { polls: 0, polls_at_100: 0, duration_ms: 60_000 });
  const made = await fetch(`${emulator.url}/v27.0/act_${firstAccount(emulator)}/insights`, {
    method: "POST",
    headers: { authorization: `Bearer ${emulator.token}` },
  });
  const run = parseJson(await made.text());
  assert(isRecord(run));
  const status = async (): Promise<unknown> => (await read(emulator, String(run["report_run_id"])))["async_status"];
  assertEquals(await status(), "Job Not Started");
  emulator.clock.advance(45_000);
  assertEquals(await status(), "Job Running");
  emulator.clock.advance(15_000);
  assertEquals(await status(), "Job Completed");
});

Deno.test("a dormant account has 600 insights calls, and as many again only over an hour", async () => {
  await using emulator = await start(manyAccountsWorld(NOW, { accounts: 1, ads: 1 }));
  emulator.settings.quota.tier = "development_access";
  const account = emulator.world.accounts[0];
  assert(account);
  for (const ad of account.ads) ad.status = "PAUSED";
  emulator.world.touch();
  assertEquals(emulator.quota.limit(account, "ads_insights"), 600);
  assertEquals(emulator.quota.limit(account, "ads_management"), 300);
  emulator.quota.setUse(account, "ads_insights", 100);
  const path = `act_${account.plan.account_id}/insights`;
  assertEquals(errorCode(await read(emulator, path)), 80000);
  assertEquals(errorCode(await read(emulator, `act_${account.plan.account_id}/ads`)), undefined);
  emulator.clock.advance(5 * 60_000);
  assertEquals(errorCode(await read(emulator, path)), undefined);
  // 600 calls regenerate at 10 a minute; five minutes gave 50 back.
  emulator.settings.quota.enforced = false;
  for (let call = 0; call < 49; call++) await read(emulator, path);
  assertEquals(emulator.quota.entry(account, "ads_insights").call_count, 100);
});

Deno.test("faults meet the page, the attempt and the limit that they name", async () => {
  await using emulator = await start();
  const path = `act_${firstAccount(emulator)}/ads`;
  emulator.faults.add({ match: { route: "ads", page: 2, attempt: [1, 2] }, action: { kind: "error", error: "2" } });
  emulator.faults.add({ match: { route: "ads", min_limit: 50 }, action: { kind: "error", error: "1/reduce" } });
  const first = await read(emulator, path, { limit: "10" });
  const cursors = isRecord(first["paging"]) ? first["paging"]["cursors"] : null;
  const after = isRecord(cursors) ? String(cursors["after"]) : "";
  assertEquals(errorCode(await read(emulator, path, { limit: "10", after })), 2);
  assertEquals(errorCode(await read(emulator, path, { limit: "5", after })), 2);
  assertEquals(errorCode(await read(emulator, path, { limit: "5", after })), undefined);
  assertEquals(errorCode(await read(emulator, path, { limit: "50" })), 1);
});

Deno.test("a short or empty page is not the end of a list", async () => {
  await using emulator = await start();
  const path = `act_${firstAccount(emulator)}/ads`;
  const all = await readAll(emulator, path, { fields: "id", limit: "20" });
  emulator.faults.add({ match: { page: 2 }, action: { kind: "short_page", rows: 0 } });
  emulator.faults.add({ match: { page: 3 }, action: { kind: "short_page", rows: 1 } });
  assertEquals(await readAll(emulator, path, { fields: "id", limit: "20" }), all);
});

Deno.test("a reset, a cut and a hang end the connection, with or without the effect", async () => {
  await using emulator = await start();
  const path = `act_${firstAccount(emulator)}/ads`;
  for (const kind of ["reset", "cut"] as const) {
    emulator.faults.add({ times: 1, action: { kind } });
    await assertRejects(() => read(emulator, path));
  }
  const post = (): Promise<Response> =>
    fetch(`${emulator.url}/v27.0/${path.replace("ads", "insights")}`, {
      method: "POST",
      headers: { authorization: `Bearer ${emulator.token}` },
    });
  emulator.faults.add({ times: 1, action: { kind: "hang", ms: 5 } });
  await assertRejects(post);
  assertEquals(emulator.reports.list().length, 0);
  emulator.faults.add({ times: 1, action: { kind: "hang", ms: 5, after_effect: true } });
  await assertRejects(post);
  assertEquals(emulator.reports.list().length, 1);
  assertEquals(emulator.ledger.calls.map(({ status }) => status), [0, 0, 0, 0]);
});

Deno.test("a big account pages through 112,000 rows, each once", async () => {
  await using emulator = await start(bigAccountWorld(NOW, { ads: 4000, days: 28 }));
  const params = {
    level: "ad",
    time_increment: "1",
    fields: "ad_id",
    limit: "5000",
    time_range: JSON.stringify({ since: "2026-10-25", until: "2026-11-21" }),
  };
  const rows = await readAll(emulator, `act_${firstAccount(emulator)}/insights`, params);
  assertEquals(rows.length, 112_000);
  assertEquals(new Set(rows.map(({ ad_id, date_start }) => `${ad_id} ${date_start}`)).size, 112_000);
});

Deno.test("the quota's CPU share grows with rows", async () => {
  await using emulator = await start();
  emulator.settings.quota.cpu_per_1000_rows = 100;
  const account = emulator.world.accounts[0];
  assert(account);
  await readAll(emulator, `act_${account.plan.account_id}/ads`, { limit: "50" });
  assert(emulator.quota.entry(account, "ads_management").total_cputime >= 4);
});

Deno.test("an app past 200 calls an hour for each user is refused with code 4, whatever the account", async () => {
  await using emulator = await start();
  emulator.settings.quota.app_users = 0.02;
  for (let call = 0; call < 4; call++) assertEquals(errorCode(await read(emulator, "me")), undefined);
  assertEquals(errorCode(await read(emulator, "me")), 4);
  emulator.clock.advance(3_600_000);
  assertEquals(errorCode(await read(emulator, "me")), undefined);
});
