/**
 * The one door to Meta: what a request carries, and what every kind of answer becomes.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { createGraphClient } from "../../shared/meta/graph_client.ts";
import { API_VERSION, serveGraph, TOKEN } from "./graph_server.ts";

async function failure(work: Promise<unknown>): Promise<GraphApiError> {
  const error = await assertRejects(() => work, GraphApiError);
  assert(!`${error.message} ${JSON.stringify(error)} ${error.stack}`.includes(TOKEN), "an error never has the token");
  assert(!`${error.message} ${JSON.stringify(error)}`.includes("127.0.0.1"), "an error never has the URL");
  return error;
}

Deno.test("get() sends the token in the Authorization header alone, and lists and objects as JSON", async () => {
  await using server = serveGraph(() => Response.json({ id: "1" }));
  await server.client.get("act_1001/ads", {
    fields: "id,name",
    filtering: [{ field: "ad.effective_status", operator: "IN", value: ["ACTIVE"] }],
    time_range: { since: "2026-11-01", until: "2026-11-03" },
    limit: 100,
    summary: true,
    after: undefined,
    before: null,
  });
  assertEquals(server.seen, [{
    method: "GET",
    path: `/${API_VERSION}/act_1001/ads`,
    query: {
      fields: "id,name",
      filtering: '[{"field":"ad.effective_status","operator":"IN","value":["ACTIVE"]}]',
      time_range: '{"since":"2026-11-01","until":"2026-11-03"}',
      limit: "100",
      summary: "true",
    },
    authorization: `Bearer ${TOKEN}`,
    content_type: null,
    body: "",
  }]);
});

Deno.test("post() sends a form without a query, postJson() a JSON body", async () => {
  await using server = serveGraph(() => Response.json({ ok: true }));
  await server.client.post("act_1001/insights", { level: "ad", time_range: { since: "2026-11-01" } });
  await server.client.postJson("123/events", { data: [{ event_name: "Purchase" }] });
  assertEquals(server.seen.map(({ method, query, content_type, body }) => ({ method, query, content_type, body })), [
    {
      method: "POST",
      query: {},
      content_type: "application/x-www-form-urlencoded",
      body: "level=ad&time_range=%7B%22since%22%3A%222026-11-01%22%7D",
    },
    { method: "POST", query: {}, content_type: "application/json", body: '{"data":[{"event_name":"Purchase"}]}' },
  ]);
});

Deno.test("get() refuses a token as parameter and paths that lead elsewhere, before any request", async () => {
  await using server = serveGraph(() => Response.json({}));
  await assertRejects(async () => await server.client.get("me", { access_token: TOKEN }), TypeError);
  for (const path of ["../me", "/me", "//evil.example/x", "me?x=1", "me#x", "https://evil.example", "a//b", ""]) {
    await assertRejects(() => server.client.get(path), TypeError);
  }
  assertEquals(server.seen, []);
});

Deno.test("createGraphClient() refuses an empty token and one with a line break", () => {
  const make = (token: string) => () =>
    createGraphClient({
      fetch,
      token,
      api_version: API_VERSION,
      graph_url: "http://127.0.0.1:1",
      clock: { now: () => new Date() },
    });
  assertThrows(make(""), TypeError);
  assertThrows(make("abc\ndef"), TypeError);
});

const THROTTLE =
  '{"error":{"message":"(#80000) There have been too many calls from this ad-account.","type":"OAuthException","is_transient":false,"code":80000,"error_subcode":2446079,"fbtrace_id":"A1b2C3"}}';

Deno.test("get() reads the usage headers of an error too, and knows the account from the path", async () => {
  const headers = {
    "x-ad-account-usage": '{"acc_id_util_pct":100,"reset_time_duration":120}',
    "x-business-use-case-usage":
      '{"1001":[{"type":"ads_insights","call_count":100,"total_cputime":1,"total_time":1,"estimated_time_to_regain_access":7}]}',
  };
  await using server = serveGraph(() => new Response(THROTTLE, { status: 400, headers }));
  const error = await failure(server.client.get("act_1001/insights"));
  assertEquals([error.code, error.action, error.use_case, error.fbtrace_id, error.http_status], [
    "meta_rate_limited",
    "throttle_account",
    "insights",
    "A1b2C3",
    400,
  ]);
  assertEquals(error.usage, [
    { scope: "account", key: "1001", pct: 100, regain_seconds: 120 },
    { scope: "business_use_case", key: "1001", type: "ads_insights", pct: 100, regain_seconds: 420 },
  ]);
});

Deno.test("get() finds an error inside HTTP 200", async () => {
  await using server = serveGraph(() => new Response(THROTTLE));
  assertEquals((await failure(server.client.get("act_1001/ads"))).reason, "insights_limit");
});

Deno.test("get() tells which requested field Meta refuses", async () => {
  const body = {
    error: { code: 100, message: "(#100) Tried accessing nonexisting field (reach) on node type (AdsInsights)" },
  };
  await using server = serveGraph(() => Response.json(body, { status: 400 }));
  const error = await failure(server.client.get("act_1001/insights", { fields: "spend,reach,actions" }));
  assertEquals([error.action, error.field], ["drop_field", "reach"]);
});

const BROKEN: [what: string, answer: () => Response, reason: string][] = [
  ["cut-off JSON with HTTP 200", () => new Response('{"data":[{"id":"1"},{"id"'), "malformed_body"],
  ["HTML with HTTP 200", () => new Response("<html>Sorry</html>"), "malformed_body"],
  ["plain text with HTTP 200", () => new Response("Service Unavailable"), "malformed_body"],
  ["an empty body", () => new Response(""), "empty_body"],
  ["null", () => new Response("null"), "malformed_body"],
  ["a list", () => new Response("[]"), "malformed_body"],
  ["HTML with HTTP 502", () => new Response("<html>Bad Gateway</html>", { status: 502 }), "http_error"],
  ["JSON without an error with HTTP 500", () => Response.json({}, { status: 500 }), "http_error"],
  ["an error that is no object", () => Response.json({ error: "boom" }), "transport"],
  ["an error without a code", () => Response.json({ error: { message: "boom" } }), "transport"],
];
for (const [what, answer, reason] of BROKEN) {
  Deno.test(`get() takes ${what} for a transport fault that may be tried again`, async () => {
    await using server = serveGraph(answer);
    const error = await failure(server.client.get("act_1001/ads"));
    assertEquals([error.reason, error.action, error.retryable, error.code], [
      reason,
      "retry",
      true,
      "meta_unavailable",
    ]);
  });
}

Deno.test("get() follows no redirect, so that the token goes nowhere else", async () => {
  await using other = serveGraph(() => Response.json({ stolen: true }));
  await using server = serveGraph(() => new Response(null, { status: 302, headers: { location: `${other.url}/x` } }));
  const error = await failure(server.client.get("me"));
  assertEquals([error.reason, error.http_status, other.seen.length], ["redirect", 302, 0]);
});

Deno.test("get() ends a call whose answer does not come, and one whose body does not end", async () => {
  const held = Promise.withResolvers<void>();
  await using server = serveGraph(async (index) => {
    if (index === 0) {
      await held.promise;
      return Response.json({});
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"data":[')),
    });
    return new Response(body);
  }, { timeout_ms: 100 });
  assertEquals((await failure(server.client.get("me"))).reason, "timeout");
  assertEquals((await failure(server.client.get("me"))).reason, "timeout");
  held.resolve();
});

Deno.test("get() takes a refused and a reset connection for transport faults", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const graph_url = `http://127.0.0.1:${listener.addr.port}`;
  const client = createGraphClient({
    fetch,
    token: TOKEN,
    api_version: API_VERSION,
    graph_url,
    clock: { now: () => new Date() },
  });
  const reset = listener.accept().then((connection) => connection.close());
  assertEquals((await failure(client.get("me"))).reason, "connection");
  await reset;
  listener.close();
  assertEquals((await failure(client.get("me"))).reason, "connection");
});

Deno.test("get() stops at its caller's signal", async () => {
  await using server = serveGraph(() => Response.json({}));
  const error = await failure(server.client.get("me", {}, { signal: AbortSignal.abort() }));
  assertEquals(error.reason, "aborted");
});

Deno.test("get() passes Meta's warning about the version on", async () => {
  const headers = { "X-Ad-Api-Version-Warning": "The call has been auto-upgraded to v99.0" };
  await using server = serveGraph(() => Response.json({ id: "1" }, { headers }));
  assertEquals((await server.client.get("me")).api_version_warning, "The call has been auto-upgraded to v99.0");
});

Deno.test("get() leaves out the one character that Postgres refuses, and nothing else", async () => {
  await using server = serveGraph(() => new Response('{"name":"a\\u0000b","path":"c\\\\u0000d"}'));
  assertEquals((await server.client.get("me")).body, { name: "ab", path: "c\\u0000d" });
});

Deno.test("get() keeps ids digit for digit where they come as numbers that JSON rounds", async () => {
  const text = '{"id":120210000000000001,"ids":[ -120210000000000003, 7],"small":1234567890123,' +
    '"name":"a \\"b\\": 120210000000000005, \\\\","rate":1.2345678901234567,"big":1234567890123456789.5}';
  await using server = serveGraph(() => new Response(text));
  assertEquals((await server.client.get("me")).body, {
    id: "120210000000000001",
    ids: ["-120210000000000003", 7],
    small: 1234567890123,
    name: 'a "b": 120210000000000005, \\',
    rate: 1.2345678901234567,
    big: 1234567890123456800,
  });
});

Deno.test("on_call is told of good and bad calls, without token and parameters", async () => {
  await using server = serveGraph((index) =>
    index === 0 ? Response.json({ id: "1" }) : new Response("", { status: 503 })
  );
  await server.client.get("act_1001/ads", { limit: 5 });
  await failure(server.client.get("6023", {}, { fb_account_id: "1001", target: "report_run" }));
  assertEquals(
    server.calls.map((
      { method, path, http_status, bytes, error },
    ) => [method, path, http_status, bytes, error?.reason]),
    [
      ["GET", "act_1001/ads", 200, 10, undefined],
      ["GET", "6023", 503, 0, "http_error"],
    ],
  );
  assert(!JSON.stringify(server.calls).includes(TOKEN));
});
