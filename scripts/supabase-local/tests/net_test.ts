/**
 * pg_net as the migrations and functions meet it: the same claims hold for the real extension and for the stand-in.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Platform, type Sql, startPlatform } from "../mod.ts";
import { startRecorder } from "./fixtures/recorder.ts";
import { until } from "../../dev/testing/waiting.ts";

interface ResponseRow {
  id: string;
  status_code: number | null;
  content_type: string | null;
  headers: Record<string, string> | null;
  content: string | null;
  timed_out: boolean;
  error_msg: string | null;
}

function start(): Promise<Platform> {
  return startPlatform({ migrations: false, schedule: false });
}

async function responseOf(sql: Sql, id: string): Promise<ResponseRow> {
  let found: ResponseRow | undefined;
  await until(`request ${id} is answered`, async () => {
    [found] = await sql<ResponseRow[]>`
      select id, status_code, content_type, headers, content, timed_out, error_msg
      from net._http_response where id = ${id}`;
    return found !== undefined;
  });
  if (!found) throw new Error(`no response ${id}`);
  return found;
}

async function post(sql: Sql, url: string, more: { body?: object; headers?: object; timeout?: number } = {}) {
  const [row] = await sql<{ id: string }[]>`
    select net.http_post(
      url => ${url}, body => ${sql.json({ ...more.body })},
      headers => ${sql.json({ ...(more.headers ?? { "Content-Type": "application/json" }) })},
      timeout_milliseconds => ${more.timeout ?? 5000}
    ) as id`;
  return row?.id ?? "";
}

Deno.test("`net.http_post` sends the body as jsonb text, with pg_net's headers, and keeps the answer", async () => {
  await using recorder = startRecorder(() => new Response("fine", { headers: { "X-Odd-Name": "kept" } }));
  await using platform = await start();
  const [row] = await platform.sql<{ id: string }[]>`
    select net.http_post(
      ${recorder.url + "/in?a=1"}, '{"b":2,"a":"é"}', '{"q":"x y&z"}', '{"apikey":"k","n":5,"gone":null}'
    ) as id`;
  const response = await responseOf(platform.sql, row?.id ?? "");
  assertEquals(response.status_code, 200);
  assertEquals(response.content, "fine");
  assertEquals(response.timed_out, false);
  assertEquals(response.error_msg, null);
  assertEquals(response.headers?.["x-odd-name"] ?? response.headers?.["X-Odd-Name"], "kept");
  const [request] = recorder.requests;
  assertEquals(request?.method, "POST");
  assertEquals(request?.path, "/in?a=1&q=x%20y%26z");
  assertEquals(request?.body, '{"a": "é", "b": 2}');
  assertEquals(request?.headers.apikey, "k");
  assertEquals(request?.headers.n, "5");
  assertEquals(request?.headers.gone, undefined);
  assertEquals(request?.headers["content-type"], "application/json");
  assertEquals(request?.headers.accept, "*/*");
  assertMatch(request?.headers["user-agent"] ?? "", /^pg_net\//);
});

Deno.test("`net.http_post` sends at commit, once a transaction, and nothing after a rollback", async () => {
  await using recorder = startRecorder();
  await using platform = await start();
  await platform.sql.begin(async (transaction) => {
    await transaction`select net.http_post(${recorder.url + "/rolled-back"})`;
    await transaction`select pg_sleep(0.3)`;
    throw new Error("rolled back");
  }).catch(() => undefined);
  await platform.sql.begin(async (transaction) => {
    await transaction`select net.http_post(${recorder.url + "/committed"})`;
    await transaction`select pg_sleep(0.5)`;
    assertEquals(recorder.requests, []);
  });
  await until("the request came", () => recorder.requests.length > 0);
  assertEquals(recorder.requests.map(({ path }) => path), ["/committed"]);
  // The worker sends before it commits that it has taken the request.
  await until("the queue is empty", async () => (await platform.sql`select from net.http_request_queue`).length === 0);
});

Deno.test("`net.http_post` raises at once for what pg_net refuses at once", async () => {
  await using platform = await start();
  const { sql } = platform;
  const code = async (query: Promise<unknown>) => {
    const error = await assertRejects(() => query);
    return error instanceof Error && "code" in error ? error.code : null;
  };
  assertEquals(await code(sql`select net.http_post(null)`), "23502");
  assertEquals(await code(sql`select net.http_post('127.0.0.1/x')`), "XX000");
  assertEquals(await code(sql`select net.http_post('//127.0.0.1/x')`), "XX000");
  const odd = sql.json({ "Content-Type": "application/json; charset=utf-8" });
  assertEquals(await code(sql`select net.http_post('http://127.0.0.1/', headers => ${odd})`), "P0001");
  assertEquals(
    await code(sql`
      insert into net.http_request_queue (method, url, timeout_milliseconds) values ('PUT', 'http://x', 1)`),
    "23514",
  );
});

Deno.test("failures are rows with curl's messages, and no status", async () => {
  const closing = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    for await (const connection of closing) connection.close();
  })();
  await using slow = startRecorder(async () => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    return new Response();
  });
  await using platform = await start();
  const { sql } = platform;
  const ids = {
    refused: await post(sql, "http://127.0.0.1:1/"),
    closed: await post(sql, `http://127.0.0.1:${closing.addr.port}/`),
    scheme: await post(sql, "ftp://127.0.0.1/"),
    slow: await post(sql, slow.url, { timeout: 200 }),
  };
  assertEquals((await responseOf(sql, ids.refused)).error_msg, "Couldn't connect to server");
  assertEquals((await responseOf(sql, ids.closed)).error_msg, "Server returned nothing (no headers, no data)");
  assertEquals((await responseOf(sql, ids.scheme)).error_msg, "Unsupported protocol");
  const timedOut = await responseOf(sql, ids.slow);
  assertEquals(timedOut.timed_out, true);
  assertEquals(timedOut.status_code, null);
  assertMatch(timedOut.error_msg ?? "", /^Timeout of 200 ms reached\. Total time: /);
  closing.close();
});

