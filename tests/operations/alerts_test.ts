/**
 * `fb_alerts` and its webhook: every alert is there while it lasts, and is told once when it begins and once when it
 * ends.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Platform, repositoryRoot, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { planAccount, World } from "../../scripts/meta-emulator/mod.ts";
import { type Recorder, startRecorder } from "../../scripts/supabase-local/tests/fixtures/recorder.ts";
import { databaseNow, until } from "../../scripts/supabase-local/waiting.ts";
import { startSuite, type Suite, sync } from "../../scripts/dev/testing/suite.ts";
import { ALERTS } from "./alert_problems.ts";

/** A platform on which nothing is wrong: one account, secrets, an attached host. */
async function startHealthySuite(webhook?: string): Promise<Suite> {
  const now = new Date();
  const world = new World({ accounts: [planAccount(0, { account_id: "1001", currency: "USD" })], now });
  const suite = await startSuite({
    graph: { world },
    ...(webhook === undefined ? {} : { vault: { fb_ads_alert_webhook: webhook } }),
  });
  const { platform } = suite;
  await platform.sql.unsafe(await Deno.readTextFile(`${repositoryRoot}/supabase/seed.sql`));
  await sync(platform, "fb-sync-metadata");
  return suite;
}

const keysOf = async (platform: Platform): Promise<string[]> =>
  [...await platform.sql`select key from public.fb_alerts order by key`].map((row) => String(row.key));

const messagesOf = (webhook: Recorder): string[] => webhook.requests.map(({ body }) => String(JSON.parse(body).text));

/** What a tick does about alerts, and the next one that sees the answers. */
async function announce({ sql }: Platform): Promise<void> {
  await sql`select fb_ads.announce_alerts()`;
  await until("every message is answered", async () => {
    const [open] = await sql`select count(*)::int as flights from fb_ads.alert_flights as flight
      where not exists (select from net._http_response as answer where answer.id = flight.request_id)`;
    return open?.flights === 0;
  });
  await sql`select fb_ads.announce_alerts()`;
}

Deno.test("`fb_alerts` holds every alert while it lasts; the webhook is told once when it begins and once when it ends", async (t) => {
  await using webhook = startRecorder(() => new Response("ok"));
  await using suite = await startHealthySuite(`${webhook.url}/services/T0/secret-part`);
  const { platform } = suite;
  assertEquals(await keysOf(platform), []);

  const momentsOf = async (key: string) =>
    [...await platform.sql`select moment from fb_ads.alert_posts where key = ${key} order by id`].map((row) =>
      row.moment
    );
  const twoTicks = async () => {
    await platform.sql`select fb_ads.announce_alerts()`;
    await platform.sql`select fb_ads.announce_alerts()`;
  };
  for (const { key, severity, begin, end } of ALERTS) {
    await t.step(key, async () => {
      await platform.sql.unsafe(begin).simple();
      const [alert, ...more] = await platform.sql`select * from public.fb_alerts`;
      assertEquals([alert?.key, alert?.severity, more], [key, severity, []]);
      for (const part of ["problem", "cost", "remedy"]) assert(String(alert?.[part]).length > 10, part);
      await twoTicks();
      assertEquals(await momentsOf(key), ["begin"]);
      const [known] = await platform.sql`select since, announced_at from public.fb_alerts`;
      assert(known?.since instanceof Date && known.announced_at instanceof Date);
      await platform.sql.unsafe(end).simple();
      assertEquals(await keysOf(platform), []);
      await twoTicks();
      assertEquals(await momentsOf(key), ["begin", "end"]);
    });
  }

  await t.step("every message arrives once, an alert's end after its beginning", async () => {
    const isOpen = async () =>
      (await platform.sql`select from fb_ads.alert_posts where confirmed_at is null`).length > 0;
    while (await isOpen()) await announce(platform);
    const posts = await platform.sql`select body from fb_ads.alert_posts order by id`;
    const received = messagesOf(webhook);
    assertEquals([...received].sort(), [...posts].map((post) => String(post.body)).sort());
    for (const { key } of ALERTS) {
      const begun = received.findIndex((text) => text.includes(`(${key})`));
      const [problem] = /(?<=Meta Ads: (?:error|warning)\. )[^\n]+/.exec(received[begun] ?? "") ?? ["?"];
      assert(received.findLastIndex((text) => text.startsWith(`Meta Ads: over. ${problem}`)) > begun, key);
    }
  });

  await t.step("a message is Slack's form, and its address stands in no table and no log", async () => {
    const [request] = webhook.requests;
    assertEquals([request?.method, request?.headers["content-type"]], ["POST", "application/json"]);
    assertEquals(Object.keys(JSON.parse(request?.body ?? "{}")), ["text"]);
    assert(messagesOf(webhook).every((text) => !/[<>]/.test(text)));
    const stored = await platform.sql`
      select post::text as found from fb_ads.alert_posts as post where post::text like '%secret-part%'
      union all select state::text from fb_ads.alert_states as state where state::text like '%secret-part%'
      union all select details.return_message from cron.job_run_details as details where details.return_message like '%secret-part%'`;
    assertEquals([...stored], []);
  });
});

