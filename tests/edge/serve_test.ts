/**
 * `createFunction()`: who is let in, what a body may be, how errors are answered.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { DEFAULT_API_VERSION } from "../../shared/edge/config.ts";
import { AppError, GraphApiError, RequestError } from "../../shared/errors.ts";
import { connectProject } from "../../shared/database/project.ts";
import { type Call, createFunction } from "../../shared/edge/serve.ts";
import { type Body, bodySchema, errorOf, post, setUp, UNAUTHORIZED } from "./served_function.ts";
import { environment, OTHER_SECRET, PUBLISHABLE, SECRET, signUserToken } from "./edge_environment.ts";

const unreachable = () => Promise.reject(new Error("no database here"));

Deno.test("createFunction() gives `fetch` as an own property and reads nothing before the first request", async () => {
  const read: string[] = [];
  const fn = createFunction({
    slug: "x",
    callers: "secret",
    settings: [],
    bodySchema,
    connect: () => ({
      database: { call: unreachable, readSecret: unreachable },
      identify: () => Promise.resolve({ key_sha256: null, copy_of: null }),
    }),
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
  ["a publishable key", { apikey: PUBLISHABLE }],
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

Deno.test("createFunction() lets a secret key in, also without any publishable key configured", async () => {
  const { fn, calls } = setUp({ variables: { SUPABASE_PUBLISHABLE_KEYS: null } });
  const response = await fn.fetch(post({ apikey: SECRET, prefer: "return=minimal, Respond-Async" }, '{"full":true}'));
  assertEquals(response.status, 200);
  const [call] = calls;
  assertEquals([call?.caller, call?.user_id, call?.respond_async, call?.body], ["secret", null, true, { full: true }]);
  assertEquals(call?.config.api_version, DEFAULT_API_VERSION);
});

Deno.test("the database sees the default secret key, whoever called, and is asked about the project once", async () => {
  const sent: (string | null)[][] = [];
  const own: typeof fetch = (input, init) => {
    const { url, headers } = new Request(input, init);
    sent.push([new URL(url).pathname, headers.get("apikey")]);
    return Promise.resolve(Response.json({ key_sha256: null, copy_of: null }));
  };
  const run = async (call: Call<Body>) => {
    await call.database.call("fb_finish_sync_run", {});
    return { status: 200, body: {} };
  };
  const { fn } = setUp({ callers: "publishable_or_secret", run, fetch: own, connect: connectProject });
  await fn.fetch(post({ apikey: PUBLISHABLE, origin: "https://shop.example" }));
  await fn.fetch(post({ apikey: OTHER_SECRET }));
  assertEquals(sent, [
    ["/rest/v1/rpc/fb_identify_project", SECRET],
    ["/rest/v1/rpc/fb_finish_sync_run", SECRET],
    ["/rest/v1/rpc/fb_finish_sync_run", SECRET],
  ]);
});

const UNUSABLE: [what: string, variables: Record<string, string | null>, names: string[]][] = [
  ["no secret key", { SUPABASE_SECRET_KEYS: null }, ["SUPABASE_SECRET_KEYS"]],
  ["broken JSON of keys", { SUPABASE_SECRET_KEYS: "{", SUPABASE_URL: null }, ["SUPABASE_SECRET_KEYS", "SUPABASE_URL"]],
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

for (const method of ["PUT", "DELETE", "OPTIONS"]) {
  Deno.test(`createFunction() answers ${method} with 405`, async () => {
    const { fn } = setUp();
    const response = await fn.fetch(new Request("http://127.0.0.1/fb-test", { method, headers: { apikey: SECRET } }));
    assertEquals([response.status, response.headers.get("allow")], [405, "GET, POST"]);
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
    "account_ids[1]",
    "account_ids[2]",
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
  const failure = { ...emptyFailure(), action: "throttle_account" } as const;
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
  return {
    ...nothing,
    reason: "x",
    use_case: "any" as const,
    min_throttle_seconds: 0,
    data_index: null,
    words_digest: null,
    usage: [],
  };
}
