/**
 * `createFunction()` before users and browsers: tokens, origins, CORS, work after the answer.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { settleBackground } from "../../shared/edge/background.ts";
import { type Call, clientAddress, prefersAsync } from "../../shared/edge/serve.ts";
import { type Body, errorOf, post, setUp } from "./served_function.ts";
import { PUBLISHABLE, SCHEDULE_KEY, SECRET, signUserToken } from "./edge_environment.ts";

const USER = "7d9f7a64-1111-4222-8333-444455556666";
const ORIGIN = { origin: "https://shop.example" };
const USERS: [what: string, authorization: string | null, user_id: string | null][] = [
  ["no token", null, null],
  ["a valid token", `Bearer ${signUserToken({ sub: USER })}`, USER],
  ["an expired token", `Bearer ${signUserToken({ sub: USER }, -60)}`, null],
  [
    "a token signed by someone else",
    `Bearer ${signUserToken({ sub: USER }, 60, "foreign")}`,
    null,
  ],
  ["a token without a user", `Bearer ${signUserToken({ role: "anon" })}`, null],
  ["rubbish", "Bearer rubbish", null],
  ["its key as a bearer, as supabase-js does", `Bearer ${PUBLISHABLE}`, null],
  ["another scheme", "Basic dTpw", null],
];
for (const [what, authorization, user_id] of USERS) {
  Deno.test(`a publishable key with ${what} is let in as user ${user_id}`, async () => {
    const { fn, calls } = setUp({ callers: "publishable_or_secret" });
    const headers = { apikey: PUBLISHABLE, ...ORIGIN, ...(authorization === null ? {} : { authorization }) };
    const response = await fn.fetch(post(headers));
    assertEquals([response.status, calls[0]?.caller, calls[0]?.user_id], [200, "publishable", user_id]);
  });
}

Deno.test("a user's token alone, or beside a wrong key, lets nobody in", async () => {
  const { fn, calls } = setUp({ callers: "publishable_or_secret" });
  const authorization = `Bearer ${signUserToken({ sub: USER })}`;
  assertEquals((await fn.fetch(post({ authorization, ...ORIGIN }))).status, 401);
  assertEquals((await fn.fetch(post({ authorization, apikey: "wrong", ...ORIGIN }))).status, 401);
  assertEquals(calls.length, 0);
});

Deno.test("signing keys that cannot be had cost the user id, not the event", async () => {
  const refused = () => Promise.reject(new TypeError("connection refused"));
  const { fn, calls } = setUp({
    callers: "publishable_or_secret",
    variables: { SUPABASE_JWKS: "{" },
    fetch: refused,
  });
  const authorization = `Bearer ${signUserToken({ sub: USER })}`;
  assertEquals((await fn.fetch(post({ apikey: PUBLISHABLE, authorization, ...ORIGIN }))).status, 200);
  assertEquals(calls[0]?.user_id, null);
});

Deno.test("a web app is let in from an allowed origin only, a server with the secret key from anywhere", async () => {
  const { fn, calls } = setUp({ callers: "publishable_or_secret" });
  const evil = await fn.fetch(post({ apikey: PUBLISHABLE, origin: "https://evil.example" }));
  assertEquals([evil.status, (await errorOf(evil)).code], [403, "origin_not_allowed"]);
  assertEquals((await fn.fetch(post({ apikey: PUBLISHABLE }))).status, 403);
  assertEquals(calls.length, 0);
  assertEquals((await fn.fetch(post({ apikey: SECRET }))).status, 200);
  const none = setUp({ callers: "publishable_or_secret", variables: { FB_ADS_ALLOWED_ORIGINS: "" } });
  assertEquals((await none.fn.fetch(post({ apikey: PUBLISHABLE, ...ORIGIN }))).status, 403);
});

Deno.test("preflights and answers carry CORS headers for allowed origins alone, errors too", async () => {
  const { fn } = setUp({ callers: "publishable_or_secret" });
  const preflight = (origin: string) => fn.fetch(new Request("http://x/", { method: "OPTIONS", headers: { origin } }));
  const good = await preflight("https://shop.example");
  assertEquals([good.status, good.headers.get("access-control-allow-origin")], [204, "https://shop.example"]);
  assertEquals(
    good.headers.get("access-control-allow-headers"),
    "authorization, apikey, content-type, prefer, x-client-info, x-region, x-retry-count, traceparent, tracestate, baggage",
  );
  const bad = await preflight("https://evil.example");
  assertEquals([bad.status, bad.headers.get("access-control-allow-origin")], [403, null]);
  const refused = await fn.fetch(post({ apikey: "wrong", ...ORIGIN }));
  assertEquals([refused.status, refused.headers.get("access-control-allow-origin")], [401, "https://shop.example"]);
  const answered = await fn.fetch(post({ apikey: PUBLISHABLE, ...ORIGIN }));
  assertEquals([answered.headers.get("access-control-allow-origin"), answered.headers.get("vary")], [
    "https://shop.example",
    "Origin",
  ]);
});

Deno.test("background() works on after the answer, and logs what fails", async () => {
  const held = Promise.withResolvers<void>();
  const done: string[] = [];
  const run = (call: Call<Body>) => {
    call.background(async () => {
      await held.promise;
      done.push("worked");
    });
    call.background(() => Promise.reject(new Error("background fault")));
    return Promise.resolve({ status: 202, body: {} });
  };
  const { fn, lines } = setUp({ run });
  assertEquals([(await fn.fetch(post({ apikey: SECRET }))).status, done], [202, []]);
  held.resolve();
  await settleBackground();
  assertEquals(done, ["worked"]);
  assert(lines.some((line) => line.includes("background fault") && line.includes('"function":"fb-test"')));
});

Deno.test("prefersAsync() finds its preference among others, in any case", () => {
  const prefers = (prefer: string) => prefersAsync(new Headers({ prefer }));
  assertEquals(["respond-async", "wait=10, Respond-Async", "respond-async; wait=5"].map(prefers), [true, true, true]);
  assertEquals(["", "respond-asynchronously", "return=minimal"].map(prefers), [false, false, false]);
});

const ADDRESSES: [headers: Record<string, string>, address: string | null][] = [
  [{ "cf-connecting-ip": "203.0.113.7", "x-forwarded-for": "8.8.8.8, 203.0.113.7" }, "203.0.113.7"],
  [{ "cf-connecting-ip": "2001:db8::1", "x-forwarded-for": "8.8.8.8" }, "2001:db8::1"],
  [{ "x-forwarded-for": "203.0.113.7, 10.0.0.1" }, "203.0.113.7"],
  [{ "x-forwarded-for": " 2001:db8::1 " }, "2001:db8::1"],
  [{ "x-forwarded-for": "203.0.113.7:51234" }, "203.0.113.7"],
  [{ "x-forwarded-for": "[2001:db8::1]:51234, 10.0.0.1" }, "2001:db8::1"],
  [{ "x-forwarded-for": "[2001:db8::1]" }, "2001:db8::1"],
  [{ "x-forwarded-for": "" }, null],
  [{}, null],
];
for (const [headers, address] of ADDRESSES) {
  Deno.test(`clientAddress() of ${JSON.stringify(headers)} is ${address}`, () => {
    assertEquals(clientAddress(new Headers(headers)), address);
  });
}

for (const list of ["*", "https://shop.example,*", "https://*.com", "https://shop.example/path"]) {
  Deno.test(`FB_ADS_ALLOWED_ORIGINS=${list} is named to browsers, and stops no server and no schedule`, async () => {
    const variables = { FB_ADS_ALLOWED_ORIGINS: list };
    const { fn, calls } = setUp({ callers: "publishable_or_secret", variables });
    const preflight = await fn.fetch(new Request("http://x/", { method: "OPTIONS", headers: ORIGIN }));
    assertEquals([preflight.status, preflight.headers.get("access-control-max-age")], [204, "0"]);
    const response = await fn.fetch(post({ apikey: PUBLISHABLE, ...ORIGIN }));
    const error = await errorOf(response);
    assertEquals([response.status, error.code, calls.length], [500, "config_invalid", 0]);
    assertEquals(error.details.map(({ path }: { path: string }) => path), ["FB_ADS_ALLOWED_ORIGINS"]);
    assertEquals(response.headers.get("access-control-allow-origin"), ORIGIN.origin);

    for (const apikey of [SECRET, SCHEDULE_KEY]) assertEquals((await fn.fetch(post({ apikey }))).status, 200);
    const health = await fn.fetch(new Request("http://x/", { headers: { apikey: SECRET } }));
    assertEquals([health.status, (await errorOf(health)).code], [500, "config_invalid"]);
    const sync = setUp({ callers: "secret", variables });
    assertEquals((await sync.fn.fetch(new Request("http://x/", { headers: { apikey: SECRET } }))).status, 200);
  });
}

Deno.test("a mistake in a setting stops the functions that read it, and no other", async () => {
  const reads = setUp({ variables: { META_API_VERSION: "26" } });
  assertEquals((await reads.fn.fetch(post({ apikey: SECRET }))).status, 500);
  const other = setUp({ variables: { META_PIXEL_ID: "none", FB_ADS_DEFAULT_COUNTRY: "Indonesia" } });
  assertEquals((await other.fn.fetch(post({ apikey: SECRET }))).status, 200);
});
