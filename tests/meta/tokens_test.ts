/**
 * What a token may do and when it ends, asked without the token in the URL.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { fetchGrantedPermissions, fetchTokenInfo } from "../../shared/meta/tokens.ts";
import { API_VERSION, serveGraph, TOKEN } from "./graph_server.ts";

Deno.test("`fetchGrantedPermissions()` names what was granted and nothing that was declined", async () => {
  const data = [
    { permission: "business_management", status: "declined" },
    { permission: "public_profile", status: "granted" },
    { permission: "ads_read", status: "granted" },
    { permission: 5, status: "granted" },
    null,
  ];
  const answers = [
    Response.json({ data }),
    Response.json({ data: "none" }),
    Response.json({ error: { code: 190, message: "expired" } }, { status: 400 }),
  ];
  await using server = serveGraph((index) => answers[index] ?? Response.error());
  assertEquals(await fetchGrantedPermissions(server.client), ["ads_read", "public_profile"]);
  assertEquals([server.seen[0]?.path, server.seen[0]?.query], [`/${API_VERSION}/me/permissions`, { limit: "200" }]);
  await assertRejects(() => fetchGrantedPermissions(server.client), GraphApiError);
  await assertRejects(() => fetchGrantedPermissions(server.client), GraphApiError);
});

const batchAnswer = (...bodies: unknown[]) =>
  Response.json(bodies.map((body) => body === null ? null : { code: 200, body: JSON.stringify(body) }));

Deno.test("fetchTokenInfo() asks by a batch, so that the token stands in the body and in no URL", async () => {
  const data = { is_valid: true, expires_at: 1800000000, scopes: ["ads_read", 5, "business_management"] };
  await using server = serveGraph(() => batchAnswer({ data }));
  assertEquals(await fetchTokenInfo(server.client, TOKEN), {
    is_valid: true,
    expires_at: new Date("2027-01-15T08:00:00Z"),
    scopes: ["ads_read", "business_management"],
    usage: [],
  });
  const [seen] = server.seen;
  assertEquals([seen?.method, seen?.path, seen?.query], ["POST", `/${API_VERSION}/`, {}]);
  assertEquals(Object.fromEntries(new URLSearchParams(seen?.body)), {
    batch: `[{"method":"GET","relative_url":"debug_token?input_token=${TOKEN}"}]`,
    include_headers: "false",
  });
  assertEquals(server.calls.map(({ path }) => path), [""]);
});

Deno.test("fetchTokenInfo() tells a token without end from one whose end Meta does not say", async () => {
  const answers: [unknown, unknown][] = [
    [{ data: { is_valid: true, expires_at: 0 } }, "never"],
    [{ data: { is_valid: true } }, "unknown"],
    [{ data: { is_valid: false, error: { code: 190, message: "dead" } } }, "unknown"],
    [{ data: { is_valid: true, expires_at: "soon" } }, "unknown"],
  ];
  await using server = serveGraph((index) => batchAnswer(answers[index]?.[0]));
  for (const [, expected] of answers) assertEquals((await fetchTokenInfo(server.client, TOKEN)).expires_at, expected);
});

Deno.test("fetchTokenInfo() throws where the batch, its entry or its answer is none", async () => {
  const answers: [Response, string][] = [
    [batchAnswer(null), "empty_body"],
    [batchAnswer(), "empty_body"],
    [batchAnswer({ data: "none" }), "malformed_body"],
    [batchAnswer({ error: { code: 190, error_subcode: 463, message: "expired" } }), "token_expired"],
    [Response.json({ error: { code: 4, message: "limit" } }, { status: 400 }), "app_limit"],
    [Response.json({ data: {} }), "malformed_body"],
  ];
  await using server = serveGraph((index) => answers[index]?.[0] ?? Response.error());
  for (const [, reason] of answers) {
    const error = await assertRejects(() => fetchTokenInfo(server.client, TOKEN), GraphApiError);
    assertEquals(error.reason, reason);
  }
});
