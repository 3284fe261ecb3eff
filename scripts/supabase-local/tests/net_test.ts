/**
 * pg_net as the migrations and functions meet it: the same claims hold for the real extension and for the stand-in.
 *
 * @module
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { startPlatform } from "../mod.ts";
import { post, responseOf } from "./fixtures/net_requests.ts";
import { startRecorder } from "./fixtures/recorder.ts";
import { until } from "../waiting.ts";

Deno.test("what the database asks pg_net for is sent, and its answer kept", async (t) => {
  await using platform = await startPlatform({ migrations: false, schedule: false });

  await t.step(
    "`net.http_post` sends the body as jsonb text, with pg_net's headers, and keeps the answer",
    async () => {
      await using recorder = startRecorder(() => new Response("fine", { headers: { "X-Odd-Name": "kept" } }));
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
    },
  );

  await t.step("`net.http_post` sends at commit, once a transaction, and nothing after a rollback", async () => {
    await using recorder = startRecorder();
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
    await until(
      "the queue is empty",
      async () => (await platform.sql`select from net.http_request_queue`).length === 0,
    );
  });

  await t.step("`net.http_post` raises at once for what pg_net refuses at once", async () => {
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

  await t.step("failures are rows with curl's messages, and no status", async () => {
    const closing = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    (async () => {
      for await (const connection of closing) connection.close();
    })();
    await using slow = startRecorder(async () => {
      await new Promise((resolve) => setTimeout(resolve, 700));
      return new Response();
    });
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

  await t.step("an HTTP error is an answer, an empty body is null, and a text ends at its first NUL", async () => {
    await using recorder = startRecorder(({ path }) =>
      path === "/nul" ? new Response("before\0after") : new Response(null, { status: 500 })
    );
    const failed = await responseOf(platform.sql, await post(platform.sql, `${recorder.url}/failed`));
    assertEquals([failed.status_code, failed.content, failed.error_msg], [500, null, null]);
    assertEquals((await responseOf(platform.sql, await post(platform.sql, `${recorder.url}/nul`))).content, "before");
  });

  await t.step("redirects are followed with the headers: 302 becomes a GET, 307 keeps method and body", async () => {
    await using recorder = startRecorder(({ path }) => {
      if (path === "/302") return new Response(null, { status: 302, headers: { location: "/after-302" } });
      if (path === "/307") return new Response(null, { status: 307, headers: { location: "/after-307" } });
      return new Response("arrived");
    });
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

  await t.step("every role may post, read and delete what is in schema net, and its tables are unlogged", async () => {
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

  await t.step("the functions of schema net have pg_net's arguments and defaults", async () => {
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
});