Deno.test("an HTTP error is an answer, an empty body is null, and a text ends at its first NUL", async () => {
  await using recorder = startRecorder(({ path }) =>
    path === "/nul" ? new Response("before\0after") : new Response(null, { status: 500 })
  );
  await using platform = await start();
  const failed = await responseOf(platform.sql, await post(platform.sql, `${recorder.url}/failed`));
  assertEquals([failed.status_code, failed.content, failed.error_msg], [500, null, null]);
  assertEquals((await responseOf(platform.sql, await post(platform.sql, `${recorder.url}/nul`))).content, "before");
});

Deno.test("redirects are followed with the headers: 302 becomes a GET, 307 keeps method and body", async () => {
  await using recorder = startRecorder(({ path }) => {
    if (path === "/302") return new Response(null, { status: 302, headers: { location: "/after-302" } });
    if (path === "/307") return new Response(null, { status: 307, headers: { location: "/after-307" } });
    return new Response("arrived");
  });
  await using platform = await start();
  const headers = { apikey: "carried", "Content-Type": "application/json" };
  for (const path of ["/302", "/307"]) {
    const id = await post(platform.sql, recorder.url + path, { body: { a: 1 }, headers });
    assertEquals((await responseOf(platform.sql, id)).content, "arrived");
  }
  const arrived = recorder.requests.filter(({ path }) => path.startsWith("/after"));
  assertEquals(arrived.map(({ method, path, body }) => [method, path, body]), [
    ["GET", "/after-302", ""],
    ["POST", "/after-307", '{"a": 1}'],
  ]);
  assertEquals(arrived.map((request) => request.headers.apikey), ["carried", "carried"]);
});

Deno.test("a slow request holds up what is queued after it, and a batch's answers appear together", async () => {
  await using recorder = startRecorder(async ({ path }) => {
    if (path === "/slow") await new Promise((resolve) => setTimeout(resolve, 1_500));
    return new Response();
  });
  await using platform = await start();
  const { sql } = platform;
  const [slow = "", beside = ""] = await sql.begin(async (transaction) => {
    const ids = [];
    for (const path of ["/slow", "/beside"]) {
      const [row] = await transaction<{ id: string }[]>`select net.http_post(${recorder.url + path}) as id`;
      ids.push(row?.id ?? "");
    }
    return ids;
  });
  await until("both requests came", () => recorder.requests.length === 2);
  const later = await post(sql, `${recorder.url}/later`);
  assertEquals((await sql`select from net._http_response`).length, 0, "the fast one's answer is not visible yet");
  await responseOf(sql, slow);
  assertEquals((await sql`select from net._http_response where id = ${beside}`).length, 1, "both at once");
  await responseOf(sql, later);
  const at = (path: string) => recorder.requests.find((request) => request.path === path)?.at ?? 0;
  assert(at("/later") - at("/slow") > 1_500, "it waited for the slow one");
});

Deno.test("a batch has 200 requests, and a second lies between two", async () => {
  await using recorder = startRecorder();
  await using platform = await start();
  await platform.sql`select count(net.http_get(${recorder.url} || '/' || n)) from generate_series(1, 450) as n`;
  await until("all 450 requests came", () => recorder.requests.length === 450);
  const times = recorder.requests.map(({ at }) => at);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  const pauses = gaps.flatMap((gap, index) => gap > 700 ? [index + 1] : []);
  assertEquals(pauses, [200, 400]);
});

Deno.test("every role may post, read and delete what is in schema net, and its tables are unlogged", async () => {
  await using platform = await start();
  const { sql } = platform;
  await sql.begin(async (transaction) => {
    await transaction`set local role anon`;
    await transaction`select net.http_get('http://127.0.0.1:1/')`;
    await transaction`select * from net._http_response`;
    await transaction`delete from net.http_request_queue`;
  });
  const tables = await sql`
    select relname::text, relpersistence::text from pg_class
    where relnamespace = 'net'::regnamespace and relkind = 'r' order by relname`;
  assertEquals([...tables], [
    { relname: "_http_response", relpersistence: "u" },
    { relname: "http_request_queue", relpersistence: "u" },
  ]);
});

Deno.test("the functions of schema net have pg_net's arguments and defaults", async () => {
  await using platform = await start();
  const rows = await platform.sql<{ arguments: string }[]>`
    select proname || '(' || pg_get_function_arguments(oid) || ')' as arguments from pg_proc
    where pronamespace = 'net'::regnamespace and proname in ('http_get', 'http_post', 'http_delete') order by proname`;
  assertEquals(rows.map((row) => row.arguments), [
    "http_delete(url text, params jsonb DEFAULT '{}'::jsonb, headers jsonb DEFAULT '{}'::jsonb, " +
    "timeout_milliseconds integer DEFAULT 5000, body jsonb DEFAULT NULL::jsonb)",
    "http_get(url text, params jsonb DEFAULT '{}'::jsonb, headers jsonb DEFAULT '{}'::jsonb, " +
    "timeout_milliseconds integer DEFAULT 5000)",
    "http_post(url text, body jsonb DEFAULT '{}'::jsonb, params jsonb DEFAULT '{}'::jsonb, " +
    `headers jsonb DEFAULT '{"Content-Type": "application/json"}'::jsonb, timeout_milliseconds integer DEFAULT 5000)`,
  ]);
});
