/**
 * `attribute-purchase` from a browser's landing to the row in `ad_attributions`, over HTTP alone but for the payment.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Platform } from "../../scripts/supabase-local/mod.ts";
import { manyAccountsWorld } from "../../scripts/meta-emulator/mod.ts";
import { type Suite, sync, syncToEnd } from "../../scripts/dev/testing/suite.ts";
import {
  answersOf,
  dispatchNow,
  lead,
  makeShop,
  nowSeconds,
  pageView,
  postAsBrowser,
  startCapiSuite,
} from "../../scripts/dev/testing/shop_suite.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";

const USER = "0d9e8f6a-1111-4222-8333-00000000000a";

let events = 0;

/** An event id that no other step uses. */
const nextId = () => `landing-${++events}`;

async function land({ platform }: Suite, query: string, more: Record<string, unknown> = {}): Promise<string> {
  const event = pageView(nextId(), { event_source_url: `https://shop.example/sale?${query}`, ...more });
  const [answer] = await answersOf(await postAsBrowser(platform, event));
  return String(answer?.status);
}

/** A log-in as the shop's server reports it. */
async function logIn({ platform }: Suite, fbp: string, external_id: string): Promise<void> {
  const event = lead(nextId(), { event_name: "CompleteRegistration", user_data: { fbp, external_id } });
  await answersOf(await platform.invoke("capi-event", event));
}

async function pay({ platform }: Suite, user: string | null = USER): Promise<string> {
  const [row] = await platform.sql`
    insert into public.transactions (user_id, status, amount, currency, source, completed_at) values (${user}, 'completed', 150000, 'IDR', 'canva', now())
    returning id::text`;
  return String(row?.id);
}

async function run({ platform }: Suite, body: unknown = {}): Promise<unknown> {
  const response = await platform.invoke("attribute-purchase", body);
  const text = await response.text();
  assertEquals(response.status, 200, text);
  return JSON.parse(text);
}

async function statusOf({ platform }: Suite, ...call: Parameters<Platform["invoke"]>): Promise<number> {
  const response = await platform.invoke(...call);
  await response.body?.cancel();
  return response.status;
}

async function resultOf({ platform }: Suite, ref: string): Promise<Record<string, unknown>> {
  const [row] = await platform.sql`
    select result.outcome, result.reason, ad.fb_ad_id, account.fb_account_id
    from fb_ads.attribution_results as result
    left join public.ad_ads as ad on ad.id = result.ad_id left join public.ad_accounts as account on account.id = result.account_id
    where result.transaction_ref = ${ref}`;
  return { ...row };
}

const fbpOf = (number: number) => `fb.1.1795300000000.${2_000_000 + number}`;

