/**
 * The key of the schedule from Vault to the function, on a whole platform: what the database sends opens nothing else,
 * a new key is taken up, and a copy of another project works for neither.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { connectProject } from "../../shared/database/project.ts";
import { createFunction } from "../../shared/edge/serve.ts";
import { SYNC_SETTINGS } from "../../shared/queue/invocation.ts";
import { BodySchema, handleSyncMetadata } from "../../supabase/functions/fb-sync-metadata/handler.ts";
import type { Platform } from "../../scripts/supabase-local/mod.ts";
import { startSuite } from "../../scripts/dev/testing/suite.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";

const SLUGS = ["attribute-purchase", "capi-event", "fb-sync-insights", "fb-sync-metadata"];
const PRODUCTION = "abcdefghijklmnopqrst";
const COPY = "bcdefghijklmnopqrstu";

async function readKey({ sql }: Platform): Promise<string> {
  const [row] = await sql<{ key: string }[]>`
    select decrypted_secret as key from vault.decrypted_secrets where name = 'fb_ads_function_key'`;
  return row?.key ?? "";
}

const storeText = ({ sql }: Platform, name: string, value: string) =>
  sql`select vault.update_secret(id, ${value}) from vault.secrets where name = ${name}`;

async function ask(platform: Platform, slug: string, apikey: string, body: unknown) {
  const response = await fetch(`${platform.functionsUrl}/${slug}`, {
    method: "POST",
    headers: { apikey, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, answer: await response.json() };
}

/** Runs the tick until pg_net has an answer to what it sent, and returns the answers' statuses. */
async function askBySchedule(platform: Platform): Promise<number[]> {
  await platform.sql`delete from net._http_response`;
  await platform.sql`select fb_ads.invoke_edge_function('fb-sync-metadata', '{"resume": true}')`;
  let answers: { status_code: number }[] = [];
  await until("pg_net has the answer", async () => {
    answers = [...await platform.sql<{ status_code: number }[]>`select status_code from net._http_response`];
    return answers.length > 0;
  });
  return answers.map(({ status_code }) => status_code);
}

Deno.test("the key of the schedule is random, opens waiting work alone, and no key of the project lies in the queue", async (t) => {
  await using suite = await startSuite();
  const { platform } = suite;
  const key = await readKey(platform);
  assertMatch(key, /^fb_ads_[0-9a-f]{64}$/);

  await t.step("every function answers GET with it", async () => {
    for (const slug of SLUGS) {
      const response = await fetch(`${platform.functionsUrl}/${slug}`, { headers: { apikey: key } });
      assertEquals([response.status, await response.json()], [200, { function: slug, status: "ok" }]);
    }
  });

  await t.step("the database's call is answered 202, and carries this key", async () => {
    assertEquals(await askBySchedule(platform), [202]);
    await platform.sql.begin(async (transaction) => {
      await transaction`select fb_ads.invoke_edge_function('fb-sync-metadata')`;
      const [queued] =
        await transaction`select headers ->> 'apikey' as apikey, headers::text from net.http_request_queue`;
      assertEquals(queued?.apikey, key);
      assert(!queued?.headers.includes(platform.secretKey));
      throw new Error("rolled back");
    }).catch((error) => assertEquals(error.message, "rolled back"));
  });

  await t.step("ranges, accounts, events and references are refused by what is allowed", async () => {
    const bodies: Record<string, unknown> = {
      "fb-sync-metadata": { account_ids: ["1001"] },
      "fb-sync-insights": { since: "2026-01-01" },
      "capi-event": { event_name: "Purchase", event_time: 1, consent: "granted" },
      "attribute-purchase": { transaction_refs: ["1"] },
    };
    for (const slug of SLUGS) {
      const { status, answer } = await ask(platform, slug, key, bodies[slug]);
      assertEquals([status, answer.error.code], [403, "forbidden"], slug);
      assertStringIncludes(answer.error.message, '{"resume":true}');
    }
  });

  await t.step("a key with a line break and spaces around is trimmed on both sides", async () => {
    await storeText(platform, "fb_ads_function_key", `  ${key}\r\n`);
    await storeText(platform, "fb_ads_project_url", `${platform.apiUrl}\n`);
    assertEquals(await askBySchedule(platform), [202]);
  });

  for (const wrong of [`"${key}"`, `${key} ${key}`, platform.secretKey, "short"]) {
    await t.step(`a key such as ${wrong.slice(0, 10)}… (${wrong.length} characters) is refused by name`, async () => {
      await storeText(platform, "fb_ads_function_key", wrong);
      const error = await assertRejects(() => askBySchedule(platform), Error);
      assertStringIncludes(error.message, "fb_ads_function_key");
      assert(!error.message.includes(wrong));
    });
  }

  await t.step("a new key is taken up by the functions that run", async () => {
    await platform.sql`select fb_ads.renew_function_key()`;
    const renewed = await readKey(platform);
    assert(renewed !== key);
    await until("the function knows the new key", async () => (await askBySchedule(platform))[0] === 202);
    assertEquals((await ask(platform, "fb-sync-metadata", key, { resume: true })).status, 401);
  });

  await t.step("only service_role may ask for the digest, and no API role may renew or adopt", async () => {
    const { rows } = {
      rows: await platform.sql`
      select role, has_function_privilege(role, 'public.fb_identify_project(jsonb)', 'execute') as asks,
        has_function_privilege(role, 'fb_ads.renew_function_key()', 'execute')
        or has_function_privilege(role, 'fb_ads.adopt_project(text)', 'execute') as changes
      from unnest(array['anon', 'authenticated', 'service_role']) as role`,
    };
    assertEquals(rows.map(({ role, asks, changes }) => [role, asks, changes]), [
      ["anon", false, false],
      ["authenticated", false, false],
      ["service_role", true, false],
    ]);
  });
});

