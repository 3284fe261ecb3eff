import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { AppError, GraphApiError, RequestError } from "../../../shared/errors.ts";
import { settleBackground } from "../../../shared/edge/background.ts";
import { type Call, clientAddress, createFunction, prefersAsync } from "../../../shared/edge/serve.ts";
import type { Callers } from "../../../shared/edge/auth.ts";
import { environment, OTHER_SECRET, PUBLISHABLE, SECRET, signUserToken } from "./edge_environment.ts";

const bodySchema = z.strictObject({
  account_ids: z.array(z.string().regex(/^\d+$/, "must be digits")).optional(),
  full: z.boolean().optional(),
});
type Body = z.infer<typeof bodySchema>;

interface Setup {
  callers?: Callers;
  browsers?: boolean;
  variables?: Record<string, string | null>;
  run?: (call: Call<Body>) => Promise<{ status: number; body: unknown; headers?: Record<string, string> }>;
  fetch?: typeof fetch;
}

function setUp(setup: Setup = {}) {
  const calls: Call<Body>[] = [];
  const lines: string[] = [];
  const { callers = "secret", browsers = callers !== "secret", variables = {}, run } = setup;
  const fn = createFunction({
    slug: "fb-test",
    callers,
    browsers,
    bodySchema,
    run: async (call) => {
      calls.push(call);
      return await (run?.(call) ?? Promise.resolve({ status: 200, body: { done: true } }));
    },
  }, {
    get: environment(variables),
    log_sink: (_level, line) => lines.push(line),
    ...(setup.fetch === undefined ? {} : { fetch: setup.fetch }),
  });
  return { fn, calls, lines };
}

function post(headers: Record<string, string>, body: BodyInit = "{}"): Request {
  return new Request("http://127.0.0.1/fb-test", { method: "POST", headers, body });
}

const UNAUTHORIZED = { code: "unauthorized", message: "This request is not authenticated." };

async function errorOf(response: Response) {
  const { error } = await response.json();
  const { request_id, ...rest } = error;
  assert(/^[0-9a-f-]{36}$/.test(request_id));
  return rest;
}

Deno.test("createFunction() gives `fetch` as an own property and reads nothing before the first request", async () => {
  const read: string[] = [];
  const fn = createFunction({
    slug: "x",
    callers: "secret",
    bodySchema,
    run: () => Promise.resolve({ status: 200, body: {} }),
  }, {
    get: (name) => {
      read.push(name);
      return environment()(name);
    },
  });
  assertEquals([Object.hasOwn(fn, "fetch"), read], [true, []]);
  const response = await fn.fetch(post({ apikey: SECRET }));
  assertEquals([response.status, await response.json()], [200, {}]);
  assert(read.includes("SUPABASE_SECRET_KEYS"));
});

const STRANGERS: [who: string, headers: Record<string, string>][] = [
  ["nobody", {}],
  ["an empty key", { apikey: "" }],
  ["a wrong key", { apikey: "sb_secret_wrong" }],
  ["another component's key", { apikey: OTHER_SECRET }],
  ["a publishable key", { apikey: PUBLISHABLE }],
  ["the placeholder of the library's client", { apikey: "unused" }],
  ["the key as a bearer only", { authorization: `Bearer ${SECRET}` }],
  ["a user", { authorization: `Bearer ${signUserToken({ sub: "u1" })}` }],
];
for (const [who, headers] of STRANGERS) {
  Deno.test(`createFunction() answers ${who} with a 401 that tells nothing, before the body is read`, async () => {
    const { fn, calls } = setUp();
    let pulled = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(65_536));
      },
    }, { highWaterMark: 0 });
    const response = await fn.fetch(post(headers, body));
    assertEquals([response.status, await errorOf(response), calls.length, pulled], [401, UNAUTHORIZED, 0, 0]);
    assertEquals([...response.headers.keys()].filter((name) => name.startsWith("access-control")), []);
  });
}

Deno.test("createFunction() lets the named secret key in, also without any publishable key configured", async () => {
  const { fn, calls } = setUp({ variables: { SUPABASE_PUBLISHABLE_KEYS: null } });
  const response = await fn.fetch(post({ apikey: SECRET, prefer: "return=minimal, Respond-Async" }, '{"full":true}'));
  assertEquals(response.status, 200);
  const [call] = calls;
  assertEquals([call?.caller, call?.user_id, call?.respond_async, call?.body], ["secret", null, true, { full: true }]);
  assertEquals(call?.config.api_version, "v26.0");
});