Deno.test("a webhook that is down loses no message and holds nothing up", async (t) => {
  let status = 500;
  await using webhook = startRecorder(() => new Response("", { status }));
  await using suite = await startHealthySuite(webhook.url);
  const { platform } = suite;
  const { sql } = platform;
  const retry = () => sql`update fb_ads.alert_posts set next_attempt_at = now() where confirmed_at is null`;

  await t.step("the tick goes on, and tries again later and later", async () => {
    await sql`update public.ad_accounts set enabled = false`;
    await platform.runCronJob("fb-ads-tick");
    await until("the first message came", () => webhook.requests.length === 1);
    await announce(platform);
    await announce(platform);
    assertEquals(webhook.requests.length, 1, "put off");
    for (const minutes of [2, 4, 8]) {
      await retry();
      const begun = await databaseNow(sql);
      await announce(platform);
      // Ten seconds early, for the tick comes once a minute.
      const delay = `${minutes * 60 - 10} seconds`;
      const [post] = await sql`
        select last_status, next_attempt_at between ${begun}::timestamptz + ${delay}::interval
          and clock_timestamp() + ${delay}::interval as is_put_off
        from fb_ads.alert_posts`;
      assertEquals({ ...post }, { last_status: 500, is_put_off: true }, `after ${minutes} minutes`);
    }
    assertEquals(await keysOf(platform), ["no_account", "webhook_failing"]);
  });

  await t.step("an alert that ends meanwhile is told from beginning to end, in order", async () => {
    await sql`update public.ad_accounts set enabled = true`;
    await announce(platform);
    status = 200;
    const before = webhook.requests.length;
    for (let minute = 0; minute < 3; minute++) {
      await retry();
      await announce(platform);
    }
    const told = messagesOf(webhook).slice(before);
    assertEquals(told.length, 2);
    assertStringIncludes(told[0] ?? "", "(no_account)");
    assertStringIncludes(told[1] ?? "", "over. No ad account is enabled.");
    assertEquals(await keysOf(platform), []);
  });

  await t.step("an answer that never came makes the message go again", async () => {
    await sql`update public.ad_accounts set enabled = false`;
    const before = webhook.requests.length;
    await sql`select fb_ads.announce_alerts()`;
    await until("the message came", () => webhook.requests.length === before + 1);
    // As after a crash of the server, which empties pg_net's tables and ours of what is on its way.
    await sql`truncate fb_ads.alert_flights`;
    await sql`delete from net._http_response`;
    await retry();
    await announce(platform);
    assertEquals(webhook.requests.length, before + 2);
    assertEquals(messagesOf(webhook).at(-1), messagesOf(webhook).at(-2));
  });
});

Deno.test("without a webhook alerts are noted; one that lasts is told once there is one", async (t) => {
  await using webhook = startRecorder();
  await using suite = await startHealthySuite();
  const { platform } = suite;
  const { sql } = platform;
  await sql`update public.ad_accounts set enabled = false`;
  await sql`select fb_ads.detach_transactions('public.transactions')`;
  await platform.runCronJob("fb-ads-tick");
  assertEquals(await keysOf(platform), ["no_account"], "within the first day nobody is told that no host is attached");
  await sql`update fb_ads.settings set created_at = now() - interval '25 hours'`;
  await platform.runCronJob("fb-ads-tick");
  assertEquals(await keysOf(platform), ["host_not_attached", "no_account"]);
  await sql`select fb_ads.attach_transactions('public.transactions')`;
  await platform.runCronJob("fb-ads-tick");

  await t.step("an address that is not http is an alert and is never called", async () => {
    await sql`select vault.create_secret('ftp://127.0.0.1/x', 'fb_ads_alert_webhook')`;
    await platform.runCronJob("fb-ads-tick");
    assertEquals(await keysOf(platform), ["no_account", "webhook_url"]);
    assertEquals((await sql`select from fb_ads.alert_posts`).length, 0);
  });

  await t.step("then it is told", async () => {
    await sql`select vault.update_secret(id, ${webhook.url}) from vault.secrets where name = 'fb_ads_alert_webhook'`;
    await announce(platform);
    assertEquals(messagesOf(webhook).length, 1);
    assertStringIncludes(messagesOf(webhook)[0] ?? "", "(no_account)");
  });
});

