/**
 * The doctor on a healthy installation and on every kind of broken one: what it finds, its exit code, its test event.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkFunctions } from "../../../scripts/cli/doctor/function_checks.ts";
import { examine } from "../../../scripts/cli/doctor/examine.ts";
import type { Finding, Patient } from "../../../scripts/cli/doctor/finding.ts";
import { checkMeta } from "../../../scripts/cli/doctor/meta_checks.ts";
import { connectDatabase } from "../../../scripts/cli/operator/database.ts";
import { repositoryRoot, startPlatform } from "../../../scripts/supabase-local/mod.ts";
import { planAccount, World } from "../../../scripts/meta-emulator/mod.ts";
import { startSuite, sync } from "../../../scripts/dev/testing/suite.ts";

const PIXEL = "800000000000001";
const SECRETS = ["emulator-marketing-token", "emulator-capi-token"];

async function runDoctor(args: string[], env: Record<string, string>) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/cli/doctor.ts", ...args],
    cwd: repositoryRoot,
    env,
    stdin: "null",
  }).output();
  return { code, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

const wrong = (findings: Finding[]) =>
  findings.filter(({ severity }) => severity !== "ok").map(({ check, severity }) => `${severity} ${check}`).sort();

/** What a check must find, after something was broken. */
interface Breakage {
  name: string;
  sql?: string;
  mend?: string;
  token?: Record<string, unknown>;
  finds: string;
  says?: string;
}

const BREAKAGES: Breakage[] = [
  {
    name: "a token that Meta refuses",
    token: { dead: "190/463" },
    finds: "error token:meta_marketing_api_token",
    says: "token_expired",
  },
  {
    name: "a token that may change ads",
    token: { scopes: ["ads_read", "ads_management"] },
    finds: "warning scopes:meta_marketing_api_token",
  },
  {
    name: "a token that may not read ads",
    token: { scopes: ["email"] },
    finds: "error scopes:meta_marketing_api_token",
  },
  { name: "an account taken from the token", token: { accounts: [] }, finds: "error account:1001" },
  {
    name: "a live ad that does not name itself",
    sql:
      "update public.ad_ads set url_tags = 'utm_source=facebook' where id = (select id from public.ad_ads where effective_status = 'ACTIVE' limit 1)",
    mend: "update public.ad_ads set url_tags = 'ad_id={{ad.id}}'",
    finds: "warning url_tags",
    says: "ad_id={{ad.id}}",
  },
  {
    name: "a cron job whose last run failed",
    sql:
      `insert into cron.job_run_details (jobid, runid, database, username, command, status, return_message, start_time)
      select jobid, 1000000, 'postgres', 'postgres', command, 'failed', 'ERROR: the Vault secret is missing', now() from cron.job where jobname = 'fb-sync-insights'`,
    mend: "delete from cron.job_run_details where runid = 1000000",
    finds: "error cron:fb-sync-insights",
    says: "the Vault secret is missing",
  },
  {
    name: "a grant that nobody should have",
    sql: "grant select on fb_ads.settings to anon",
    mend: "revoke select on fb_ads.settings from anon",
    finds: "error grants",
    says: "anon may read fb_ads.settings",
  },
  {
    name: "a large host table without the index that its sweep wants",
    sql:
      "drop index public.transactions_completed_at_idx; update pg_class set reltuples = 50000 where oid = 'public.transactions'::regclass",
    mend: "create index transactions_completed_at_idx on public.transactions (completed_at)",
    finds: "warning host:public.transactions",
    says: "create index concurrently on public.transactions (completed_at);",
  },
  {
    name: "a trouble that is an alert",
    sql:
      "insert into fb_ads.pixels (pixel_id, state, blocked_at, reason) values ('4711', 'blocked', now(), 'token_dead')",
    mend: "delete from fb_ads.pixels where pixel_id = '4711'",
    finds: "error alert:pixel_blocked:4711",
  },
  {
    name: "a key that the functions do not take",
    sql:
      "select vault.update_secret(id, 'fb_ads_of_another_project_0123456789') from vault.secrets where name = 'fb_ads_function_key'",
    finds: "error function:capi-event",
    says: "does not take the key",
  },
];

Deno.test("the doctor finds nothing on a healthy installation, and names every trouble on a broken one", async (t) => {
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
        "host:public.transactions",
        "function:capi-event",
        `pixel:${PIXEL}`,
        "api_version",
        "url_tags",
      ]
    ) {
      assert(checks.includes(check), check);
    }
  });

  await t.step("--json says so, exit code 0; no secret is in it", async () => {
    const { code, output } = await runDoctor(["--json", "--db-url", platform.dbUrl], env);
    assertEquals(code, 0, output);
    assertEquals(JSON.parse(output).ok, true);
    for (const secret of [...SECRETS, platform.secretKey]) assert(!output.includes(secret));
  });

  await t.step("--send-test-event goes all the way", async () => {
    const { code, output } = await runDoctor(["--send-test-event", "TEST123", "--db-url", platform.dbUrl], {
      ...env,
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
      const soon = Math.floor(Date.now() / 1000) + 10 * 86_400;
      const answered = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
        const path = new URL(String(input)).pathname;
        if (path.endsWith("/debug_token")) {
          return Promise.resolve(
            Response.json({ data: { is_valid: true, expires_at: soon, scopes: [] } }),
          );
        }
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
    },
  );

  await t.step("exit code 1 where something is being lost", async () => {
    const { code, output } = await runDoctor(["--db-url", platform.dbUrl], env);
    assertEquals(code, 1);
    assertStringIncludes(output, "ERROR    function:capi-event");
    assertStringIncludes(output, "to mend: ");
  });
});

Deno.test("the doctor says so when the database cannot be reached, or the suite is not there", async (t) => {
  await t.step("no database", async () => {
    const { code, output } = await runDoctor([
      "--json",
      "--db-url",
      "postgresql://postgres:hidden@127.0.0.1:1/postgres",
    ], {});
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
    assertEquals((await runDoctor(["--what"], {})).code, 2);
  });
});
