/**
 * The proof that apps with "Require App Secret" demand: in every kind of call, where Meta takes it, and nowhere else.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { classifyRefusal } from "../../shared/meta/conversions_api.ts";
import { serveGraph, TOKEN } from "./graph_server.ts";

const APP_SECRET = "0123456789abcdef0123456789abcdef";
/** HMAC-SHA-256 of the token under the app's secret, worked out by Python's `hmac`. */
const PROOF = "c44258e53355cb98261f5b737805b2992269efe0f84f13d6ad066d03e65ef9d3";

Deno.test("each call carries the proof: get() in the query, all others in the body", async () => {
  await using server = serveGraph(() => Response.json({ id: "1" }), { app_secret: APP_SECRET });
  await server.client.get("act_1001", { fields: "id" });
  await server.client.post("act_1001/insights", { level: "ad" });
  await server.client.postJson("123/events", { data: [] });
  await assertRejects(() => server.client.batch([{ path: "debug_token", params: { input_token: TOKEN } }]));
  assertEquals(server.seen.map(({ query }) => query), [{ fields: "id", appsecret_proof: PROOF }, {}, {}, {}]);
  const [, form, json, batch] = server.seen.map(({ body }) => body);
  assertEquals(form, `level=ad&appsecret_proof=${PROOF}`);
  assertEquals(JSON.parse(json ?? ""), { data: [], appsecret_proof: PROOF });
  const fields = new URLSearchParams(batch);
  assertEquals(fields.get("appsecret_proof"), PROOF);
  assert(fields.get("batch")?.includes(`debug_token?input_token=${TOKEN}&appsecret_proof=${PROOF}`));
  assert(!JSON.stringify([server.seen, server.calls]).includes(APP_SECRET));
  assert(!JSON.stringify(server.calls).includes(PROOF));
});

Deno.test("without an app secret nothing is added", async () => {
  await using server = serveGraph(() => Response.json({ id: "1" }));
  await server.client.get("me");
  await server.client.postJson("123/events", { data: [] });
  assertEquals(server.seen.map(({ query, body }) => [query, body]), [[{}, ""], [{}, '{"data":[]}']]);
});

Deno.test("a missing and a wrong proof stop the token and block the pixel, each by its name", async () => {
  const messages: [string, string][] = [
    ["API calls from the server require an appsecret_proof argument", "app_secret_missing"],
    ["Invalid appsecret_proof provided in the API argument", "app_secret_wrong"],
  ];
  await using server = serveGraph((index) =>
    Response.json({ error: { message: messages[index]?.[0], type: "GraphMethodException", code: 100 } }, {
      status: 400,
    })
  );
  for (const [, reason] of messages) {
    const error = await assertRejects(() => server.client.get("me/adaccounts"), GraphApiError);
    assertEquals([error.reason, error.action, error.code], [reason, "stop_token", "meta_token_invalid"]);
    const refusal = classifyRefusal(error);
    assertEquals([refusal.kind, refusal.reason], ["blocked", reason]);
  }
});