Deno.test("attribute-purchase", async (t) => {
  await using suite = await startCapiSuite({
    graph: { world: manyAccountsWorld(new Date(), { accounts: 3, ads: 6 }) },
  });
  const { platform, graph } = suite;
  await makeShop(platform);
  await platform.sql`insert into public.unified_profiles (id, email) values (${USER}, 'ayu@example.com')`;
  const accounts = graph.world.accounts;
  const known = accounts[0]?.ads[0]?.id ?? "";
  await syncToEnd(platform, "fb-sync-metadata");

  await t.step("credits a sale to the ad of the landing, on another device, once it is sent", async () => {
    assertEquals(await land(suite, `ad_id=${known}&fbclid=IwAR0one`, { user_data: { fbp: fbpOf(1) } }), "accepted");
    await logIn(suite, fbpOf(1), USER);
    const ref = await pay(suite);
    await dispatchNow(platform);
    await until("Meta has it", async () => {
      const [event] = await platform
        .sql`select final_at is not null as is_final from fb_ads.conversion_events where event_id = ${ref}`;
      return event?.is_final === true;
    });
    assertEquals(await run(suite), { attributed: 1, unattributed: 0, waiting: 0 });
    assertEquals(await run(suite), { attributed: 0, unattributed: 0, waiting: 0 });
    const [row] = await platform.sql`
      select conversion_event, conversion_value::text, currency, source_platform, fb_click_id, user_id, transaction_id, transaction_ref, user_ref, matched_by,
        attribution_model, attribution_window::text, state, net_value::text
      from public.ad_attributions`;
    assertEquals({ ...row }, {
      conversion_event: "Purchase",
      conversion_value: "150000",
      currency: "IDR",
      source_platform: "facebook",
      fb_click_id: "IwAR0one",
      user_id: USER,
      transaction_id: ref,
      transaction_ref: ref,
      user_ref: USER,
      matched_by: "user_id",
      attribution_model: "last_ad_click",
      attribution_window: "7 days",
      state: "active",
      net_value: "150000",
    });
  });

  await t.step("the tick calls it while a sale waits", async () => {
    const ref = await pay(suite);
    await dispatchNow(platform);
    await platform.runCronJob("fb-ads-tick");
    await until("the sale is attributed", async () => (await resultOf(suite, ref)).outcome === "attributed");
    await until("nothing waits", async () => {
      const [row] = await platform.sql`select fb_ads.has_attribution_work() as work`;
      return row?.work === false;
    });
  });

  await t.step("an ad that is not known yet makes the sale wait and is read by id, under its own account", async () => {
    const account = accounts[2];
    const fresh = account?.ads[0]?.id ?? "";
    await platform.sql`delete from public.ad_ads where fb_ad_id = ${fresh}`;
    await land(suite, `ad_id=${fresh}`, { user_data: { fbp: fbpOf(2) } });
    await logIn(suite, fbpOf(2), USER);
    const ref = await pay(suite);
    assertEquals(await run(suite, { transaction_refs: [ref] }), { attributed: 0, unattributed: 0, waiting: 1 });
    const jobs = await platform
      .sql`select object_level, object_ids, state from fb_ads.sync_jobs where kind = 'objects' and state = 'pending'`;
    assertEquals(jobs.map((job) => ({ ...job })), [{ object_level: "ad", object_ids: [fresh], state: "pending" }]);
    assertEquals(await run(suite, { transaction_refs: [ref] }), { attributed: 0, unattributed: 0, waiting: 1 });
    await sync(platform, "fb-sync-metadata", { resume: true });
    await run(suite);
    assertEquals(await resultOf(suite, ref), {
      outcome: "attributed",
      reason: null,
      fb_ad_id: fresh,
      fb_account_id: account?.plan.account_id,
    });
    const [ad] = await platform.sql`
      select account.fb_account_id from public.ad_ads as ad join public.ad_accounts as account on account.id = ad.account_id where ad.fb_ad_id = ${fresh}`;
    assertEquals(ad?.fb_account_id, account?.plan.account_id);
  });

  await t.step("an ad that Meta does not give out leaves the sale without one, until it becomes known", async () => {
    const strange = "120219999999999999";
    const user = null;
    await land(suite, `ad_id=${strange}`, { user_data: { fbp: fbpOf(3) } });
    const order = { custom_data: { order_id: "strange-order", value: 1, currency: "IDR" } };
    await answersOf(
      await postAsBrowser(
        platform,
        pageView(nextId(), { event_name: "InitiateCheckout", user_data: { fbp: fbpOf(3) }, ...order }),
      ),
    );
    const ref = await pay(suite, user);
    await platform.sql`update fb_ads.conversion_events set order_id = ${ref} where order_id = 'strange-order'`;
    assertEquals(await run(suite, { transaction_refs: [ref] }), { attributed: 0, unattributed: 0, waiting: 1 });
    await sync(platform, "fb-sync-metadata", { resume: true });
    assertEquals(await run(suite), { attributed: 0, unattributed: 1, waiting: 0 });
    assertEquals(await resultOf(suite, ref), {
      outcome: "unattributed",
      reason: "ad_unknown",
      fb_ad_id: null,
      fb_account_id: null,
    });
    await platform.sql`
      insert into public.ad_ads (account_id, adset_id, fb_ad_id) select account_id, adset_id, ${strange} from public.ad_ads limit 1`;
    assertEquals(await run(suite), { attributed: 1, unattributed: 0, waiting: 0 });
    assertEquals((await resultOf(suite, ref)).fb_ad_id, strange);
    const [row] = await platform.sql`
      select array(select entry ->> 'outcome' || ':' || (entry ->> 'reason') from jsonb_array_elements(history) as entry) as history
      from fb_ads.attribution_results where transaction_ref = ${ref}`;
    assertEquals(row?.history, ["waiting:ad_unknown", "unattributed:ad_unknown"]);
  });

  await t.step("without consent no touchpoint is stored; after a denial the sale says so", async () => {
    const [before] = await platform.sql`select count(*)::int as touchpoints from fb_ads.touchpoints`;
    assertEquals(
      await land(suite, `ad_id=${known}`, { user_data: { fbp: fbpOf(4) }, consent: "denied" }),
      "suppressed",
    );
    const silent = { user_data: { fbp: fbpOf(5) }, consent: undefined };
    assertEquals(await land(suite, `ad_id=${known}`, silent), "suppressed");
    const [after] = await platform.sql`select count(*)::int as touchpoints from fb_ads.touchpoints`;
    assertEquals(after, before);

    const denied = "0d9e8f6a-1111-4222-8333-00000000000b";
    await platform.sql`insert into public.unified_profiles (id) values (${denied})`;
    await land(suite, `ad_id=${known}`, { user_data: { fbp: fbpOf(6) } });
    await logIn(suite, fbpOf(6), denied);
    await platform.invoke("capi-event", { consent: { state: "withdrawn", user_id: denied } }).then((r) =>
      r.body?.cancel()
    );
    const ref = await pay(suite, denied);
    await dispatchNow(platform);
    await run(suite);
    assertEquals(await resultOf(suite, ref), {
      outcome: "unattributed",
      reason: "no_consent",
      fb_ad_id: null,
      fb_account_id: null,
    });
  });

  await t.step(
    "one touchpoint reported by many events at once is one touchpoint; a return from the payment page is none",
    async () => {
      const [before] = await platform.sql`select count(*)::int as touchpoints from fb_ads.touchpoints`;
      const event_time = nowSeconds();
      const url = `https://shop.example/promo?utm_content=${known}&email=ayu%40example.com`;
      await Promise.all(
        ["PageView", "ViewContent", "Lead", "PageView", "PageView"].map(async (event_name) =>
          await answersOf(
            await postAsBrowser(platform, {
              ...pageView(nextId(), { event_name, event_time, event_source_url: url, user_data: { fbp: fbpOf(7) } }),
            }),
          )
        ),
      );
      await land(suite, `ad_id=${known}`, {
        user_data: { fbp: fbpOf(8) },
        referrer_url: "https://checkout.xendit.co/web/123",
      });
      const rows = await platform.sql`
      select page_url, utm_content_id from fb_ads.touchpoints order by id offset ${before?.touchpoints}`;
      assertEquals(rows.map((row) => ({ ...row })), [{
        page_url: `https://shop.example/promo?utm_content=${known}`,
        utm_content_id: known,
      }]);
    },
  );

  await t.step("refuses strangers, other methods and bodies that it does not know", async () => {
    const status = (body: unknown, headers?: Record<string, string>) =>
      statusOf(suite, "attribute-purchase", body, headers);
    assertEquals(await status({}, { apikey: platform.publishableKey }), 401);
    for (const wrong of [{ transaction_refs: [""] }, { refs: [] }]) assertEquals(await status(wrong), 400);
    assertEquals(await status({ transaction_refs: ["no such sale"] }), 200);
    const [url, headers] = [`${platform.functionsUrl}/attribute-purchase`, { apikey: platform.secretKey }];
    const put = await fetch(url, { method: "PUT", headers });
    assertEquals([put.status, (await put.json()).error.code], [405, "method_not_allowed"]);
  });

  await t.step("answers at once to a caller that does not want to wait", async () => {
    const ref = await pay(suite);
    const response = await platform.invoke("attribute-purchase", { transaction_refs: [ref] }, {
      Prefer: "respond-async",
    });
    await response.body?.cancel();
    assertEquals(response.status, 202);
    await until("the sale is attributed", async () => (await resultOf(suite, ref)).outcome === "attributed");
  });
});