Deno.test("the admin client sends the fb_ads key, whoever called", async () => {
  const sent: (string | null)[] = [];
  const own: typeof fetch = (input, init) => {
    sent.push(new Request(input, init).headers.get("apikey"));
    return Promise.resolve(Response.json([]));
  };
  const run = async (call: Call<Body>) => {
    await call.admin.rpc("fb_anything");
    return { status: 200, body: {} };
  };
  const { fn } = setUp({ callers: "publishable_or_secret", run, fetch: own });
  await fn.fetch(post({ apikey: PUBLISHABLE, origin: "https://shop.example" }));
  await fn.fetch(post({ apikey: SECRET }));
  assertEquals(sent, [SECRET, SECRET]);
});

Deno.test("legacy keys stand in only where a project has none of the new form", async () => {
  const legacy = { SUPABASE_SERVICE_ROLE_KEY: "legacy-service", SUPABASE_ANON_KEY: "legacy-anon" };
  const old = setUp({ variables: { SUPABASE_SECRET_KEYS: null, SUPABASE_PUBLISHABLE_KEYS: null, ...legacy } });
  assertEquals((await old.fn.fetch(post({ apikey: "legacy-service" }))).status, 200);
  assertEquals((await old.fn.fetch(post({ apikey: "legacy-anon" }))).status, 401);
  const renewed = setUp({ variables: legacy });
  assertEquals((await renewed.fn.fetch(post({ apikey: "legacy-service" }))).status, 401);
});

const UNUSABLE: [what: string, variables: Record<string, string | null>, names: string[]][] = [
  [
    "no key named fb_ads",
    { SUPABASE_SECRET_KEYS: '{"default":"x"}', SUPABASE_URL: "https://abcdefghijklmnopqrst.supabase.co" },
    ["SUPABASE_SECRET_KEYS"],
  ],
  ["broken JSON of keys", { SUPABASE_SECRET_KEYS: "{", SUPABASE_URL: null }, ["SUPABASE_SECRET_KEYS", "SUPABASE_URL"]],
  ["an empty fb_ads key", { SUPABASE_SECRET_KEYS: '{"fb_ads":""}' }, ["SUPABASE_SECRET_KEYS"]],
];
for (const [what, variables, names] of UNUSABLE) {
  Deno.test(`createFunction() answers 500 and logs the names when it has ${what}`, async () => {
    const { fn, lines, calls } = setUp({ variables });
    const response = await fn.fetch(post({ apikey: "" }));
    assertEquals([response.status, calls.length], [500, 0]);
    assertEquals(await errorOf(response), {
      code: "config_invalid",
      message: "The function is not configured; its log says what is wrong.",
    });
    for (const name of names) assert(lines.join().includes(name));
  });
}

Deno.test("createFunction() tells the holder of the secret key every wrong setting", async () => {
  const { fn } = setUp({ variables: { META_API_VERSION: "26", FB_ADS_REQUIRE_CONSENT: "maybe" } });
  const response = await fn.fetch(post({ apikey: SECRET }));
  const error = await errorOf(response);
  assertEquals([response.status, error.details.map((problem: { path: string }) => problem.path)], [
    500,
    ["META_API_VERSION", "FB_ADS_REQUIRE_CONSENT"],
  ]);
});

for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
  Deno.test(`createFunction() answers ${method} with 405`, async () => {
    const { fn } = setUp();
    const response = await fn.fetch(new Request("http://127.0.0.1/fb-test", { method, headers: { apikey: SECRET } }));
    assertEquals([response.status, response.headers.get("allow")], [405, "POST"]);
    assertEquals((await errorOf(response)).code, "method_not_allowed");
  });
}

Deno.test("createFunction() takes an empty body for an empty object", async () => {
  const { fn, calls } = setUp();
  assertEquals((await fn.fetch(new Request("http://x/", { method: "POST", headers: { apikey: SECRET } }))).status, 200);
  assertEquals(calls[0]?.body, {});
});

for (const body of ["{", "undefined", '{"a":1}}', "\u0000", new Uint8Array([0x22, 0xff, 0x22])]) {
  Deno.test(`createFunction() answers a body of ${JSON.stringify(body)} with 400 and starts nothing`, async () => {
    const { fn, calls } = setUp();
    const response = await fn.fetch(post({ apikey: SECRET }, body));
    assertEquals([response.status, await errorOf(response), calls.length], [
      400,
      { code: "invalid_json", message: "The body is not valid JSON in UTF-8." },
      0,
    ]);
  });
}

Deno.test("createFunction() names every wrong field by its path", async () => {
  const { fn, calls } = setUp();
  const response = await fn.fetch(post({ apikey: SECRET }, '{"account_ids":["1","act_2",3],"full":"yes","since":1}'));
  const error = await errorOf(response);
  assertEquals([response.status, error.code, calls.length], [400, "invalid_field", 0]);
  assertEquals(error.details.map((problem: { path: string }) => problem.path).sort(), [
    "account_ids.1",
    "account_ids.2",
    "full",
    "since",
  ]);
});

