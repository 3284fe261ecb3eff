/**
 * A sale from the click to Meta: the checkout lends its browser and consent to the Purchase, and nobody else's does.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { startSuite } from "../../scripts/dev/testing/suite.ts";
import {
  answersOf,
  clearEvents,
  dispatchNow,
  makeShop,
  pageView,
  PIXEL,
  postAsBrowser,
  startCapiSuite,
  statesOf,
} from "../../scripts/dev/testing/shop_suite.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";

const BUYER = "7d1f0b9c-0e7b-4c55-8f0e-2f4f0c7f7a01";
const STRANGER = "0b8d5ac1-34a5-4a3b-9a53-0c9e7f0c9e02";
const FBP = "fb.1.1795300000000.1098115397";
const FBC = "fb.1.1795300000000.AbC-dEf_123";
/** SHA-256 of `6281234567890`. */
const PHONE = "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725";
/** SHA-256 of `siti@example.com`. */
const SITI = "3684a581ce82ee39a1541130095759584e4c574d3db3e88b193256c20fae9747";

Deno.test("capi-event sends the Purchase of a completed transaction", async (t) => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  await makeShop(platform);
  await sql`insert into public.unified_profiles (id, email, phone) values
    (${BUYER}, ' Siti@Example.com ', '0812-3456-7890'), (${STRANGER}, 'other@example.com', null)`;

  const checkout = (event_id: string, more: Record<string, unknown> = {}) =>
    pageView(event_id, {
      event_name: "InitiateCheckout",
      event_source_url: "https://shop.example/checkout",
      user_data: { fbp: FBP, fbc: FBC },
      ...more,
    });
  const open = async (user: string | null = BUYER, order_number: string | null = null): Promise<string> =>
    String(
      (await sql`insert into public.transactions (user_id, status, amount, currency, order_number)
      values (${user}, 'pending', 150000, 'IDR', ${order_number}) returning id`)[0]?.id,
    );
  const pay = (id: string) =>
    sql`update public.transactions set status = 'completed', completed_at = now() where id = ${id}`;
  const as = async (user: string) => ({ Authorization: `Bearer ${await platform.userToken({ sub: user })}` });
  const agree = (user: string, state = "granted") =>
    platform.invoke("capi-event", { consent: { state, user_id: user } }).then((response) => response.body?.cancel());
  const purchaseOf = (id: string) => graph.capi.find(PIXEL, "Purchase", id)[0]?.event;
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      try {
        await run();
      } finally {
        await dispatchNow(platform);
        await clearEvents(suite);
        await sql`delete from public.transactions`;
      }
    });

  await step("the trigger alone brings it to Meta, with the sale's data and the checkout's browser", async () => {
    const id = await open();
    await answersOf(await postAsBrowser(platform, checkout("c1", { custom_data: { order_id: id } }), await as(BUYER)));
    await pay(id);
    await until("the Purchase is at Meta", () => Promise.resolve(purchaseOf(id) !== undefined));
    const event = JSON.parse(JSON.stringify(purchaseOf(id)));
    assertEquals(event.custom_data, { value: 150000, currency: "IDR", order_id: id });
    assertEquals(event.action_source, "website");
    assertEquals(event.event_source_url, "https://shop.example/checkout");
    const { em, ph, fbp, fbc, client_user_agent, client_ip_address } = event.user_data;
    assertEquals({ em, ph, fbp, fbc, client_user_agent, client_ip_address }, {
      em: SITI,
      ph: PHONE,
      fbp: FBP,
      fbc: FBC,
      client_user_agent: "Mozilla/5.0 (test)",
      client_ip_address: "127.0.0.1",
    });
    const [sale] = await sql`select floor(extract(epoch from completed_at))::int as paid_at from public.transactions`;
    assertEquals(event.event_time, sale?.paid_at);
    await until(
      "nothing is in clear",
      async () => (await sql`select from fb_ads.conversion_events where browser_data is not null`).length === 0,
    );
    // Whatever happens to the sale later, it is sent once.
    await sql`update public.transactions set status = 'refunded'`;
    await pay(id);
    await sql`select fb_ads.sweep_purchases()`;
    await dispatchNow(platform);
    assertEquals(graph.capi.find(PIXEL, "Purchase", id).length, 1);
    assertEquals(graph.capi.violations(), []);
  });

  await step("a guest's order number links a browser, and two browsers that name it get nothing", async () => {
    for (const conflict of [false, true]) {
      const number = conflict ? "ORD-78" : "ORD-77";
      const id = await open(null, number);
      const given = { custom_data: { order_id: number } };
      await answersOf(await postAsBrowser(platform, checkout(`g1 ${number}`, given)));
      const other = { ...given, user_data: { fbp: "fb.1.1795300000001.22" } };
      if (conflict) await answersOf(await postAsBrowser(platform, checkout(`g2 ${number}`, other)));
      await pay(id);
      await until("the purchase was taken up", async () => {
        await dispatchNow(platform);
        const [row] = await sql`select state from fb_ads.conversion_events where transaction_ref = ${id}`;
        return row !== undefined && row.state !== "waiting";
      });
      const [row] = await sql`
        select checkout_event_id is not null as has_checkout, browser_digest is not null as has_browser
        from fb_ads.conversion_events where transaction_ref = ${id}`;
      assertEquals({ ...row }, { has_checkout: !conflict, has_browser: !conflict });
      if (!conflict) {
        await until("the Purchase is at Meta", () => Promise.resolve(purchaseOf(id) !== undefined));
        const { user_data, custom_data } = JSON.parse(JSON.stringify(purchaseOf(id)));
        assertEquals([user_data.fbp, custom_data.order_id], [FBP, "ORD-77"]);
      }
    }
  });

  await step("a verified stranger's checkout with the order id is no link", async () => {
    const id = await open();
    await agree(BUYER);
    await answersOf(
      await postAsBrowser(platform, checkout("s1", { custom_data: { order_id: id } }), await as(STRANGER)),
    );
    await pay(id);
    await until("the Purchase is at Meta", () => Promise.resolve(purchaseOf(id) !== undefined));
    const { user_data } = JSON.parse(JSON.stringify(purchaseOf(id)));
    assertEquals([user_data.em, user_data.fbp, user_data.client_ip_address], [SITI, undefined, undefined]);
  });

  await step("without an order id the same user's latest checkout of the last 7 days lends its browser", async () => {
    const id = await open();
    await answersOf(await postAsBrowser(platform, checkout("u1"), await as(BUYER)));
    await pay(id);
    await until("the Purchase is at Meta", () => Promise.resolve(purchaseOf(id) !== undefined));
    assertEquals(JSON.parse(JSON.stringify(purchaseOf(id))).user_data.fbp, FBP);
  });

  await step("a host that keeps whole seconds loses no checkout of the second in which it was paid", async () => {
    const id = await open(null);
    await answersOf(await postAsBrowser(platform, checkout("w1", { custom_data: { order_id: id } })));
    await sql`update fb_ads.conversion_events set event_time = date_trunc('second', received_at)`;
    await sql`update public.transactions set status = 'completed',
      completed_at = (select date_trunc('second', received_at) from fb_ads.conversion_events where event_id = 'w1') where id = ${id}`;
    await until("the Purchase is at Meta", () => Promise.resolve(purchaseOf(id) !== undefined));
    assertEquals(JSON.parse(JSON.stringify(purchaseOf(id))).user_data.fbp, FBP);
  });

  await step("a checkout after the payment is no link", async () => {
    const id = await open(null);
    await sql`alter table public.transactions disable trigger user`;
    await sql`update public.transactions set status = 'completed', completed_at = now() where id = ${id}`;
    await sql`alter table public.transactions enable trigger user`;
    await answersOf(await postAsBrowser(platform, checkout("late", { custom_data: { order_id: id } })));
    await sql`select fb_ads.sweep_purchases()`;
    await dispatchNow(platform);
    assertEquals(await statesOf(platform, id), ["suppressed"]);
  });

  await step("a Purchase carries the newest consent: granted, then denied, is denied", async () => {
    const id = await open();
    await answersOf(await postAsBrowser(platform, checkout("n1", { custom_data: { order_id: id } }), await as(BUYER)));
    await agree(BUYER, "withdrawn");
    await pay(id);
    await until("the Purchase is settled", async () => (await statesOf(platform, id)).length === 1);
    assertEquals(await statesOf(platform, id), ["suppressed"]);
    const [row] =
      await sql`select consent, content, user_data, user_digest from fb_ads.conversion_events where event_id = ${id}`;
    assertEquals(row, { consent: "denied", content: null, user_data: null, user_digest: null });
    assertEquals(purchaseOf(id), undefined);
  });

  await step("nobody said anything: counted, not sent", async () => {
    const id = await open();
    await pay(id);
    await until("the Purchase is settled", async () => (await statesOf(platform, id)).length === 1);
    assertEquals(await statesOf(platform, id), ["suppressed"]);
  });

  await step(
    "a sale without a currency is a dead letter that says so, and goes once the host has mended it",
    async () => {
      await agree(BUYER);
      const id = await open();
      await sql`update public.transactions set currency = null where id = ${id}`;
      await pay(id);
      await until("the Purchase is settled", async () => (await statesOf(platform, id)).length === 1);
      const [row] = await sql`select state, reason from fb_ads.undelivered_events`;
      assertEquals(row, { state: "dead", reason: "incomplete: custom_data.currency" });
      await sql`update public.transactions set currency = 'IDR' where id = ${id}`;
      await sql`select public.fb_replay_deliveries()`;
      await dispatchNow(platform);
      assertEquals(await statesOf(platform, id), ["sent"]);
    },
  );

  await step("a sale that is refunded before it was read is not sent until it is paid again", async () => {
    await agree(BUYER);
    await sql`select vault.update_secret(id, new_name => 'away') from vault.secrets where name = 'fb_ads_function_key'`;
    const id = await open();
    await pay(id);
    await sql`update public.transactions set status = 'refunded'`;
    await dispatchNow(platform);
    assertEquals(await statesOf(platform, id), []);
    await sql`update public.transactions set status = 'completed'`;
    await sql`update fb_ads.conversion_events set not_before = now()`;
    await dispatchNow(platform);
    assertEquals(await statesOf(platform, id), ["sent"]);
    await sql`select vault.update_secret(id, new_name => 'fb_ads_function_key') from vault.secrets where name = 'away'`;
  });

  await step(
    "a sale of which the host says only later that it was paid 8 days ago is expired, not refused",
    async () => {
      await agree(BUYER);
      const id = await open();
      await sql`update public.transactions set completed_at = now() - interval '8 days' where id = ${id}`;
      await sql`alter table public.transactions disable trigger user`;
      await sql`update public.transactions set status = 'completed' where id = ${id}`;
      await sql`alter table public.transactions enable trigger user`;
      await sql`insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
      values ('Purchase', ${id}, now(), ${id})`;
      await dispatchNow(platform);
      assertEquals([await statesOf(platform, id), graph.capi.requests.length], [["expired"], 0]);
      const [row] =
        await sql`select state, user_data, final_at is not null as is_final from fb_ads.conversion_events where event_id = ${id}`;
      assertEquals(row, { state: "expired", user_data: null, is_final: true });
    },
  );

  await step("a sale of more than 7 days ago is expired and in no request", async () => {
    await agree(BUYER);
    const id = await open();
    await sql`update fb_ads.attached_tables set attached_at = now() - interval '30 days'`;
    await sql`insert into fb_ads.conversion_events (event_name, event_id, event_time, transaction_ref)
      values ('Purchase', ${id}, now() - interval '7 days', ${id})`;
    await dispatchNow(platform);
    assertEquals([await statesOf(platform, id), graph.capi.requests.length], [["expired"], 0]);
  });
});

Deno.test("capi-event sends without consent where none is asked for, and never against a denial", async () => {
  await using suite = await startCapiSuite({ functionEnv: { FB_ADS_REQUIRE_CONSENT: "false" } });
  const { platform } = suite;
  const events = [
    pageView("unknown", { consent: undefined }),
    pageView("denied", { consent: "denied", user_data: {} }),
  ];
  const answers = await answersOf(await postAsBrowser(platform, { events }));
  assertEquals(answers.map((answer) => answer.status), ["accepted", "suppressed"]);
});

Deno.test("capi-event answers a misconfigured project without telling a stranger why", async () => {
  await using suite = await startSuite({ functionEnv: { FB_ADS_ALLOWED_ORIGINS: "https://shop.example" } });
  const response = await postAsBrowser(suite.platform, pageView("x"));
  const text = await response.text();
  assertEquals(response.status, 500);
  assert(!text.includes("META_PIXEL_ID"));
});
