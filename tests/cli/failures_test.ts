/**
 * What `meta-ads` says when it cannot do its work: without a log-in, without a network, without the suite, with a wrong
 * key, or where it may not write. Each message says who refused and why, and none is a stack trace.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { requestBackfill } from "../../scripts/cli/backfill/request.ts";
import { sendTestEvent } from "../../scripts/cli/doctor/test_event.ts";
import { CommandError } from "../../scripts/cli/command_errors.ts";
import { installInto } from "../../scripts/cli/installer/install.ts";
import { connectDatabase, type OperatorDatabase } from "../../scripts/cli/operator/database.ts";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";
import { makeHost } from "./install/fixtures/host.ts";
import { metaAds, type Outcome } from "./meta_ads.ts";

const REF = "abcdefghijklmnopqrst";

function assertFailed({ code, stdout, stderr }: Outcome, told: string): void {
  assertEquals(code, 1, `${stdout}${stderr}`);
  assertStringIncludes(stderr, told);
  assert(!/^\s+at /m.test(stderr), stderr);
  // An option of the CLI's own.
  assert(!stderr.includes("--debug"), stderr);
}

/** The verbs that need a hosted project, as they are typed for one. */
const hosted = (path: string): string[][] =>
  [
    ["deploy", "--path", path],
    ["doctor", "--json"],
    ["backfill", "--since", "2026-08-01"],
    ["report"],
    ["uninstall", "--yes"],
  ].map((words) => [...words, "--project-ref", REF]);

Deno.test("a hosted project is not reached without a log-in, and without a network: host and cause are told", async (t) => {
  await using host = await makeHost();
  await installInto(host.path);
  const home = await Deno.makeTempDir();
  try {
    for (const words of hosted(host.path)) {
      await t.step(`${words[0]} without a log-in`, async () => {
        const outcome = await metaAds(words, { HOME: home });
        const { stdout, stderr } = outcome;
        assertFailed({ ...outcome, stderr: words.includes("--json") ? stdout : stderr }, "supabase login");
      });
    }
    // A port on which nothing listens any more.
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const api = `127.0.0.1:${port}`;
    const profile = `${home}/profile.yaml`;
    await Deno.writeTextFile(
      profile,
      ["api_url", "dashboard_url", "docs_url"].map((name) => `${name}: http://${api}\n`).join("") +
        "name: loopback\nproject_host: loopback.test\n",
    );
    const env = { HOME: home, SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}`, SUPABASE_PROFILE: profile };
    for (const words of hosted(host.path)) {
      await t.step(`${words[0]} without a network`, async () => {
        const outcome = await metaAds(words, env);
        const { stdout, stderr } = outcome;
        assertFailed(
          { ...outcome, stderr: words.includes("--json") ? stdout : stderr },
          `${api} cannot be reached: nothing listens there.`,
        );
        assert(!/Transport ?error/i.test(outcome.output), outcome.output);
      });
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("a server that cuts each connection is given up, and its place is named", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const cutting = (async () => {
    for await (const connection of listener) connection.close();
  })();
  const { port } = listener.addr;
  try {
    await using database = connectDatabase(`postgresql://postgres@127.0.0.1:${port}/postgres`, { answer_ms: 300 });
    await assertRejects(
      () => database.query("select 1 as one"),
      CommandError,
      `127.0.0.1:${port} cannot be reached: what listens there does not answer as PostgreSQL does.`,
    );
  } finally {
    listener.close();
    await cutting;
  }
});

Deno.test("a database without the suite is called so", async () => {
  await using platform = await startPlatform({ migrations: false, schedule: false });
  const env = { DB_URL: platform.dbUrl, SECRET_KEY: platform.secretKey };
  for (const words of [["report"], ["backfill", "--since", "2026-08-01"]]) {
    assertFailed(await metaAds(words, env), "does not exist\nIs the suite installed there");
  }
  assertFailed(await metaAds(["uninstall", "--yes"], env), "the suite is not installed here");
  const doctor = await metaAds(["doctor"], env);
  assertEquals(doctor.code, 1);
  assertMatch(doctor.stdout, /The suite's tables are not there\.[^]*\n2 checks: 1 ok, 0 warnings, 1 error\n$/);
});

Deno.test("a secret key that a function does not take is named, and its answer is not repeated", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    () => Response.json({ error: { code: "unauthorized", message: "No.", request_id: "r" } }, { status: 401 }),
  );
  try {
    const url = `http://127.0.0.1:${server.addr.port}/functions/v1`;
    await assertRejects(
      () => requestBackfill({ url, key: "sb_secret_wrong" }, { since: "2026-08-01" }),
      CommandError,
      "fb-sync-insights does not take this secret key. See SECRET_KEY in the environment.",
    );
    const vault = [
      { name: "fb_ads_project_url", value: `http://127.0.0.1:${server.addr.port}` },
      { name: "fb_ads_function_key", value: "fb_ads_key" },
    ];
    const database: OperatorDatabase = {
      name: "a database",
      ref: null,
      query: () => Promise.resolve(vault),
      sql: () => Promise.reject(new Error("not asked")),
      execute: () => Promise.resolve(),
      storeSecret: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const [finding] = await sendTestEvent({ database, env: {}, fetch }, "sb_secret_wrong", null);
    assertEquals(finding?.found, "capi-event does not take this secret key.");
  } finally {
    await server.shutdown();
  }
});

Deno.test("a file that cannot be written is named", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/taken`, "");
    const outcome = await metaAds(["browser-client", `${folder}/taken`]);
    assertFailed(outcome, `${folder}/taken: file already exists\n`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