/** The function as it would run in the hosted project of this ref, with the platform's database behind it. */
function openIn(platform: Platform, ref: string, graphUrl: string) {
  const environment: Record<string, string> = {
    SUPABASE_URL: `https://${ref}.supabase.co`,
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: platform.secretKey }),
    META_GRAPH_URL: graphUrl,
    FB_ADS_ACCOUNT_IDS: "*",
  };
  const definition = {
    slug: "fb-sync-metadata",
    callers: "secret",
    settings: SYNC_SETTINGS,
    bodySchema: BodySchema,
    connect: connectProject,
    run: handleSyncMetadata,
  } as const;
  return createFunction(definition, {
    get: (name) => environment[name],
    fetch: (input, init) => fetch(String(input).replace(`https://${ref}.supabase.co`, platform.apiUrl), init),
    log_sink: () => undefined,
  });
}

Deno.test("a copy of a hosted project neither syncs nor sends until it is adopted", async (t) => {
  await using suite = await startSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  const copy = openIn(platform, COPY, graph.url);
  const sync = (apikey: string) =>
    copy.fetch(new Request("http://127.0.0.1/", { method: "POST", headers: { apikey }, body: "{}" }));
  const alerts = async () => [...await sql`select problem, remedy from public.fb_alerts where kind = 'project_copy'`];
  await storeText(platform, "fb_ads_project_url", `https://${PRODUCTION}.supabase.co`);

  await t.step("production itself, behind the same database, works", async () => {
    const production = openIn(platform, PRODUCTION, graph.url);
    const request = new Request("http://127.0.0.1/", { headers: { apikey: platform.secretKey } });
    assertEquals((await production.fetch(request)).status, 200);
    assertEquals(await alerts(), []);
  });

  await t.step("the copy says whose it is, in its answer and as an alert, and calls nobody", async () => {
    const calls = graph.ledger.calls.length;
    for (const apikey of [platform.secretKey, await readKey(platform)]) {
      const response = await sync(apikey);
      const { error } = await response.json();
      assertEquals([response.status, error.code], [409, "project_copy"]);
      assertStringIncludes(error.message, `copy of project ${PRODUCTION}`);
    }
    assertEquals(graph.ledger.calls.length, calls);
    const [alert] = await alerts();
    assertStringIncludes(alert?.problem, `copy of project ${PRODUCTION}`);
    assertStringIncludes(alert?.remedy, `fb_ads.adopt_project('https://${COPY}.supabase.co')`);
  });

  await t.step("one call makes it work by itself, with a key of its own", async () => {
    const inherited = await readKey(platform);
    await sql`select fb_ads.adopt_project(${`https://${COPY}.supabase.co`})`;
    assertEquals(await alerts(), []);
    const adopted = openIn(platform, COPY, graph.url);
    const request = new Request("http://127.0.0.1/", {
      method: "POST",
      headers: { apikey: platform.secretKey },
      body: "{}",
    });
    assertEquals((await adopted.fetch(request)).status, 200);
    assert(await readKey(platform) !== inherited);
  });

  await t.step("addresses that tell nothing stop nothing", async () => {
    const copyOf = async (own: string, stored: string) => {
      await storeText(platform, "fb_ads_project_url", stored);
      const [row] = await sql<{ identity: { copy_of: string | null } }[]>`
        select public.fb_identify_project(${sql.json({ project_url: own })}) as identity`;
      return row?.identity.copy_of;
    };
    const hosted = `https://${PRODUCTION}.supabase.co`;
    assertEquals(await copyOf(`https://${COPY}.supabase.co`, `${hosted}/`), PRODUCTION);
    for (
      const [own, stored] of [
        [hosted, hosted],
        [hosted, `${hosted}/`],
        ["http://127.0.0.1:54321", hosted],
        ["http://kong:8000", hosted],
        [hosted, "https://api.shop.example"],
        ["https://api.shop.example", hosted],
        [hosted, "http://host.docker.internal:54321"],
      ] as const
    ) {
      assertEquals(await copyOf(own, stored), null, `${own} beside ${stored}`);
    }
  });
});

Deno.test("adopt_project() refuses what is no project's address", async () => {
  await using suite = await startSuite();
  for (const url of ["https://evil.example", "", "abcdefghijklmnopqrst"]) {
    await assertRejects(() => suite.platform.sql`select fb_ads.adopt_project(${url})`.then(), Error, "no");
  }
});
