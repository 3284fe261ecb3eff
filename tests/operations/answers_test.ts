/**
 * What the tick calls must answer: silence is an alert after ten minutes, which tells pg_net from a function, and which
 * a monitor outside hears of through the Data API.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";
import { startSuite, sync } from "../../scripts/dev/testing/suite.ts";

/** A completed transaction that nobody has taken up yet. */
const SALE = `insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
  values ('Purchase', 'unheard', now(), 'unheard')`;

Deno.test("a call that nobody answers is an alert after ten minutes, and a monitor outside hears of it", async (t) => {
  await using suite = await startSuite({ platform: { secretKeyRoles: { fb_ads_monitor: "fb_ads_monitor" } } });
  const { platform } = suite;
  const { sql } = platform;
  await sql.unsafe(await Deno.readTextFile(`${repositoryRoot}/supabase/seed.sql`)).simple();
  await sync(platform, "fb-sync-metadata");

  const alerts = async () =>
    [...await sql`select key, problem from public.fb_alerts order by key`].map((row) => [row.key, row.problem]);
  /** A minute in which a sale waits, or none does. */
  const tick = async ({ waits }: { waits: boolean }) => {
    await sql`update fb_ads.conversion_events
      set state = 'waiting', not_before = now() + make_interval(hours => ${waits ? 0 : 1})`;
    await platform.runCronJob("fb-ads-tick");
  };
  const letMinutesPass = (minutes: number) =>
    sql`update fb_ads.function_answers set
      unanswered_since = unanswered_since - make_interval(mins => ${minutes}),
      requested_at = requested_at - make_interval(mins => ${minutes})
      where true`;
  const answered = () =>
    until("pg_net has the answer", async () => {
      const [awaited] = await sql`select from fb_ads.function_answers as call
        where call.request_id is not null
          and not exists (select from net._http_response as answer where answer.id = call.request_id)`;
      return awaited === undefined;
    });
  /** Minutes with work until a call was answered so: a worker that boots may be too late for pg_net. */
  const tickUntil = (outcome: string) =>
    until(`the tick reads ${outcome}`, async () => {
      await tick({ waits: true });
      await answered();
      await tick({ waits: false });
      const [call] = await sql`select outcome from fb_ads.function_answers`;
      return call?.outcome === outcome;
    });
  const ask = (path: string, key: string, init: RequestInit = {}) =>
    fetch(`${platform.apiUrl}${path}`, { ...init, headers: { apikey: key, "content-type": "application/json" } });
  const check = async (key = platform.secretKeys.fb_ads_monitor ?? "") => {
    const response = await ask("/rest/v1/rpc/fb_check_alerts", key);
    return { status: response.status, body: await response.json() };
  };

  await t.step("all is well: the call is answered, and the monitor is told so", async () => {
    await sql.unsafe(SALE);
    await tickUntil("HTTP 202");
    const [call] = await sql`select slug, request_id, unanswered_since, outcome from fb_ads.function_answers`;
    assertEquals({ ...call }, { slug: "capi-event", request_id: null, unanswered_since: null, outcome: "HTTP 202" });
    assertEquals(await alerts(), []);
    assertEquals(await check(), { status: 200, body: { errors: 0, warnings: 0, kinds: [] } });
  });

  await t.step("a worker of pg_net that sleeps on is named", async () => {
    // Its worker writes answers and waits here. To leave it unwoken is not enough: it looks again for a while by
    // itself.
    const asleep = await sql.reserve();
    try {
      await asleep`begin`;
      await asleep`lock table net._http_response in share mode`;
      await tick({ waits: true });
      assertEquals(await alerts(), [], "a minute is no alert");
      await letMinutesPass(11);
      await sql`update fb_ads.conversion_events set received_at = now() - interval '11 minutes'`;
      await tick({ waits: true });
      const found = await alerts();
      assertEquals(found.map(([key]) => key), ["pg_net_silent", "purchase_queue"]);
      assertStringIncludes(String(found[0]?.[1]), "Nothing has answered since");
      assertStringIncludes(String(found[0]?.[1]), "queue of pg_net");
      assertEquals(await check(), {
        status: 503,
        body: { errors: 2, warnings: 0, kinds: ["pg_net_silent", "purchase_queue"] },
      });
    } finally {
      await asleep`rollback`;
      asleep.release();
    }
    await sql`update fb_ads.conversion_events set received_at = now()`;
  });

  await t.step("it ends with the first good answer", async () => {
    await tickUntil("HTTP 202");
    assertEquals(await alerts(), []);
  });

  await t.step("a function that refuses is named, with its last answer and what to do", async () => {
    await sql`create or replace function public.fb_identify_project(request jsonb) returns jsonb
      language sql set search_path = pg_catalog, pg_temp as $$ select '{"key_sha256": null, "copy_of": null}'::jsonb $$`;
    await platform.killFunction("capi-event");
    await tickUntil("HTTP 401");
    await letMinutesPass(11);
    const [alert] = await sql`select key, problem, remedy from public.fb_alerts`;
    assertEquals(alert?.key, "function_silent:capi-event");
    assertStringIncludes(String(alert?.problem), "pg_net's last answer: HTTP 401.");
    assertStringIncludes(String(alert?.remedy), "fb_ads.renew_function_key()");
  });

  await t.step("what the tick calls no more is no alert", async () => {
    await sql`update fb_ads.function_answers set called_at = now() - interval '6 minutes' where true`;
    assertEquals(await alerts(), []);
  });

  await t.step("an idle minute awaits nothing and writes nothing", async () => {
    await sql`delete from fb_ads.conversion_events where true`;
    await sql`update fb_ads.function_answers set request_id = null where true`;
    await platform.runCronJob("fb-ads-tick");
    await sql.begin(async (transaction) => {
      // What the session wrote just before may still be counted.
      const countWritten = async () => [
        ...await transaction`select relname, n_tup_ins + n_tup_upd + n_tup_del as rows
          from pg_stat_xact_user_tables where schemaname in ('fb_ads', 'net') order by relname`,
      ];
      await transaction`select fb_ads.tick()`;
      const before = await countWritten();
      await transaction`select fb_ads.tick()`;
      assertEquals(await countWritten(), before);
    });
  });

  await t.step("the monitor's key asks that one question and nothing else", async () => {
    const key = platform.secretKeys.fb_ads_monitor ?? "";
    const forbidden = [
      "/rest/v1/fb_alerts",
      "/rest/v1/ad_accounts",
      "/rest/v1/transactions",
      "/rest/v1/rpc/fb_validate",
      "/rest/v1/rpc/fb_read_secret?name=meta_marketing_api_token",
    ];
    for (const path of forbidden) {
      const response = await ask(path, key);
      assertEquals([path, response.status, (await response.json()).code], [path, 403, "42501"]);
    }
    const called = await ask("/functions/v1/capi-event", key, { method: "POST", body: '{"dispatch": true}' });
    assertEquals(called.status, 401);
    await called.body?.cancel();
    assertEquals((await check(platform.publishableKey)).body.code, "42501");
    assertEquals((await check(platform.secretKey)).status, 200);
  });
});
