/**
 * Meta's usage headers: worst entry, units, unreadable ones; and how long to stay away for them.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { decideBrakes, parseUsageHeaders, type UsageReading } from "../../shared/meta/usage_headers.ts";

const NOW = new Date("2026-11-22T10:00:00Z");

Deno.test("parseUsageHeaders() takes the worst percentage of the app header", () => {
  const headers = new Headers({ "X-App-Usage": '{"call_count":28,"total_time":25,"total_cputime":31}' });
  assertEquals(parseUsageHeaders(headers), [{ scope: "app", key: null, pct: 31, regain_seconds: 0 }]);
});

Deno.test("parseUsageHeaders() reads the account header's reset time as seconds and keeps fractions", () => {
  const headers = new Headers({
    "X-Ad-Account-Usage": '{"acc_id_util_pct":9.67,"reset_time_duration":300,"ads_api_access_tier":"standard_access"}',
  });
  assertEquals(parseUsageHeaders(headers, "1001"), [
    { scope: "account", key: "1001", pct: 9.67, regain_seconds: 300, tier: "standard_access" },
  ]);
});

Deno.test("parseUsageHeaders() reads every entry of every business use case, minutes as minutes", () => {
  const headers = new Headers({
    "X-Business-Use-Case-Usage": JSON.stringify({
      "1001": [
        { type: "ads_insights", call_count: 10, total_cputime: 5, total_time: 5, estimated_time_to_regain_access: 0 },
        {
          type: "ads_management",
          call_count: 96,
          total_cputime: 41,
          total_time: 118,
          estimated_time_to_regain_access: 12,
          ads_api_access_tier: "development_access",
        },
        { type: "ads_insights", call_count: 20, total_cputime: 77, total_time: 3, estimated_time_to_regain_access: 0 },
      ],
      "1002": [{ type: "ads_insights", call_count: 1, total_cputime: 0, total_time: 0 }],
    }),
  });
  assertEquals(parseUsageHeaders(headers), [
    { scope: "business_use_case", key: "1001", type: "ads_insights", pct: 77, regain_seconds: 0 },
    {
      scope: "business_use_case",
      key: "1001",
      type: "ads_management",
      pct: 118,
      regain_seconds: 720,
      tier: "development_access",
    },
    { scope: "business_use_case", key: "1002", type: "ads_insights", pct: 1, regain_seconds: 0 },
  ]);
});

Deno.test("parseUsageHeaders() reads 32 keys", () => {
  const usage = Object.fromEntries(
    Array.from({ length: 32 }, (_, index) => [String(2000 + index), [{ type: "ads_insights", call_count: index }]]),
  );
  const readings = parseUsageHeaders(new Headers({ "x-business-use-case-usage": JSON.stringify(usage) }));
  assertEquals([readings.length, readings[31]?.key, readings[31]?.pct], [32, "2031", 31]);
});

Deno.test("parseUsageHeaders() splits the insights throttle into app and account", () => {
  const headers = new Headers({
    "X-FB-Ads-Insights-Throttle":
      '{"app_id_util_pct":0,"acc_id_util_pct":12.5,"ads_api_access_tier":"standard_access"}',
  });
  assertEquals(parseUsageHeaders(headers, "1001"), [
    { scope: "insights_app", key: null, pct: 0, regain_seconds: 0, tier: "standard_access" },
    { scope: "insights_account", key: "1001", pct: 12.5, regain_seconds: 0, tier: "standard_access" },
  ]);
});

const MALFORMED = ["", "null", "[]", "{", "12", '"x"', '{"call_count":"many"}', '{"call_count":null}', "<html>"];
for (const text of MALFORMED) {
  Deno.test(`parseUsageHeaders() ignores a header that says ${text || "nothing"}`, () => {
    const headers = new Headers({
      "x-app-usage": text,
      "x-ad-account-usage": text,
      "x-business-use-case-usage": text,
      "x-fb-ads-insights-throttle": text,
    });
    assertEquals(parseUsageHeaders(headers), []);
  });
}

Deno.test("parseUsageHeaders() keeps the good entries beside malformed ones", () => {
  const headers = new Headers({
    "x-business-use-case-usage": '{"1":"x","2":[null,5,{"type":"ads_insights","call_count":"40"}],"3":[{}]}',
  });
  assertEquals(parseUsageHeaders(headers), [
    { scope: "business_use_case", key: "2", type: "ads_insights", pct: 40, regain_seconds: 0 },
  ]);
});

Deno.test("parseUsageHeaders() passes on no key, word or time that the database would refuse", () => {
  const headers = new Headers({
    "x-ad-account-usage": '{"acc_id_util_pct":100,"reset_time_duration":1e300,"ads_api_access_tier":"a b"}',
    "x-business-use-case-usage":
      '{"me":[{"type":"ads_insights","call_count":99}],"act_2":[{"type":"a\\u0000b","call_count":40,"estimated_time_to_regain_access":1e300}]}',
  });
  assertEquals(parseUsageHeaders(headers, "1001"), [
    { scope: "account", key: "1001", pct: 100, regain_seconds: 604_800 },
    { scope: "business_use_case", key: "2", type: "unknown", pct: 40, regain_seconds: 604_800 },
  ]);
});

/** The latest end of all pauses; null where there is none. */
function brakeUntil(...given: Parameters<typeof decideBrakes>): Date | null {
  const ends = decideBrakes(...given).map((brake) => brake.until.getTime());
  return ends.length === 0 ? null : new Date(Math.max(...ends));
}

