/**
 * Reading accounts, campaigns, ad sets and ads: what is asked for, paging, and rows that cannot be decoded.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { fetchAdAccount, fetchAdAccountsPage } from "../../shared/meta/ad_accounts.ts";
import { fetchAd, fetchAdsPage } from "../../shared/meta/ads.ts";
import { decodeAdset, fetchAdset, fetchAdsetsPage } from "../../shared/meta/adsets.ts";
import { decodeCampaign, fetchCampaign, fetchCampaignsPage } from "../../shared/meta/campaigns.ts";
import { API_VERSION, listAnswer, serveGraph } from "./graph_server.ts";

const CAMPAIGN = {
  id: "120210000000000001",
  name: "Weihnachten 🎄 年末",
  objective: "OUTCOME_SALES",
  status: "ACTIVE",
  effective_status: "ACTIVE",
  start_time: "2026-11-20T22:41:46-0800",
};
const CAMPAIGN_ROW = {
  fb_campaign_id: "120210000000000001",
  name: "Weihnachten 🎄 年末",
  objective: "OUTCOME_SALES",
  status: "ACTIVE",
  effective_status: "ACTIVE",
  start_time: "2026-11-20T22:41:46-08:00",
  stop_time: null,
};

Deno.test("fetchCampaignsPage() asks for every listable status by name and reads a page", async () => {
  await using server = serveGraph(() => listAnswer([CAMPAIGN], "QVFJnext"));
  const page = await fetchCampaignsPage(server.client, { fb_account_id: "1001", limit: 2, after: "QVFHhere" });
  assertEquals([page.rows, page.skipped, page.after], [[CAMPAIGN_ROW], [], "QVFJnext"]);
  assertEquals(server.seen[0]?.path, `/${API_VERSION}/act_1001/campaigns`);
  assertEquals(server.seen[0]?.query, {
    fields: "id,name,status,effective_status,objective,start_time,stop_time",
    filtering:
      '[{"field":"campaign.effective_status","operator":"IN","value":["ACTIVE","PAUSED","ARCHIVED","IN_PROCESS","WITH_ISSUES"]}]',
    limit: "2",
    after: "QVFHhere",
  });
});

Deno.test("fetchAdsPage() reads what changed since an instant, in epoch seconds", async () => {
  await using server = serveGraph(() => listAnswer([]));
  await fetchAdsPage(server.client, {
    fb_account_id: "1001",
    limit: 9,
    updated_since: new Date("2025-11-21T04:26:40.9Z"),
  });
  const filtering = JSON.parse(server.seen[0]?.query.filtering ?? "[]");
  assertEquals(filtering[1], { field: "ad.updated_time", operator: "GREATER_THAN", value: 1763699200 });
  assertEquals(filtering[0].value, [
    "ACTIVE",
    "ADSET_PAUSED",
    "ARCHIVED",
    "CAMPAIGN_PAUSED",
    "DISAPPROVED",
    "IN_PROCESS",
    "PAUSED",
    "PENDING_BILLING_INFO",
    "PENDING_REVIEW",
    "PREAPPROVED",
    "WITH_ISSUES",
  ]);
});

Deno.test("fetchAdsPage() reads an ad with its creative, leaves out refused fields, lets new statuses pass", async () => {
  const ad = {
    id: "120210000000000099",
    adset_id: "120210000000000050",
    campaign_id: "120210000000000001",
    name: "Ad\u0000 one \ud83d",
    status: "ACTIVE",
    effective_status: "BRAND_NEW_STATUS",
    creative: {
      id: "777",
      title: "Kopi",
      body: "Fresh\nevery day",
      call_to_action_type: "SHOP_NOW",
      object_type: "VIDEO",
    },
  };
  await using server = serveGraph(() => listAnswer([ad]));
  const page = await fetchAdsPage(server.client, {
    fb_account_id: "1001",
    limit: 9,
    dropped_fields: ["url_tags", "name"],
  });
  assertEquals(
    server.seen[0]?.query.fields,
    "id,adset_id,campaign_id,name,status,effective_status,creative{id,title,body,object_type,call_to_action_type}",
  );
  assertEquals(page.rows, [{
    fb_ad_id: "120210000000000099",
    fb_adset_id: "120210000000000050",
    fb_campaign_id: "120210000000000001",
    name: "Ad one \ufffd",
    status: "ACTIVE",
    effective_status: "BRAND_NEW_STATUS",
    creative_id: "777",
    creative_summary: "Kopi · Fresh every day · [shop now] · (video)",
    url_tags: null,
  }]);
});

Deno.test("fetchAdsPage() names what it could not read and keeps the rest", async () => {
  const rows = [{ id: "1", adset_id: "2", campaign_id: "3" }, null, { id: "4" }, { id: -5 }, "x", {
    id: 7,
    adset_id: 8,
    campaign_id: "9",
  }];
  await using server = serveGraph(() => listAnswer(rows));
  const page = await fetchAdsPage(server.client, { fb_account_id: "1001", limit: 9 });
  assertEquals(page.rows.map((row) => row.fb_ad_id), ["1", "7"]);
  assertEquals(page.skipped, [
    { id: null, reason: "is not an object" },
    { id: "4", reason: "adset_id is missing or no id" },
    { id: null, reason: "id is missing or no id" },
    { id: null, reason: "is not an object" },
  ]);
});

Deno.test("fetchAdsetsPage() turns budgets into major units and `end_time` into `stop_time`", async () => {
  const adset = {
    id: "50",
    campaign_id: "1",
    name: "Set",
    status: "PAUSED",
    effective_status: "CAMPAIGN_PAUSED",
    daily_budget: "12345",
    lifetime_budget: "0",
    targeting: { geo_locations: { countries: ["ID"] }, age_min: 18 },
    start_time: "2026-11-01T00:00:00+0700",
    end_time: "2026-12-01T00:00:00+0530",
  };
  await using server = serveGraph(() =>
    listAnswer([adset, { id: "51", campaign_id: "1", end_time: "1970-01-01T07:00:00+0700" }])
  );
  const page = await fetchAdsetsPage(server.client, { fb_account_id: "1001", limit: 9, currency: "USD" });
  assertEquals(page.rows, [
    {
      fb_adset_id: "50",
      fb_campaign_id: "1",
      name: "Set",
      status: "PAUSED",
      effective_status: "CAMPAIGN_PAUSED",
      daily_budget: "123.45",
      lifetime_budget: "0",
      targeting_summary: "ID · 18–65+",
      start_time: "2026-11-01T00:00:00+07:00",
      stop_time: "2026-12-01T00:00:00+05:30",
    },
    {
      fb_adset_id: "51",
      fb_campaign_id: "1",
      name: null,
      status: null,
      effective_status: null,
      daily_budget: null,
      lifetime_budget: null,
      targeting_summary: null,
      start_time: null,
      stop_time: null,
    },
  ]);
  assertEquals(
    server.seen[0]?.query.filtering,
    '[{"field":"adset.effective_status","operator":"IN","value":["ACTIVE","PAUSED","ARCHIVED","CAMPAIGN_PAUSED","IN_PROCESS","WITH_ISSUES"]}]',
  );
});

Deno.test("decodeAdset() keeps yen whole, and refuses an amount that is none", () => {
  const decode = decodeAdset("JPY");
  const row = decode({ id: "1", campaign_id: "2", daily_budget: "5000" });
  assertEquals(typeof row === "string" ? row : row.daily_budget, "5000");
  assertEquals(decode({ id: "1", campaign_id: "2", daily_budget: "50.5" }), "daily_budget is no whole number");
  assertEquals(decode({ id: "1", campaign_id: "2", lifetime_budget: [] }), "lifetime_budget is no whole number");
  assertEquals(decode({ id: "1", campaign_id: "2", start_time: "soon" }), "start_time is no time");
});

Deno.test("decodeCampaign() reads `Z`, fractions and the epoch that stands for never", () => {
  const times = (start_time: unknown, stop_time: unknown) => {
    const row = decodeCampaign({ id: "1", start_time, stop_time });
    return typeof row === "string" ? row : [row.start_time, row.stop_time];
  };
  assertEquals(times("2026-11-20T22:41:46Z", "1969-12-31T16:00:00-0800"), ["2026-11-20T22:41:46Z", null]);
  assertEquals(times("2026-11-20T22:41:46.5+00:00", null), ["2026-11-20T22:41:46.5+00:00", null]);
  assertEquals(times("2026-13-20T22:41:46Z", null), "start_time is no time");
});

for (
  const time of ["2026-02-30T00:00:00+0700", "2026-04-31T00:00:00Z", "2026-11-20T10:00:00+1600", "2026-11-20T25:00:00Z"]
) {
  Deno.test(`decodeCampaign() refuses ${time}, which Postgres does not take`, () => {
    assertEquals(decodeCampaign({ id: "1", stop_time: time }), "stop_time is no time");
  });
}

Deno.test("fetchAdAccountsPage() reads the accounts that the token can read, page by page", async () => {
  const accounts = [
    {
      id: "act_1001",
      account_id: "1001",
      name: "Toko",
      currency: "IDR",
      timezone_name: "Asia/Jakarta",
      account_status: 1,
    },
    { id: "act_1002", name: "Shop", currency: "USD", timezone_name: "America/Los_Angeles", account_status: 4711 },
    { id: "act_1003", account_status: "2" },
  ];
  await using server = serveGraph(() => listAnswer(accounts, "next"));
  const page = await fetchAdAccountsPage(server.client, { limit: 25 });
  assertEquals(server.seen[0]?.path, `/${API_VERSION}/me/adaccounts`);
  assertEquals(server.seen[0]?.query, {
    fields: "id,account_id,name,currency,timezone_name,account_status",
    limit: "25",
  });
  assertEquals(page.rows, [
    { fb_account_id: "1001", name: "Toko", currency: "IDR", timezone_name: "Asia/Jakarta", status: "ACTIVE" },
    { fb_account_id: "1002", name: "Shop", currency: "USD", timezone_name: "America/Los_Angeles", status: "4711" },
    { fb_account_id: "1003", name: null, currency: null, timezone_name: null, status: "DISABLED" },
  ]);
});

Deno.test("single objects are read by their id, deleted ones too", async () => {
  const answers: unknown[] = [
    { id: "act_1001", account_id: "1001", account_status: 101 },
    { ...CAMPAIGN, effective_status: "DELETED" },
    { id: "50", campaign_id: "1", daily_budget: "100" },
    { id: "99", adset_id: "50" },
  ];
  await using server = serveGraph((index) => Response.json(answers[index]));
  const { client } = server;
  assertEquals((await fetchAdAccount(client, "1001")).row?.status, "CLOSED");
  assertEquals((await fetchCampaign(client, "120210000000000001")).row, {
    ...CAMPAIGN_ROW,
    effective_status: "DELETED",
  });
  assertEquals((await fetchAdset(client, "50", { currency: "PHP" })).row?.daily_budget, "1.00");
  const ad = await fetchAd(client, "99");
  assertEquals([ad.row, ad.skipped], [null, { id: "99", reason: "campaign_id is missing or no id" }]);
  assertEquals(server.seen.map((request) => request.path), [
    `/${API_VERSION}/act_1001`,
    `/${API_VERSION}/120210000000000001`,
    `/${API_VERSION}/50`,
    `/${API_VERSION}/99`,
  ]);
});

Deno.test("fetchAd() throws `object_missing` for an object that Meta no longer knows", async () => {
  const error = { message: "Unsupported get request.", type: "GraphMethodException", code: 100, error_subcode: 33 };
  await using server = serveGraph(() => Response.json({ error }, { status: 400 }));
  const thrown = await assertRejects(() => fetchAd(server.client, "99"), GraphApiError);
  assertEquals([thrown.reason, thrown.action], ["object_missing", "fail"]);
  const account = await assertRejects(() => fetchAdAccount(server.client, "99"), GraphApiError);
  assertEquals([account.reason, account.action], ["account_missing", "stop_account"]);
});