Deno.test("the tick never fails for the sake of alerts, and alerts are told although calling a function failed", async () => {
  await using webhook = startRecorder();
  await using suite = await startHealthySuite(webhook.url);
  const { platform } = suite;
  const { sql } = platform;
  await sql`update fb_ads.sync_jobs set state = 'pending', finished_at = null, not_before = now() where id = (select min(id) from fb_ads.sync_jobs)`;
  await sql`delete from vault.secrets where name = 'fb_ads_function_key'`;
  assertEquals((await platform.runCronJob("fb-ads-tick")).status, "succeeded");
  await until("the message came", () => webhook.requests.length === 1);
  assertStringIncludes(messagesOf(webhook)[0] ?? "", "fb_ads_function_key");
  await sql`create or replace function fb_ads.note_alerts() returns bigint language sql volatile set search_path = '' as 'select 1 / 0'`;
  assertEquals((await platform.runCronJob("fb-ads-tick")).status, "succeeded");
});

Deno.test("a quiet minute writes nothing for alerts, and a reader of reports may read them", async () => {
  await using suite = await startHealthySuite();
  const { sql } = suite.platform;
  await sql.begin(async (transaction) => {
    const countWritten = async () =>
      Number(
        (await transaction`select sum(n_tup_ins + n_tup_upd + n_tup_del)::int as rows from pg_stat_xact_user_tables where schemaname in ('fb_ads', 'net')`)[
          0
        ]?.rows,
      );
    const before = await countWritten();
    await transaction`select fb_ads.announce_alerts()`;
    assertEquals(await countWritten(), before);
  });
  await sql`update public.ad_accounts set enabled = false`;
  for (const role of ["fb_ads_reader", "service_role"]) {
    const rows = await sql.begin(async (transaction) => {
      await transaction.unsafe(`set local role ${role}`);
      return await transaction`select key from public.fb_alerts`;
    });
    assertEquals([...rows].map((row) => row.key), ["no_account"], role);
  }
});

/** What the remedy for each of Meta's refusals names. */
const REMEDIES: [reason: string, token: string, names: string][] = [
  ["no_token", "meta_capi_access_token", "meta_capi_access_token"],
  ["token_dead", "meta_capi_access_token", "Make a new token"],
  ["app_secret_missing", "meta_capi_access_token", "meta_capi_app_secret"],
  ["app_secret_wrong", "meta_marketing_api_token", "meta_marketing_app_secret"],
  ["app_invalid", "meta_marketing_api_token", "developers.facebook.com/apps"],
  ["app_blocked", "meta_capi_access_token", "developers.facebook.com/apps"],
  ["permission_missing", "meta_capi_access_token", "system user the pixel"],
  ["pixel_missing_or_forbidden", "meta_capi_access_token", "system user the pixel"],
  ["configuration", "meta_capi_access_token", "META_PIXEL_ID"],
  ["parameter_invalid", "meta_capi_access_token", "fbtrace_id"],
  ["unknown_code", "meta_capi_access_token", "fbtrace_id"],
];

Deno.test("each of Meta's refusals has a remedy of its own, which the alert about the pixel gives", async () => {
  await using platform = await startPlatform({ schedule: false });
  for (const [reason, token, names] of REMEDIES) {
    const [given] = await platform.sql`select fb_ads.refusal_remedy(${reason}, ${token}) as remedy`;
    assertStringIncludes(String(given?.remedy), names, reason);
    if (token !== "meta_capi_access_token") continue;
    await platform
      .sql`insert into fb_ads.pixels (pixel_id, state, blocked_at, reason) values ('1', 'blocked', now(), ${reason})
      on conflict (pixel_id) do update set reason = excluded.reason`;
    const [alert] = await platform.sql`select remedy from public.fb_alerts where key = 'pixel_blocked:1'`;
    assertStringIncludes(String(alert?.remedy), names, reason);
  }
});