Deno.test("decideBrakes() lets calls go on below the threshold, although an account's reset time is always there", () => {
  const readings = [{ scope: "account", key: "1", pct: 89.9, regain_seconds: 300 } as const];
  assertEquals(brakeUntil(readings, NOW), null);
});

Deno.test("decideBrakes() waits the time that Meta names", () => {
  const readings = [
    { scope: "business_use_case", key: "1", type: "ads_insights", pct: 118, regain_seconds: 720 } as const,
  ];
  assertEquals(brakeUntil(readings, NOW), new Date("2026-11-22T10:12:00Z"));
});

Deno.test("decideBrakes() takes a regain time for a block even at a low percentage", () => {
  const readings = [
    { scope: "business_use_case", key: "1", type: "ads_insights", pct: 3, regain_seconds: 60 } as const,
  ];
  assertEquals(brakeUntil(readings, NOW), new Date("2026-11-22T10:01:00Z"));
});

Deno.test("decideBrakes() waits the limit's window when Meta names no time: an hour, or minutes for the older scores", () => {
  const of = (scope: UsageReading["scope"]) => brakeUntil([{ scope, key: null, pct: 95, regain_seconds: 0 }], NOW);
  assertEquals(of("app"), new Date("2026-11-22T11:00:00Z"));
  assertEquals(of("business_use_case"), new Date("2026-11-22T11:00:00Z"));
  assertEquals(of("account"), new Date("2026-11-22T10:05:00Z"));
  assertEquals(of("insights_app"), new Date("2026-11-22T10:05:00Z"));
});

Deno.test("decideBrakes() stops before a rise like the last one would reach the limit", () => {
  const at = (pct: number) =>
    brakeUntil([{ scope: "app", key: null, pct, regain_seconds: 0 }], NOW, { riseOf: () => 24 });
  assertEquals(at(75), null);
  assertEquals(at(76), new Date("2026-11-22T11:00:00Z"));
});

Deno.test("decideBrakes() names each limit and its end", () => {
  const readings = [
    { scope: "app", key: null, pct: 91, regain_seconds: 0 },
    { scope: "business_use_case", key: "1", type: "ads_management", pct: 10, regain_seconds: 0 },
    { scope: "business_use_case", key: "1", type: "ads_insights", pct: 100, regain_seconds: 1800 },
  ] as const;
  assertEquals(decideBrakes(readings, NOW).map((brake) => brake.reading.scope), ["app", "business_use_case"]);
  assertEquals(brakeUntil(readings, NOW), new Date("2026-11-22T11:00:00Z"));
  assertEquals(brakeUntil(readings, NOW, { threshold: 92 }), new Date("2026-11-22T10:30:00Z"));
});
