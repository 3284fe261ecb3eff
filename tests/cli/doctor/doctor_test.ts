/**
 * The doctor on a healthy installation and on every kind of broken one: what it finds, its exit code, its test event.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkAuth } from "../../../scripts/cli/doctor/auth_checks.ts";
import { checkFunctions } from "../../../scripts/cli/doctor/function_checks.ts";
import { examine } from "../../../scripts/cli/doctor/examine.ts";
import type { Finding, Patient } from "../../../scripts/cli/doctor/finding.ts";
import { checkMeta } from "../../../scripts/cli/doctor/meta_checks.ts";
import { checkPgNet } from "../../../scripts/cli/doctor/pg_net_checks.ts";
import { checkQuality } from "../../../scripts/cli/doctor/quality_checks.ts";
import { connectDatabase } from "../../../scripts/cli/operator/database.ts";
import { repositoryRoot, startPlatform } from "../../../scripts/supabase-local/mod.ts";
import { knownVersions, planAccount, World } from "../../../scripts/meta-emulator/mod.ts";
import { startSuite, sync } from "../../../scripts/dev/testing/suite.ts";
import { metaAds } from "../meta_ads.ts";
import { BREAKAGES } from "./breakages.ts";

const PIXEL = "800000000000001";
const SECRETS = ["emulator-marketing-token", "emulator-capi-token"];

const wrong = (findings: Finding[]) =>
  findings.filter(({ severity }) => severity !== "ok").map(({ check, severity }) => `${severity} ${check}`).sort();

Deno.test("the doctor finds nothing on a healthy installation, and names every problem on a broken one", async (t) => {
  const world = new World({ accounts: [planAccount(0, { account_id: "1001", ads: 6 })], now: new Date() });
  await using suite = await startSuite({ graph: { world }, functionEnv: { META_PIXEL_ID: PIXEL } });
  const { platform, graph } = suite;
  const { sql } = platform;
  world.pixels.add(PIXEL);
  graph.tokens.add("emulator-marketing-token", { name: "marketing", scopes: ["ads_read"] });
  await sql`select vault.create_secret('http://127.0.0.1:9/hook', 'fb_ads_alert_webhook')`;
  await sql.unsafe(await Deno.readTextFile(`${repositoryRoot}/supabase/seed.sql`)).simple();
  await sync(platform, "fb-sync-metadata");
  await sql`update public.ad_ads set url_tags = 'ad_id={{ad.id}}'`;
  await using database = connectDatabase(platform.dbUrl);
  const env = { META_GRAPH_URL: graph.url, META_PIXEL_ID: PIXEL };
  const patient: Patient = { database, env, fetch };

  await t.step("a healthy one", async () => {
    const findings = await examine(patient);
    assertEquals(wrong(findings), []);
    const checks = findings.map(({ check }) => check);
    for (
      const check of [
        "extensions",
        "grants",
        "cron:fb-ads-tick",
        "pg_net:worker",
        "pg_net:queue",
        "pg_net:answers",
        "host:public.transactions",
        "function:capi-event",
        "auth",
        `pixel:${PIXEL}`,
        "api_version",
        "url_tags",
        "match_quality",
      ]
    ) {
      assert(checks.includes(check), check);
    }
  });

  await t.step("the scores that Meta last told", async () => {
    await sql`insert into public.ad_event_quality (date, pixel_id, event_name, composite_score)
      values ('2026-11-02', ${PIXEL}, 'Lead', 3.5), ((now() at time zone 'UTC')::date, ${PIXEL}, 'Lead', 6.0),
        ((now() at time zone 'UTC')::date, ${PIXEL}, 'Purchase', 7.4)`;
    const [finding, ...more] = await checkQuality(patient);
    assertEquals([finding?.check, finding?.severity, more], [`match_quality:${PIXEL}`, "ok", []]);
    assertStringIncludes(finding?.found ?? "", ": Lead 6, Purchase 7.4");
    await sql`delete from public.ad_event_quality where pixel_id = ${PIXEL}`;
  });

  await t.step("--json says so, exit code 0; no secret is in it", async () => {
    const { code, output } = await metaAds(["doctor", "--json"], { ...env, DB_URL: platform.dbUrl });
    assertEquals(code, 0, output);
    assertEquals(JSON.parse(output).ok, true);
    for (const secret of [...SECRETS, platform.secretKey]) assert(!output.includes(secret));
  });

  await t.step("--send-test-event goes all the way", async () => {
    const { code, output } = await metaAds(["doctor", "--send-test-event", "TEST123"], {
      ...env,
      DB_URL: platform.dbUrl,
      SECRET_KEY: platform.secretKey,
    });
    assertEquals(code, 0, output);
    assertStringIncludes(output, `test_event:${PIXEL}: Meta took it.`);
    assertStringIncludes(output, "Test events, with code TEST123");
  });

  for (const { name, sql: statement, mend, token, finds, says } of BREAKAGES) {
    await t.step(name, async () => {
      if (token !== undefined) {
        graph.tokens.add("emulator-marketing-token", { name: "marketing", scopes: ["ads_read"], ...token });
      }
      if (statement !== undefined) await sql.unsafe(statement).simple();
      const findings = await examine(patient);
      assert(wrong(findings).includes(finds), `${finds} is not among ${wrong(findings).join(", ")}`);
      const found = findings.find(({ check, severity }) => finds === `${severity} ${check}`);
      for (const part of [found?.found, found?.cost, found?.remedy]) {
        assert((part ?? "").length > 5, JSON.stringify(found));
      }
      if (says !== undefined) assertStringIncludes(JSON.stringify(found), says);
      graph.tokens.add("emulator-marketing-token", { name: "marketing", scopes: ["ads_read"] });
      if (mend !== undefined) await sql.unsafe(mend).simple();
    });
  }

  await t.step(
    "a token near its end, a warned version and a function that is not there, as their answers tell",
    async () => {
      graph.tokens.add(graph.token, {
        name: "marketing",
        scopes: ["ads_read"],
        expires_at: graph.clock.now() + 10 * 86_400_000,
      });
      const answered = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
        const path = new URL(String(input)).pathname;
        if (path.endsWith("/capi-event")) {
          return Promise.resolve(
            Response.json({ message: "not found" }, { status: 404 }),
          );
        }
        if (path.endsWith("/act_1001")) {
          return Promise.resolve(
            Response.json({ id: "act_1001" }, { headers: { "x-ad-api-version-warning": "v26.0 ends soon" } }),
          );
        }
        return fetch(input, init);
      };
      const asked: Patient = { ...patient, fetch: answered };
      const findings = [...await checkMeta(asked), ...await checkFunctions(asked)];
      for (
        const expected of [
          "warning expiry:meta_marketing_api_token",
          "warning api_version",
          "error function:capi-event",
        ]
      ) {
        assert(wrong(findings).includes(expected), `${expected} is not among ${wrong(findings).join(", ")}`);
      }
      graph.tokens.add(graph.token, { name: "marketing", scopes: ["ads_read"] });
    },
  );

  await t.step("an Auth that signs with the legacy secret, and one that is not there", async () => {
    const answered = (answer: () => Response): typeof fetch => (input, init) =>
      new URL(String(input)).pathname.startsWith("/auth/v1/") ? Promise.resolve(answer()) : fetch(input, init);
    const legacy = await checkAuth({ ...patient, fetch: answered(() => Response.json({ keys: [] })) });
    assertEquals(wrong(legacy), ["warning auth"]);
    assertStringIncludes(String(legacy[0]?.found), "legacy JWT secret");
    const away = await checkAuth({ ...patient, fetch: answered(() => new Response("<html>", { status: 502 })) });
    assertEquals(wrong(away), ["warning auth"]);
    assertStringIncludes(String(away[0]?.found), "did not give Auth's public keys");
  });

  await t.step("a token of which Meta does not say when it ends", async () => {
    for (const action of [{ kind: "null_entry" }, { kind: "body", body: { data: { is_valid: true } } }] as const) {
      const id = graph.faults.add({ match: { route: "debug_token", batched: true }, action });
      assertEquals(wrong(await checkMeta(patient)), [
        "warning expiry:meta_capi_access_token",
        "warning expiry:meta_marketing_api_token",
      ]);
      graph.faults.remove(id);
    }
  });

  await t.step("a version that is dead for the Marketing API, though the tokens still live under it", async () => {
    graph.settings.versions = [{ name: "v97.0", marketing_until: "2000-01-01", graph_until: null }];
    const findings = await checkMeta({ ...patient, env: { ...env, META_API_VERSION: "v97.0" } });
    assertEquals(wrong(findings), ["error api_version"]);
    graph.settings.versions = knownVersions();
  });

  await t.step("a pixel whose token is dead or could not be asked about is the token's finding", async () => {
    graph.tokens.add("emulator-capi-token", { name: "capi", dead: "190/463" });
    const dead = (await checkMeta(patient)).filter(({ severity }) => severity !== "ok").map(({ check }) => check);
    assertEquals(dead, ["token:meta_capi_access_token"]);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const away: Patient = { ...patient, env: { ...env, META_GRAPH_URL: `http://127.0.0.1:${port}` } };
    const findings = await checkMeta(away);
    assertEquals(wrong(findings), ["warning token:meta_capi_access_token", "warning token:meta_marketing_api_token"]);
    for (const { found } of findings) {
      assertEquals(found, `Meta could not be asked: 127.0.0.1:${port} cannot be reached: nothing listens there.`);
    }
    graph.tokens.add("emulator-capi-token", { name: "capi" });
  });

  await t.step("a stopped worker of pg_net is told from one that does not say", async () => {
    for (
      const [told, severity] of [["the pg_net background worker is not up", "error"], [
        "no such function",
        "ok",
      ]] as const
    ) {
      const query = (text: string) =>
        text.includes("check_worker_is_up") ? Promise.reject(new Error(told)) : database.query(text);
      const findings = await checkPgNet({ ...patient, database: { ...database, query } });
      assertEquals(findings[0]?.severity, severity);
    }
  });

  await t.step("exit code 1 where something is being lost", async () => {
    const { code, output } = await metaAds(["doctor"], { ...env, DB_URL: platform.dbUrl });
    assertEquals(code, 1);
    assertStringIncludes(output, "ERROR    function (4): It does not take the key");
    assertStringIncludes(output, "to mend: ");
  });
});

Deno.test("the doctor says so when the database cannot be reached, or the suite is not there", async (t) => {
  await t.step("no database", async () => {
    const { code, output } = await metaAds(["doctor", "--json"], {
      DB_URL: "postgresql://postgres:hidden@127.0.0.1:1/postgres",
    });
    assertEquals(code, 1);
    const [finding] = JSON.parse(output).findings;
    assertEquals([finding.check, finding.severity], ["database", "error"]);
    assertEquals(output.includes("hidden"), false);
  });

  await t.step("no suite", async () => {
    await using platform = await startPlatform({ migrations: false, schedule: false });
    await using database = connectDatabase(platform.dbUrl);
    const findings = await examine({ database, env: {}, fetch });
    assertEquals(wrong(findings), ["error installed"]);
  });

  await t.step("no such option", async () => {
    assertEquals((await metaAds(["doctor", "--what"])).code, 2);
  });
});