Deno.test("createFunction() does not send back a field's name of any length", async () => {
  const { fn } = setUp();
  const response = await fn.fetch(post({ apikey: SECRET }, JSON.stringify({ ["x".repeat(500_000)]: 1 })));
  assertEquals((await errorOf(response)).details, [{ path: "x".repeat(200), message: "is not known here" }]);
});

Deno.test("createFunction() answers a body that is no object with the body named", async () => {
  const { fn } = setUp();
  const error = await errorOf(await fn.fetch(post({ apikey: SECRET }, "[]")));
  assertEquals([error.code, error.message], ["invalid_field", "Wrong in this request: the body"]);
});

Deno.test("createFunction() refuses a body past the limit, by its declared length and while it streams", async () => {
  const { fn, calls } = setUp();
  const declared = await fn.fetch(post({ apikey: SECRET, "content-length": "1048577" }, "x".repeat(1_048_577)));
  assertEquals([declared.status, (await errorOf(declared)).code], [413, "body_too_large"]);
  let pulled = 0;
  const endless = new ReadableStream({
    pull: (controller) => {
      pulled += 1;
      controller.enqueue(new Uint8Array(65_536).fill(32));
    },
  }, { highWaterMark: 0 });
  const streamed = await fn.fetch(post({ apikey: SECRET }, endless));
  assertEquals([streamed.status, calls.length, pulled], [413, 0, 17]);
  const fitting = await fn.fetch(post({ apikey: SECRET }, " ".repeat(1_048_574) + "{}"));
  assertEquals(fitting.status, 200);
});

Deno.test("createFunction() turns thrown errors into the project's form, with Retry-After when known", async () => {
  const failure = { ...emptyFailure(), action: "park_account" } as const;
  const thrown: [unknown, number, string, string | null][] = [
    [new RequestError("conflict", "Twice."), 409, "conflict", null],
    [new RequestError("too_many_requests", "Slower.", { retry_after_seconds: 1.2 }), 429, "too_many_requests", "2"],
    [
      new GraphApiError("meta_rate_limited", "Meta", failure, { retry_after_seconds: 60 }),
      429,
      "meta_rate_limited",
      "60",
    ],
    [new AppError("odd", 503, "odd"), 503, "odd", null],
    [new Error("secret detail"), 500, "internal", null],
    ["a string", 500, "internal", null],
  ];
  for (const [error, status, code, retry_after] of thrown) {
    const { fn, lines } = setUp({ run: () => Promise.reject(error) });
    const response = await fn.fetch(post({ apikey: SECRET }));
    assertEquals([response.status, response.headers.get("retry-after")], [status, retry_after]);
    const text = await response.text();
    assertEquals(JSON.parse(text).error.code, code);
    assert(!text.includes("secret detail"));
    if (error instanceof Error && error.message === "secret detail") assert(lines.join().includes("secret detail"));
  }
});

function emptyFailure() {
  const nothing = { meta_code: 1, error_subcode: null, type: null, fbtrace_id: null, http_status: 400, field: null };
  return { ...nothing, reason: "x", use_case: "any" as const, min_park_seconds: 0, data_index: null, usage: [] };
}

const USER = "7d9f7a64-1111-4222-8333-444455556666";
const ORIGIN = { origin: "https://shop.example" };
const USERS: [what: string, authorization: string | null, user_id: string | null][] = [
  ["no token", null, null],
  ["a valid token", `Bearer ${signUserToken({ sub: USER })}`, USER],
  ["an expired token", `Bearer ${signUserToken({ sub: USER }, -60)}`, null],
  [
    "a token signed by someone else",
    `Bearer ${signUserToken({ sub: USER }, 60, "another-key-of-at-least-32-bytes-00")}`,
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
  assertEquals((await fn.fetch(post({ apikey: OTHER_SECRET, ...ORIGIN }))).status, 401);
  assertEquals(calls.length, 0);
});

Deno.test("signing keys that cannot be had cost the user id, not the event", async () => {
  const { fn, calls } = setUp({ callers: "publishable_or_secret", variables: { SUPABASE_JWKS: "{" } });
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
  assert(good.headers.get("access-control-allow-headers")?.includes("apikey"));
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

Deno.test("clientAddress() is the first address that the gateway names", () => {
  const address = (value: string) => clientAddress(new Headers({ "x-forwarded-for": value }));
  assertEquals([address("203.0.113.7, 10.0.0.1"), address(" 2001:db8::1 "), address("")], [
    "203.0.113.7",
    "2001:db8::1",
    null,
  ]);
});