Deno.test("events that come in and runs of attribution never wait for each other in a circle", async () => {
  await using suite = await startCapiSuite({
    graph: { world: manyAccountsWorld(new Date(), { accounts: 1, ads: 6 }) },
  });
  const { platform, graph } = suite;
  await makeShop(platform);
  const users = Array.from({ length: 6 }, (_, index) => `0d9e8f6a-1111-4222-8333-0000000001${index}0`);
  for (const user of users) await platform.sql`insert into public.unified_profiles (id) values (${user})`;
  await syncToEnd(platform, "fb-sync-metadata");
  const ad = graph.world.accounts[0]?.ads[0]?.id ?? "";
  const refs: string[] = [];
  for (const user of [...users, ...users]) refs.push(await pay(suite, user));
  const event_time = nowSeconds() - 3_600;
  const work = Array.from({ length: 40 }, (_, round) => {
    if (round % 4 === 0) {
      return statusOf(suite, "attribute-purchase", { transaction_refs: round % 8 === 0 ? refs : refs.toReversed() });
    }
    const seen = round % 2 === 0 ? users : users.toReversed();
    const batch = seen.map((external_id, index) =>
      lead(nextId(), {
        event_time,
        action_source: "website",
        event_source_url: `https://shop.example/?ad_id=${ad}&fbclid=IwAR0${round}x${index}`,
        user_data: { fbp: fbpOf(100 + (round + index) % 5), external_id, client_user_agent: "test" },
      })
    );
    return statusOf(suite, "capi-event", { events: batch });
  });
  // On a busy machine who waits longest is told to come again: a 503 of the statement's time-out.
  assertEquals((await Promise.all(work)).filter((status) => ![200, 202, 503].includes(status)), []);
  await run(suite, { transaction_refs: refs }); // Those above may all have come before the last events.
  const [row] = await platform.sql`
    select (select deadlocks::int from pg_stat_database where datname = current_database()) as deadlocks,
      (select count(*)::int from public.ad_attributions) as credited`;
  assertEquals({ ...row }, { deadlocks: 0, credited: 12 });
});
