/**
 * The error table, row by row: what an error means, and what is done about it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { buildGraphError, transportError } from "../../shared/meta/graph_answer.ts";
import {
  findGraphError,
  findNamedField,
  findNamedIndex,
  GRAPH_ERRORS,
  type GraphTarget,
} from "../../shared/meta/graph_errors.ts";

type Expected = [name: string, action: string, code: string, status: number, retryable: boolean, use_case?: string];
type Case = { code: number; subcode?: number; message?: string; target?: GraphTarget; expect: Expected };

const THROTTLED = ["meta_rate_limited", 429, true] as const;
const DEAD = ["stop_token", "meta_token_invalid", 502, false] as const;
const TOO_LARGE: Expected = ["page_too_large", "shrink", "meta_unavailable", 503, true, "any"];
const FORBIDDEN: Expected = ["permission_missing", "stop_account", "meta_permission", 502, false, "any"];
const LATER = ["meta_unavailable", 503, true] as const;
const REFUSED = ["meta_rejected", 502, false] as const;

const CASES: Case[] = [
  { code: 80000, expect: ["insights_limit", "throttle_account", ...THROTTLED, "insights"] },
  { code: 80000, subcode: 2446079, expect: ["insights_limit", "throttle_account", ...THROTTLED, "insights"] },
  { code: 80004, expect: ["management_limit", "throttle_account", ...THROTTLED, "management"] },
  { code: 80004, subcode: 2446079, expect: ["management_limit", "throttle_account", ...THROTTLED, "management"] },
  { code: 80001, expect: ["pages_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 80002, expect: ["instagram_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 80003, expect: ["audience_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 80003, subcode: 2446079, expect: ["audience_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 80005, expect: ["leads_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 80006, expect: ["messenger_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 80007, expect: ["use_case_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 80008, expect: ["whatsapp_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 80009, expect: ["catalog_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 80014, expect: ["catalog_batch_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 17, expect: ["account_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 17, subcode: 2446079, expect: ["account_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 17, subcode: 9999999, expect: ["account_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 613, subcode: 1487742, expect: ["account_calls_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 613, expect: ["custom_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 613, subcode: 1996, expect: ["inconsistent_volume", "throttle_account", ...THROTTLED, "any"] },
  { code: 4, expect: ["app_limit", "throttle_app", ...THROTTLED, "any"] },
  { code: 4, subcode: 1504022, expect: ["insights_overloaded", "throttle_insights_app", ...THROTTLED, "insights"] },
  { code: 4, subcode: 1504039, expect: ["insights_overloaded", "throttle_insights_app", ...THROTTLED, "insights"] },
  { code: 32, expect: ["page_limit", "throttle_account", ...THROTTLED, "any"] },
  { code: 341, expect: ["app_temporarily_limited", "throttle_app", ...THROTTLED, "any"] },
  { code: 368, expect: ["policy_block", "stop_account", "meta_permission", 502, false] },
  {
    code: 1,
    message: "Please reduce the amount of data you're asking for, then retry your request",
    expect: ["too_much_data", "shrink", ...LATER],
  },
  {
    code: 1,
    subcode: 99,
    message: "Please reduce the amount of data you're asking for, then retry your request",
    expect: ["too_much_data", "shrink", ...LATER],
  },
  { code: 1, message: "An unknown error occurred", expect: ["unknown_error", "retry_then_shrink", ...LATER] },
  {
    code: 1,
    subcode: 99,
    message: "An unknown error occurred",
    expect: ["unknown_error", "retry_then_shrink", ...LATER],
  },
  { code: 1, subcode: 2853001, expect: ["profile_not_linked", "fail", ...REFUSED] },
  { code: 2, expect: ["service_unavailable", "retry", ...LATER] },
  { code: 2, subcode: 1504038, expect: ["sync_timeout", "split", ...LATER] },
  { code: 100, subcode: 1504018, expect: ["sync_timeout", "split", ...LATER] },
  { code: 2, subcode: 1504041, expect: ["invalid_breakdowns", "fail", ...REFUSED] },
  { code: 2, subcode: 1504042, expect: ["invalid_metric", "fail", ...REFUSED] },
  { code: 2, subcode: 1504043, expect: ["intermittent", "retry", ...LATER] },
  { code: 2, subcode: 1504044, expect: ["sync_failed", "retry_then_shrink", ...LATER] },
  { code: 100, subcode: 1487534, expect: ["data_limit", "split", ...LATER] },
  { code: -3, subcode: 1504045, expect: ["request_too_large", "split", ...LATER] },
  { code: -2, subcode: 2490547, expect: ["report_failed", "resubmit", ...LATER] },
  { code: 100, subcode: 3191001, expect: ["not_retryable", "fail", ...REFUSED] },
  { code: 100, subcode: 33, target: "object", expect: ["object_missing", "fail", ...REFUSED] },
  { code: 100, subcode: 33, target: "report_run", expect: ["report_missing", "resubmit", ...LATER] },
  {
    code: 100,
    subcode: 33,
    target: "account",
    expect: ["account_missing", "stop_account", "meta_permission", 502, false],
  },
  {
    code: 100,
    message:
      "Unsupported get request. Object with ID '120' does not exist, cannot be loaded due to missing permissions.",
    expect: ["object_missing", "fail", ...REFUSED],
  },
  {
    code: 100,
    message:
      "(#100) Cannot include impressions, spend in summary param because they weren't there while creating the report run.",
    expect: ["report_race", "retry", ...LATER],
  },
  { code: 100, message: "(#100) Missing permissions", expect: FORBIDDEN },
  { code: 100, message: "(#100) For field 'ads': The limit parameter should not exceed 100", expect: TOO_LARGE },
  { code: 100, message: "(#100) Param limit must be at most 500", expect: TOO_LARGE },
  {
    code: 100,
    message: "(#100) Tried accessing nonexisting field (url_tags) on node type (AdCreative)",
    expect: ["unknown_field", "drop_field", ...REFUSED],
  },
  {
    code: 100,
    message: "(#100) Tried accessing nonexistent field (reach)",
    expect: ["unknown_field", "drop_field", ...REFUSED],
  },
  {
    code: 100,
    message: "(#100) inline_link_clicks is not valid for fields param. please check the documentation",
    expect: ["unknown_field", "drop_field", ...REFUSED],
  },
  {
    code: 100,
    message: "(#100) param time_range must be an object",
    expect: ["invalid_parameter", "fail", ...REFUSED],
  },
  { code: 100, subcode: 2446289, expect: ["creative_incomplete", "drop_field", ...REFUSED] },
  { code: 2601, expect: ["report_not_ready", "poll", ...LATER] },
  { code: 2601, subcode: 1815107, expect: ["report_not_ready", "poll", ...LATER] },
  { code: 2642, expect: ["invalid_cursor", "restart_list", ...LATER] },
  { code: 2635, expect: ["version_dead", "fail", ...REFUSED] },
  { code: 3018, expect: ["before_retention", "clamp", ...REFUSED] },
  { code: 190, expect: ["token_invalid", ...DEAD] },
  { code: 190, subcode: 463, expect: ["token_expired", ...DEAD] },
  { code: 190, subcode: 467, expect: ["token_revoked", ...DEAD] },
  { code: 190, subcode: 460, expect: ["token_password_changed", ...DEAD] },
  { code: 190, subcode: 464, expect: ["token_unconfirmed", ...DEAD] },
  { code: 190, subcode: 459, expect: ["token_checkpoint", ...DEAD] },
  { code: 190, subcode: 458, expect: ["token_app_removed", ...DEAD] },
  { code: 190, subcode: 492, expect: ["token_session_invalid", ...DEAD] },
  { code: 101, expect: ["app_invalid", ...DEAD] },
  {
    code: 100,
    message: "API calls from the server require an appsecret_proof argument",
    expect: ["app_secret_missing", ...DEAD],
  },
  {
    code: 100,
    message: "Invalid appsecret_proof provided in the API argument",
    expect: ["app_secret_wrong", ...DEAD],
  },
  { code: 200, message: "API access blocked.", expect: ["app_blocked", ...DEAD] },
  { code: 102, expect: ["token_session_invalid", ...DEAD] },
  {
    code: 190,
    message: "(#190) pages_read_engagement permission(s) must be granted before impersonating a page",
    expect: FORBIDDEN,
  },
  { code: 190, subcode: 463, message: "permission(s) must be granted", expect: ["token_expired", ...DEAD] },
  { code: 10, expect: FORBIDDEN },
  { code: 200, expect: FORBIDDEN },
  { code: 273, subcode: 1870034, expect: FORBIDDEN },
  { code: 299, expect: FORBIDDEN },
  { code: 294, expect: FORBIDDEN },
  { code: 960, expect: ["temporary", "retry", ...LATER] },
  { code: 104, expect: ["connection", "retry", ...LATER] },
  { code: -1, expect: ["internal", "retry", ...LATER] },
  { code: -2, expect: ["internal", "retry", ...LATER] },
  { code: 5000, expect: ["events_unknown_error", "retry", ...LATER] },
  { code: 21009, expect: ["events_temporary", "retry", ...LATER] },
  { code: 300, expect: ["unknown_code", "fail", ...REFUSED] },
  { code: 999_999, expect: ["unknown_code", "fail", ...REFUSED] },
];

for (const { code, subcode, message = "text in any language", target = "object", expect } of CASES) {
  const [reason, action, app_code, status, retryable, use_case] = expect;
  const pair = `${code}${subcode === undefined ? "" : `/${subcode}`}`;
  Deno.test(`buildGraphError() takes ${pair} "${message.slice(0, 40)}" on ${target} for ${reason}: ${action}`, () => {
    const error = buildGraphError(
      {
        code,
        message,
        type: "OAuthException",
        fbtrace_id: "A1b2C3",
        is_transient: false,
        ...(subcode === undefined ? {} : { error_subcode: subcode }),
      },
      { http_status: 400, usage: [], fields: "id,name", target },
    );
    assertEquals(
      [error.reason, error.action, error.code, error.status, error.retryable],
      [reason, action, app_code, status, retryable],
    );
    if (use_case !== undefined) assertEquals(error.use_case, use_case);
    assertEquals([error.meta_code, error.error_subcode, error.type], [code, subcode ?? null, "OAuthException"]);
    assertEquals(error.fbtrace_id, "A1b2C3");
    assert(!error.message.includes(message), "Meta's text has no place in our errors");
  });
}

Deno.test("GRAPH_ERRORS names every pair and code that is documented, each in a row of its own", () => {
  const documented =
    "80000 80000/2446079 80004 80004/2446079 80003 80003/2446079 80001 80002 80005 80006 80008 80009 " +
    "80014 17 17/2446079 613/1487742 613 613/1996 4 4/1504022 4/1504039 32 341 368 1 1/99 1/2853001 2 2/1504038 " +
    "100/1504018 2/1504041 2/1504042 2/1504043 2/1504044 100 100/1487534 -3/1504045 -2/2490547 100/3191001 100/33 " +
    "100/2446289 2601 2601/1815107 2642 2635 3018 190 190/463 190/467 190/460 190/464 190/459 190/458 190/492 101 102 10 " +
    "294 960 104 5000 21009";
  assertEquals(Object.keys(GRAPH_ERRORS).sort(), documented.split(" ").sort());
});

Deno.test("GRAPH_ERRORS has a case for each of its rows", () => {
  const tested = new Set(CASES.map(({ code, subcode }) => subcode === undefined ? `${code}` : `${code}/${subcode}`));
  assertEquals(Object.keys(GRAPH_ERRORS).filter((pair) => !tested.has(pair)), []);
});

Deno.test("findGraphError() never takes a throttle for transient or permanent by `is_transient`", () => {
  const facts = { code: 17, subcode: 2446079, message: "", target: "account" } as const;
  assertEquals(findGraphError({ ...facts, is_transient: false }).action, "throttle_account");
  assertEquals(findGraphError({ ...facts, is_transient: true }).action, "throttle_account");
});

Deno.test("findGraphError() retries an unknown code only when Meta calls it transient", () => {
  const facts = { code: 31337, subcode: null, message: "", target: "object" } as const;
  assertEquals(findGraphError({ ...facts, is_transient: false }).action, "fail");
  assertEquals(findGraphError({ ...facts, is_transient: true }).action, "retry");
});

Deno.test("buildGraphError() reads the short bodies that have neither type nor trace id, and codes sent as text", () => {
  const error = buildGraphError(
    { code: "1", message: "Please reduce the amount of data you're asking for, then retry your request" },
    { http_status: 500, usage: [], fields: "", target: "account" },
  );
  assertEquals([error.meta_code, error.action, error.type, error.fbtrace_id], [1, "shrink", null, null]);
});

Deno.test("buildGraphError() throttles longer for an abuse signal than for a plain limit", () => {
  const throttle = (code: number, error_subcode: number | undefined) =>
    buildGraphError({ code, error_subcode, message: "" }, {
      http_status: 400,
      usage: [],
      fields: "",
      target: "account",
    }).min_throttle_seconds;
  assertEquals([throttle(80000, undefined), throttle(613, undefined), throttle(613, 1996), throttle(4, 1504022)], [
    60,
    300,
    900,
    60,
  ]);
});

Deno.test("buildGraphError() passes on no text of Meta's that could be data", () => {
  const error = buildGraphError(
    { code: 100, message: "Invalid user ada@example.com EAAsecret", type: "<script>", fbtrace_id: "x".repeat(200) },
    { http_status: 400, usage: [], fields: "", target: "object" },
  );
  assertEquals([error.type, error.fbtrace_id], [null, null]);
  assert(!JSON.stringify({ ...error, message: error.message }).includes("example.com"));
});

Deno.test("transportError() is retryable and answers 503", () => {
  const error = transportError("timeout", { http_status: null, usage: [] });
  assert(error instanceof GraphApiError);
  assertEquals([error.code, error.status, error.retryable, error.action, error.reason], [
    "meta_unavailable",
    503,
    true,
    "retry",
    "timeout",
  ]);
});

const FIELDS = "id,name,creative{id,title,body,url_tags},effective_status";
const NAMED: [string, string | null][] = [
  ["(#100) Tried accessing nonexisting field (url_tags) on node type (AdCreative)", "url_tags"],
  ["(#100) Tried accessing nonexisting field (title) on node type (AdCreative)", "title"],
  ["(#100) effective_status is not valid for fields param", "effective_status"],
  ["(#100) Tried accessing nonexisting field (something_else) on node type (Ad)", null],
  ["(#100) Unknown fields", null],
];
for (const [message, expected] of NAMED) {
  Deno.test(`findNamedField() finds ${expected} in "${message}"`, () => {
    assertEquals(findNamedField(message, FIELDS), expected);
  });
}

Deno.test("findNamedIndex() finds the refused event's place", () => {
  assertEquals(findNamedIndex("Invalid parameter: $['data'][3]['user_data']['em']"), 3);
  assertEquals(findNamedIndex("param data[12][event_time] is wrong"), 12);
  assertEquals(findNamedIndex("no place is named"), null);
});
