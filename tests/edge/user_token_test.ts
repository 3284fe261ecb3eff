/**
 * Whose token it is: verified by a key of the JWKS, or asked of Auth where Auth signs with the legacy secret.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { createLog } from "../../shared/edge/log.ts";
import { createUserFinder } from "../../shared/edge/user_token.ts";
import { PlatformKeys } from "../../scripts/supabase-local/keys.ts";

const USER = "7d9f7a64-1111-4222-8333-444455556666";
const EMPTY = '{"keys":[]}';

type Auth = () => Response | Promise<Response>;
const knows: Auth = () => Response.json({ id: USER });

function setUp(options: { jwks?: string; auth?: Auth } = {}) {
  const asked: Request[] = [];
  const lines: string[] = [];
  let now_ms = Date.now();
  const clock = { now: () => new Date(now_ms) };
  let auth = options.auth ?? knows;
  const find = createUserFinder({
    url: "https://abcdefghijklmnopqrst.supabase.co",
    publishable_key: "sb_publishable_a",
    jwks: "jwks" in options ? options.jwks : EMPTY,
    fetch: (input, init) => {
      const request = new Request(input, init);
      asked.push(request);
      // As the real one: an aborted request rejects.
      return new Promise((resolve, reject) => {
        request.signal.addEventListener("abort", () => reject(request.signal.reason));
        Promise.resolve(auth()).then(resolve, reject);
      });
    },
    clock,
    log: createLog(clock, {}, (_level, line) => lines.push(line)),
  });
  const user = (authorization: string) => find(new Request("http://127.0.0.1/", { headers: { authorization } }));
  return {
    asked,
    lines,
    user,
    pass: (ms: number) => now_ms += ms,
    becomes: (next: Auth) => auth = next,
  };
}

const legacy = await PlatformKeys.generate("HS256");
const modern = await PlatformKeys.generate("ES256");
const bearer = async (keys: PlatformKeys, expiresInSeconds = 3600) =>
  `Bearer ${await keys.userToken({ sub: USER, expiresInSeconds })}`;

Deno.test("a token signed with ES256 is verified by the JWKS, without asking Auth", async () => {
  const { user, asked } = setUp({ jwks: JSON.stringify(modern.jwks) });
  assertEquals([await user(await bearer(modern)), asked.length], [USER, 0]);
  assertEquals([await user(await bearer(modern, -60)), asked.length], [null, 0]);
});

Deno.test("a token of a known key id that does not verify is nobody's, without asking Auth", async () => {
  const [head, , signature] = (await bearer(modern)).split(".");
  const payload = btoa(JSON.stringify({ sub: "another", exp: 9_999_999_999 })).replaceAll("=", "");
  const { user, asked } = setUp({ jwks: JSON.stringify(modern.jwks) });
  assertEquals([await user(`${head}.${payload}.${signature}`), asked.length], [null, 0]);
});

Deno.test("a token that the JWKS has no key for is asked of Auth: the legacy secret, and a key made since", async () => {
  for (const keys of [legacy, modern]) {
    const { user, asked, lines } = setUp();
    const token = await bearer(keys);
    assertEquals(await user(token), USER);
    const [question] = asked;
    assertEquals([question?.method, question?.url, question?.headers.get("apikey")], [
      "GET",
      "https://abcdefghijklmnopqrst.supabase.co/auth/v1/user",
      "sb_publishable_a",
    ]);
    assertEquals(question?.headers.get("authorization"), token);
    assertEquals(lines.some((line) => line.includes(token.slice(7))), false);
  }
});

Deno.test("Auth is asked once a minute for a token, and the log says once that it is asked", async () => {
  const { user, asked, lines, pass } = setUp();
  const [one, other] = [await bearer(legacy), `Bearer ${await legacy.userToken()}`];
  await Promise.all([user(one), user(one), user(one)]);
  assertEquals(asked.length, 1);
  pass(59_000);
  await user(one);
  await user(other);
  assertEquals(asked.length, 2);
  pass(1_000);
  await user(one);
  assertEquals([asked.length, lines.length], [3, 1]);
});

Deno.test("what Auth said of a token ends with the token", async () => {
  const { user, asked, pass } = setUp();
  const token = await bearer(legacy, 30);
  assertEquals(await user(token), USER);
  pass(31_000);
  assertEquals([await user(token), asked.length], [null, 1]);
});

Deno.test("a token that Auth refuses is nobody's, and is not asked about again for ten seconds", async () => {
  for (const status of [401, 403]) {
    const { user, asked, pass, becomes } = setUp({ auth: () => Response.json({ code: status }, { status }) });
    const token = await bearer(legacy);
    assertEquals([await user(token), await user(token), asked.length], [null, null, 1]);
    pass(10_000);
    becomes(knows);
    assertEquals([await user(token), asked.length], [USER, 2]);
  }
});

const FAILURES: [what: string, auth: Auth][] = [
  ["answers 500", () => new Response("broken", { status: 500 })],
  ["answers 429", () => new Response(null, { status: 429 })],
  ["cannot be reached", () => Promise.reject(new TypeError("connection refused"))],
  ["answers no JSON", () => new Response("<html>")],
];
for (const [what, auth] of FAILURES) {
  Deno.test(`an Auth that ${what} costs the user id, and is left alone for five seconds`, async () => {
    const { user, asked, pass, becomes, lines } = setUp({ auth });
    const tokens = await Promise.all(Array.from({ length: 3 }, () => legacy.userToken({ sub: USER })));
    for (const token of tokens) assertEquals(await user(`Bearer ${token}`), null);
    assertEquals([asked.length, lines.length], [1, 2]);
    pass(5_000);
    becomes(knows);
    for (const token of tokens) assertEquals(await user(`Bearer ${token}`), USER);
  });
}

Deno.test("an Auth that does not answer is waited for a second", async () => {
  const { user, asked } = setUp({ auth: () => new Promise<Response>(() => undefined) });
  assertEquals([await user(await bearer(legacy)), asked.length], [null, 1]);
  assertEquals(asked[0]?.signal.reason?.name, "TimeoutError");
});

const part = (value: unknown) =>
  btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const unsigned = (header: unknown, payload: unknown) => `Bearer ${part(header)}.${part(payload)}.AAAA`;
/** The legacy `anon` key, which supabase-js sends as a bearer where nobody is signed in. */
const anonKey = unsigned({ alg: "HS256", typ: "JWT" }, { iss: "supabase", role: "anon", exp: 9_999_999_999 });
const NOBODY: [what: string, authorization: string][] = [
  ["a legacy API key", anonKey],
  ["a new API key", "Bearer sb_publishable_a"],
  ["another scheme", "Basic dTpw"],
  ["an empty bearer", "Bearer "],
  ["rubbish", "Bearer a.b.c"],
  ["a token without an expiry", unsigned({ alg: "HS256" }, { sub: USER })],
  ["a token of null", "Bearer bnVsbA.bnVsbA.AAAA"],
  ["a token of ten thousand characters", unsigned({ alg: "HS256" }, { sub: USER, exp: 9e9, x: "x".repeat(10_000) })],
  ["an expired token", unsigned({ alg: "HS256" }, { sub: USER, exp: 1 })],
];
for (const [what, authorization] of NOBODY) {
  Deno.test(`${what} is nobody's and asks nothing`, async () => {
    const { user, asked } = setUp();
    assertEquals([await user(authorization), asked.length], [null, 0]);
  });
}

Deno.test("a JWKS that is broken, or holds no keys, leaves Auth to say who it is", async () => {
  for (const jwks of ["{", "[]", '{"keys":[null]}', '{"keys":7}', "null"]) {
    const { user } = setUp({ jwks });
    assertEquals(await user(await bearer(legacy)), USER);
  }
});

Deno.test("a local stack's JWKS, which holds the shared secret, leaves Auth to say who it is", async () => {
  const shared = { kty: "oct", alg: "HS256", kid: "k1", k: "c2VjcmV0" };
  const { user, asked } = setUp({ jwks: JSON.stringify({ keys: [shared] }) });
  assertEquals([await user(await bearer(legacy)), asked.length], [USER, 1]);
});
