/**
 * What a function can and cannot do on the platform, and what becomes of its workers. The fixture project's function
 * `probe` does what it is asked for.
 *
 * @module
 */

import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { startPlatform } from "../mod.ts";
import { ask } from "./fixtures/probe.ts";
import { fixtureProject, startRecorder } from "./fixtures/recorder.ts";
import { until } from "../waiting.ts";

Deno.test("a function runs as on a hosted project", async (t) => {
  await using graph = startRecorder();
  await using platform = await startPlatform({
    projectRoot: fixtureProject,
    schedule: false,
    graphUrl: graph.url,
    functionEnv: { FB_ADS_DEFAULT_COUNTRY: "ID" },
  });

  await t.step("a function sees the platform's variables and its own secrets, and no other variable", async () => {
    Deno.env.set("PLATFORM_TEST_VARIABLE", "not for functions");
    assertEquals(platform.functionProcess("probe"), null, "nothing boots before the first request");
    assertEquals(await ask(platform, { do: "variables" }), [
      "FB_ADS_DEFAULT_COUNTRY",
      "META_GRAPH_URL",
      "SB_EXECUTION_ID",
      "SB_REGION",
      "SUPABASE_JWKS",
      "SUPABASE_PUBLISHABLE_KEYS",
      "SUPABASE_SECRET_KEYS",
      "SUPABASE_URL",
    ]);
    assertEquals(await ask(platform, { do: "variable", of: "SUPABASE_URL" }), platform.apiUrl);
    assertEquals(await ask(platform, { do: "variable", of: "FB_ADS_DEFAULT_COUNTRY" }), "ID");
    assertEquals(await ask(platform, { do: "variable", of: "PLATFORM_TEST_VARIABLE" }), null);
    assertEquals(await ask(platform, { do: "variable", of: "HOME" }), null);
  });

  await t.step("a function opens no file outside its folder, writes none and starts no program", async () => {
    const refused = "refused: NotCapable";
    assertEquals(await ask(platform, { do: "read", of: "/etc/passwd" }), refused);
    assertEquals(await ask(platform, { do: "read", of: `${fixtureProject}/supabase/config.toml` }), refused);
    assertEquals(await ask(platform, { do: "write", of: `${fixtureProject}/supabase/functions/probe/new` }), refused);
    assertEquals(await ask(platform, { do: "run", of: "/bin/sh" }), refused);
  });

  await t.step("a function reaches the gateway and the Graph host, and no other host or port", async () => {
    assertEquals(await ask(platform, { do: "fetch", of: `${graph.url}/` }), "allowed: 200");
    assertEquals(await ask(platform, { do: "fetch", of: `${platform.apiUrl}/rest/v1/` }), "allowed: 401");
    const database = new URL(platform.dbUrl).port;
    assertEquals(await ask(platform, { do: "fetch", of: `http://127.0.0.1:${database}/` }), "refused: NotCapable");
    assertEquals(await ask(platform, { do: "fetch", of: "http://192.0.2.1/" }), "refused: NotCapable");
    assertEquals(await ask(platform, { do: "fetch", of: "https://example.com/" }), "refused: NotCapable");
  });

  await t.step("`EdgeRuntime.waitUntil` lets work go on after the answer", async () => {
    await ask(platform, { do: "count" });
    assertEquals(await ask(platform, { do: "background", of: "later", milliseconds: 1_500 }), "accepted");
    assertEquals([...await platform.sql`select body from public.note`], []);
    await until(
      "the work in the background is done",
      async () => (await platform.sql`select from public.note where body = 'later'`).length === 1,
    );
  });

  await t.step("a function works with the real client libraries against the real Data API", async () => {
    await platform.sql`truncate public.note restart identity`;
    assertEquals(await ask(platform, { do: "rpc", of: "through supabase-js" }), 1);
    assertEquals(await ask(platform, { do: "authenticate" }), true);
    assertEquals([...await platform.sql`select body from public.note`], [{ body: "through supabase-js" }]);
  });

  await t.step("a killed worker is gone at once, its caller gets 500, and the next request boots another", async () => {
    await platform.killFunction("probe");
    assertEquals(platform.functionProcess("probe"), null);
    assertEquals(await ask(platform, { do: "count" }), 1);
    const { pid } = platform.functionProcess("probe") ?? { pid: 0 };
    const underWay = platform.invoke("probe", { do: "wait", milliseconds: 60_000 });
    await ask(platform, { do: "count" });
    await platform.killFunction("probe");
    assertEquals(platform.functionProcess("probe"), null);
    assertEquals((await underWay).status, 500);
    assertEquals((await (await underWay).json()).code, "WORKER_ERROR");
    assertEquals(await ask(platform, { do: "count" }), 1);
    assertNotEquals(platform.functionProcess("probe")?.pid, pid);
  });

  await t.step("requests that find a dead worker at the same time share one new worker", async () => {
    for (let round = 0; round < 3; round++) {
      await ask(platform, { do: "count" });
      const { pid } = platform.functionProcess("probe") ?? { pid: 0 };
      Deno.kill(pid, "SIGKILL");
      const responses = await Promise.all(Array.from({ length: 8 }, () => platform.invoke("probe", { do: "count" })));
      const counts = await Promise.all(responses.map(async (response) => (await response.json()).answer));
      const answered = counts.filter((count) => count !== undefined).toSorted();
      assertEquals(answered, answered.map((_, index) => index + 1), "one worker counted them all");
      await platform.killFunction("probe");
    }
  });

  await t.step(
    "a function that does not boot answers 503 and says why in its log; an unknown one answers 404",
    async () => {
      const broken = await platform.invoke("broken");
      assertEquals(broken.status, 503);
      assertEquals((await broken.json()).code, "BOOT_ERROR");
      assertMatch(platform.functionLogs("broken").join("\n"), /SyntaxError/);
      const unknown = await platform.invoke("nothing");
      assertEquals([unknown.status, (await unknown.json()).code], [404, "NOT_FOUND"]);
    },
  );

  await t.step("a function that asks for tokens lets in a user's token or a key, and nothing else", async () => {
    const url = `${platform.functionsUrl}/guarded`;
    const status = async (headers: Record<string, string>) => {
      const response = await fetch(url, { method: "POST", headers });
      await response.body?.cancel();
      return response.status;
    };
    assertEquals(await status({}), 401);
    assertEquals(await status({ authorization: "Bearer nonsense" }), 401);
    assertEquals(await status({ authorization: `Bearer ${await platform.userToken({ expiresInSeconds: -60 })}` }), 401);
    assertEquals(await status({ authorization: `Bearer ${await platform.userToken()}` }), 200);
    assertEquals(await status({ apikey: platform.publishableKey }), 200);
  });

  await t.step("a function sees its path, the caller's address and headers", async () => {
    const response = await fetch(`${platform.functionsUrl}/probe/more?of=this`, {
      method: "POST",
      headers: { "x-forwarded-for": "203.0.113.7", "cf-connecting-ip": "203.0.113.8", origin: "https://shop.example" },
      body: JSON.stringify({ do: "request" }),
    });
    const { answer: { path, headers } } = await response.json();
    assertEquals(path, "/probe/more");
    assertEquals(headers["x-forwarded-for"], "203.0.113.7, 127.0.0.1", "what the caller says stands first");
    assertEquals(
      headers["cf-connecting-ip"],
      "127.0.0.1",
      "whom the connection comes from is not the caller's to choose",
    );
    assertEquals(headers.origin, "https://shop.example");
  });
});
