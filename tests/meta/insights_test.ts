/**
 * Reading insights: what is asked for, and that figures stay as Meta wrote them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ACCOUNT_DAYS, AD_DAYS, decodeInsight, fetchInsightsPage } from "../../shared/meta/insights.ts";
import { API_VERSION, listAnswer, serveGraph } from "./graph_server.ts";

const ACTIONS = [
  { action_type: "link_click", value: "12", "7d_click": "11", "1d_view": "1" },
  { action_type: "link_click", value: "3" },
];
const INSIGHT = {
  account_id: "1001",
  account_currency: "USD",
  campaign_id: "1",
  adset_id: "50",
  ad_id: "120210000000000099",
  impressions: "79200",
  clicks: "63",
  spend: "79.20",
  actions: ACTIONS,
  date_start: "2026-11-01",
  date_stop: "2026-11-01",
};
const ROW = {
  fb_account_id: "1001",
  fb_campaign_id: "1",
  fb_adset_id: "50",
  fb_ad_id: "120210000000000099",
  date: "2026-11-01",
  spend: "79.20",
  impressions: 79200,
  clicks: 63,
  reach: null,
  inline_link_clicks: null,
  actions: ACTIONS,
  action_values: null,
  currency: "USD",
};
const EVERY_STATUS =
  '{"field":"ad.effective_status","operator":"IN","value":["ACTIVE","ADSET_PAUSED","ARCHIVED","CAMPAIGN_PAUSED","DISAPPROVED","IN_PROCESS","PAUSED","PENDING_BILLING_INFO","PENDING_REVIEW","PREAPPROVED","WITH_ISSUES","DELETED"]}';

Deno.test("fetchInsightsPage() asks for every status, deleted ones too, and keeps spend digit for digit", async () => {
  await using server = serveGraph(() => listAnswer([INSIGHT], "NDk5"));
  const range = { fb_account_id: "1001", since: "2026-11-01", until: "2026-11-03" };
  const page = await fetchInsightsPage(server.client, AD_DAYS, { ...range, limit: 500 });
  assertEquals([page.rows, page.skipped, page.after], [[ROW], [], "NDk5"]);
  assertEquals(server.seen[0]?.path, `/${API_VERSION}/act_1001/insights`);
  assertEquals(server.seen[0]?.query, {
    level: "ad",
    time_increment: "1",
    time_range: '{"since":"2026-11-01","until":"2026-11-03"}',
    filtering: `[${EVERY_STATUS}]`,
    fields:
      "account_id,campaign_id,adset_id,ad_id,date_start,date_stop,account_currency,spend,impressions,clicks,reach,inline_link_clicks,actions,action_values",
    limit: "500",
  });
});

Deno.test("fetchInsightsPage() keeps the status filter when it is split by ads and by fields", async () => {
  await using server = serveGraph(() => listAnswer([]));
  const range = { fb_account_id: "1001", since: "2026-11-01", until: "2026-11-01" };
  await fetchInsightsPage(server.client, AD_DAYS, {
    ...range,
    limit: 10,
    fb_ad_ids: ["7", "8"],
    dropped_fields: ["actions", "spend"],
  });
  assertEquals(
    server.seen[0]?.query.filtering,
    `[${EVERY_STATUS},{"field":"ad.id","operator":"IN","value":["7","8"]}]`,
  );
  assertEquals(
    server.seen[0]?.query.fields,
    "account_id,campaign_id,adset_id,ad_id,date_start,date_stop,account_currency,spend,impressions,clicks,reach,inline_link_clicks,action_values",
  );
});

Deno.test("fetchInsightsPage() reads Meta's own total, of everything", async () => {
  const day = {
    account_id: "1001",
    account_currency: "JPY",
    spend: "12000",
    date_start: "2026-11-02",
    date_stop: "2026-11-02",
  };
  await using server = serveGraph(() => listAnswer([day]));
  const range = { fb_account_id: "1001", since: "2026-10-26", until: "2026-11-22" };
  const page = await fetchInsightsPage(server.client, ACCOUNT_DAYS, { ...range, limit: 100 });
  assertEquals(page.rows, [
    { fb_account_id: "1001", date: "2026-11-02", spend: "12000", impressions: 0, clicks: 0, currency: "JPY" },
  ]);
  assertEquals(server.seen[0]?.query, {
    level: "account",
    time_increment: "1",
    time_range: '{"since":"2026-10-26","until":"2026-11-22"}',
    fields: "account_id,date_start,date_stop,account_currency,spend,impressions,clicks",
    limit: "100",
  });
});

const decode = decodeInsight("1001");

const SPENDS: [unknown, string][] = [
  ["0", "0"],
  ["0.10", "0.10"],
  ["12345678901.99", "12345678901.99"],
  [12.34, "12.34"],
  [0.1, "0.1"],
  [7, "7"],
];
for (const [spend, expected] of SPENDS) {
  Deno.test(`decodeInsight() keeps a spend of ${JSON.stringify(spend)} as ${expected}`, () => {
    const row = decode({ ...INSIGHT, spend });
    assertEquals(typeof row === "string" ? row : row.spend, expected);
  });
}

const REFUSED: [Record<string, unknown>, string][] = [
  [{ spend: undefined }, "spend is missing or no exact amount"],
  [{ spend: "12,34" }, "spend is missing or no exact amount"],
  [{ spend: "1e3" }, "spend is missing or no exact amount"],
  [{ spend: "-1" }, "spend is missing or no exact amount"],
  [{ spend: 1e21 }, "spend is missing or no exact amount"],
  [{ spend: 0.1 + 0.2 }, "spend is missing or no exact amount"],
  [{ spend: null }, "spend is missing or no exact amount"],
  [{ ad_id: undefined }, "ad_id is missing or no id"],
  [{ adset_id: "x" }, "adset_id is missing or no id"],
  [{ campaign_id: 2 ** 53 }, "campaign_id is missing or no id"],
  [{ date_start: "01.11.2026" }, "date_start is no day"],
  [{ date_stop: "2026-11-03" }, "covers more than one day"],
];
for (const [fields, reason] of REFUSED) {
  Deno.test(`decodeInsight() refuses ${JSON.stringify(fields)}: ${reason}`, () => {
    assertEquals(decode({ ...INSIGHT, ...fields }), reason);
  });
}

Deno.test("decodeInsight() keeps the spend of a row whose counts cannot be read", () => {
  const row = decode({ ...INSIGHT, impressions: "many", clicks: null, reach: "2147483648", inline_link_clicks: "1.5" });
  assertEquals(row, { ...ROW, impressions: null, clicks: null, reach: null, inline_link_clicks: null });
});

Deno.test("decodeInsight() lets new action types and repeated ones pass as they are", () => {
  const actions = [{ action_type: "brand_new", value: "1" }, ...ACTIONS, ...ACTIONS];
  const row = decode({ ...INSIGHT, actions, account_id: undefined, reach: "5", inline_link_clicks: 4 });
  assertEquals(row, { ...ROW, actions, reach: 5, inline_link_clicks: 4 });
});

Deno.test("decodeInsight() refuses what is no object", () => {
  assertEquals([decode(null), decode("x"), decode([])], ["is not an object", "is not an object", "is not an object"]);
});
