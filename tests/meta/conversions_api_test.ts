/**
 * Tests of `shared/meta/conversions_api.ts`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { UsageReading } from "../../shared/errors.ts";
import { classifyRefusal } from "../../shared/meta/conversions_api.ts";
import { buildGraphError, transportError } from "../../shared/meta/graph_answer.ts";

Deno.test("classifyRefusal() tells from (code, subcode) alone what is to blame", () => {
  const cases: [number, number | undefined, string][] = [
    [1, undefined, "unknown"],
    [2, undefined, "unknown"],
    [5000, undefined, "unknown"],
    [21009, undefined, "unknown"],
    [4, undefined, "throttled"],
    [17, 2446079, "throttled"],
    [32, undefined, "throttled"],
    [341, undefined, "throttled"],
    [368, undefined, "throttled"],
    [613, 1487742, "throttled"],
    [80004, 2446079, "throttled"],
    [80014, undefined, "throttled"],
    [190, 460, "blocked"],
    [190, 463, "blocked"],
    [190, 467, "blocked"],
    [102, undefined, "blocked"],
    [10, undefined, "blocked"],
    [200, undefined, "blocked"],
    [299, undefined, "blocked"],
    [294, undefined, "blocked"],
    [100, 33, "blocked"],
    [2635, undefined, "blocked"],
    [100, 2804003, "too_old"],
    [100, 2804001, "event"],
    [100, 2804009, "event"],
    [100, 2804010, "event"],
    [100, 2804019, "event"],
    [100, 2804050, "event"],
    [100, 2804007, "event"],
    [101, undefined, "blocked"],
    [100, undefined, "parameter"],
    [987654, undefined, "unclear"],
  ];
  for (const [code, error_subcode, kind] of cases) {
    const facts = { http_status: 400, usage: [], fields: "", target: "object" as const };
    const error = buildGraphError({ code, error_subcode, message: "Irgendein Text" }, facts);
    assertEquals([code, error_subcode, classifyRefusal(error).kind], [code, error_subcode, kind]);
  }
});

Deno.test("classifyRefusal() takes code 100 for the event's where Meta names its place, and for nobody's event by its type", () => {
  const facts = { http_status: 400, usage: [], fields: "", target: "object" as const };
  const kindOf = (message: string, type: string) =>
    classifyRefusal(buildGraphError({ code: 100, message, type }, facts)).kind;
  assertEquals(kindOf("Param $['data'][3]['custom_data'] is invalid", "OAuthException"), "event");
  assertEquals(kindOf("Unsupported post request - method type: post", "GraphMethodException"), "blocked");
  assertEquals(kindOf("(#100) Invalid parameter", "OAuthException"), "parameter");
});

Deno.test("classifyRefusal() knows nothing of an attempt that brought no answer of Meta's", () => {
  for (const reason of ["timeout", "connection", "http_error", "malformed_body", "empty_body"] as const) {
    assertEquals(classifyRefusal(transportError(reason, { http_status: null, usage: [] })).kind, "unknown");
  }
});

Deno.test("classifyRefusal() stays away for as long as Meta blocks, not for the length of an account's window", () => {
  const reading = (scope: UsageReading["scope"], regain_seconds: number) => ({
    scope,
    key: "1",
    pct: 100,
    regain_seconds,
  });
  const facts = { http_status: 400, fields: "", target: "object" as const };
  const secondsOf = (usage: UsageReading[]) =>
    classifyRefusal(buildGraphError({ code: 80004, error_subcode: 2446079 }, { ...facts, usage })).seconds;
  assertEquals(secondsOf([reading("business_use_case", 7_200), reading("account", 86_400)]), 7_200);
  assertEquals(secondsOf([reading("account", 86_400)]), 60);
});
