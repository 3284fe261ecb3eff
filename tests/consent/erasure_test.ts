/**
 * `fb_erase_person` and the retention: what goes, what stays, and that nothing comes back.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";
import { makeShop } from "../../scripts/dev/testing/shop_suite.ts";
import { storeEvents } from "../outbox/stored_events.ts";

const USER = "7d1f0b9c-0e7b-4c55-8f0e-2f4f0c7f7a01";
/** SHA-256 of the user's id. */
const USER_DIGEST = "76cb99edf21880e15573bd4c382983ec99ebb50fe6db642e4c1245be133b075b";
/** SHA-256 of `siti@example.com`. */
const SITI = "3684a581ce82ee39a1541130095759584e4c574d3db3e88b193256c20fae9747";
const OTHER = "e".repeat(64);

Deno.test("`fb_erase_person` removes a person everywhere and leaves keys that the sweep respects", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeShop(platform);

  async function fill(): Promise<void> {
    await sql`truncate fb_ads.conversion_events, fb_ads.consents cascade`;
    await sql`delete from public.transactions`;
    await sql`delete from public.unified_profiles`;
    await sql`delete from public.ad_attributions`;
    await sql`insert into public.unified_profiles (id, email) values (${USER}, 'siti@example.com')`;
    await storeEvents(platform, [
      {
        event_id: "mine",
        user_digest: USER_DIGEST,
        person_digests: [USER_DIGEST, SITI],
        browser_digest: "f".repeat(64),
      },
      { event_id: "mine before log-in", browser_digest: "f".repeat(64), browser_data: { fbp: "fb.1.1.1" } },
      { event_id: "mine by mail", person_digests: [SITI] },
      { event_id: "another's", user_digest: OTHER, person_digests: [OTHER] },
    ]);
    await sql`alter table public.transactions disable trigger user`;
    await sql`insert into public.transactions (user_id, status, completed_at) values (${USER}, 'completed', now())`;
    await sql`alter table public.transactions enable trigger user`;
    await sql`insert into public.transactions (user_id, status, completed_at) values (${USER}, 'completed', now())`;
    await sql`insert into public.ad_attributions (transaction_ref, user_id, user_ref, conversion_event, event_time, fb_click_id)
      select id::text, user_id, user_id::text, 'Purchase', now(), 'IwAR' from public.transactions limit 1`;
  }

  async function expectErased(): Promise<void> {
    const rows =
      await sql`select event_name, event_id, state, content, user_data, browser_data, user_digest, person_digests, order_id
      from fb_ads.conversion_events where event_id <> 'another''s'`;
    assertEquals(rows.filter((row) => row.event_name === "Purchase").length, 2);
    assertEquals(rows.length, 5);
    for (const { event_name: _, event_id: __, ...row } of rows) {
      assertEquals(row, {
        state: "erased",
        content: null,
        user_data: null,
        browser_data: null,
        user_digest: null,
        person_digests: null,
        order_id: null,
      });
    }
    assertEquals(
      (await sql`select state from fb_ads.conversion_events where event_id = 'another''s'`)[0]?.state,
      "stored",
    );
    assertEquals((await sql`select from fb_ads.consents where subject = ${USER_DIGEST}`).length, 0);
    const [credit] = await sql`select user_id, user_ref, fb_click_id from public.ad_attributions`;
    assertEquals(credit, { user_id: null, user_ref: null, fb_click_id: null });
    await sql`select fb_ads.sweep_purchases()`;
    await sql`update public.transactions set status = 'refunded'`;
    await sql`update public.transactions set status = 'completed'`;
    assertEquals((await sql`select from fb_ads.conversion_events where state = 'waiting'`).length, 0);
    const claim = sql.json({ pixels: [{ pixel_id: "1", token_fingerprint: "0" }] });
    const claimed = (await sql`select public.fb_claim_deliveries(${claim}) as c`)[0]?.c.deliveries;
    assertEquals(claimed.map((delivery: { event_id: string }) => delivery.event_id), ["another's"]);
    assertEquals(await storeEvents(platform, [{ event_id: "mine", user_digest: USER_DIGEST }]), ["duplicate"]);
  }

  await t.step("by user id", async () => {
    await fill();
    await sql`select public.fb_erase_person(${USER})`;
    await expectErased();
  });

  await t.step("by the digest of the e-mail address", async () => {
    await fill();
    await sql`select public.fb_erase_person(${SITI})`;
    await expectErased();
  });
});

Deno.test("`fb_erase_person` finds the user behind an address or a number at any age, and keeps an objection", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeShop(platform);
  /** SHA-256 of `6281234567890`. */
  const number = "dd752605096029a73495a91862983963e1947a834a4300808074185af10bb725";

  async function fill(phone: string): Promise<void> {
    await sql`truncate fb_ads.conversion_events, fb_ads.consents cascade`;
    await sql`delete from public.ad_attributions`;
    await sql`delete from public.transactions`;
    await sql`delete from public.unified_profiles`;
    await sql`insert into public.unified_profiles (id, email, phone)
      values (${USER}, 'siti@example.com', ${phone}), (gen_random_uuid(), 'budi@example.com', '0812-3456-7891')`;
    // Sold a year ago: no event and no touchpoint is left.
    await sql`alter table public.transactions disable trigger user`;
    await sql`insert into public.transactions (user_id, status, created_at, completed_at)
      select id, 'completed', now() - interval '1 year', now() - interval '1 year' from public.unified_profiles`;
    await sql`alter table public.transactions enable trigger user`;
    await sql`insert into public.ad_attributions (transaction_ref, user_id, user_ref, conversion_event, event_time, fb_click_id)
      select id::text, user_id, user_id::text, 'Purchase', completed_at, 'IwAR' from public.transactions`;
    const denial = { state: "denied", user_digest: USER_DIGEST };
    await sql`select public.fb_store_consent(${sql.json({ ...denial, state: "granted", since: 1_795_000_000 })})`;
    await sql`select public.fb_store_consent(${sql.json({ ...denial, since: 1_795_100_000 })})`;
    await sql`select public.fb_store_consent(${sql.json({ ...denial, since: 1_795_200_000 })})`;
  }

  const kept = "+62 812-3456-7890";
  const cases: [person: string, phone: string][] = [
    [USER, kept],
    [SITI, kept],
    ["Siti@Example.com ", kept],
    ["+62 812 3456 7890", kept],
    [number, kept],
    // The host keeps the number as people write it at home.
    [number, "0812-3456-7890"],
    ["+62 812 3456 7890", "0812-3456-7890"],
    ["081234567890", "0812-3456-7890"],
  ];
  for (const [person, phone] of cases) {
    await t.step(`by ${person.slice(0, 20)}, where the host keeps ${phone}`, async () => {
      await fill(phone);
      await sql`select public.fb_erase_person(${person})`;
      const credits = await sql`select attribution.user_id, attribution.user_ref, attribution.fb_click_id
        from public.ad_attributions as attribution
        join public.transactions as sale on sale.id::text = attribution.transaction_ref
        order by sale.user_id = ${USER} desc`;
      assertEquals({ ...credits[0] }, { user_id: null, user_ref: null, fb_click_id: null });
      assertEquals(credits[1]?.fb_click_id, "IwAR");
      const consents = await sql`select state, extract(epoch from since)::int as since from fb_ads.consents`;
      assertEquals([...consents].map((row) => ({ ...row })), [{ state: "denied", since: 1_795_200_000 }]);

      await sql`insert into public.transactions (user_id, status, completed_at) values (${USER}, 'completed', now())`;
      const claim = { pixel_ids: ["1"], require_consent: false, most: 10 };
      await sql`select public.fb_claim_purchases(${sql.json(claim)})`;
      const states = await sql`select state, consent from fb_ads.conversion_events where state <> 'erased'`;
      assertEquals([...states].map((row) => ({ ...row })), [{ state: "suppressed", consent: "denied" }]);
    });
  }
});

Deno.test("`fb_erase_person` knows a guest's browser, unless somebody else was seen in it", async () => {
  await using platform = await startPlatform({ schedule: false });
  const [mine, shared] = ["a".repeat(64), "b".repeat(64)];
  await storeEvents(platform, [
    { event_id: "landing", browser_digest: mine },
    { event_id: "lead", browser_digest: mine, person_digests: [SITI] },
    { event_id: "lead elsewhere", browser_digest: shared, person_digests: [SITI] },
    { event_id: "landing elsewhere", browser_digest: shared },
    { event_id: "another's lead elsewhere", browser_digest: shared, person_digests: [OTHER] },
  ]);
  await platform.sql`select public.fb_erase_person(${SITI})`;
  const rows = await platform.sql`select event_id from fb_ads.conversion_events where state <> 'erased' order by 1`;
  assertEquals(rows.map((row) => row.event_id), ["another's lead elsewhere", "landing elsewhere"]);
});

Deno.test("`fb_erase_person` knows the sales of a host that keeps no time of payment", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql.unsafe(`
    set role postgres;
    create table public.transactions (id uuid primary key default gen_random_uuid(), user_id text, status text, created_at timestamptz);
    select fb_ads.attach_transactions('public.transactions');
    insert into public.transactions (user_id, status, created_at) values ('42', 'paid', now() - interval '20 days'), ('43', 'paid', now());
    alter table public.transactions disable trigger user;
    insert into public.transactions (user_id, status, created_at) values ('42', 'paid', now());
    alter table public.transactions enable trigger user;
    reset role;
  `);
  await sql`select public.fb_erase_person('42')`;
  await sql`select fb_ads.sweep_purchases()`;
  const rows = await sql`select sale.user_id, event.state from fb_ads.conversion_events as event
    join public.transactions as sale on sale.id::text = event.event_id order by sale.user_id, event.state`;
  assertEquals(rows.map((row) => [row.user_id, row.state]), [["42", "erased"], ["42", "erased"], ["43", "waiting"]]);
});

Deno.test("the retention strips credited sales of their click ids", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await sql`insert into public.ad_attributions (transaction_ref, conversion_event, event_time, fb_click_id)
    select days::text, 'Purchase', now() - days * interval '1 day', 'IwAR' from unnest(array[89, 91, 92]) as days`;
  const strip = async (most: number) => (await sql`select fb_ads.delete_old_touchpoints(${most})::int as n`)[0]?.n;
  assertEquals([await strip(1), await strip(5), await strip(5)], [1, 1, 0]);
  const kept = await sql`select transaction_ref from public.ad_attributions where fb_click_id is not null`;
  assertEquals(kept.map((row) => row.transaction_ref), ["89"]);
});

Deno.test("the retention deletes what is old and keeps a Purchase's key", async () => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await storeEvents(platform, [
    { event_id: "view", event_name: "PageView" },
    { event_id: "lead" },
    { event_id: "young" },
    { event_id: "sale", event_name: "Purchase", person_digests: [SITI], order_id: "o" },
    { event_id: "checkout", event_name: "InitiateCheckout", browser_data: { fbp: "fb.1.1.1" } },
    { event_id: "blocked for a week", browser_data: { fbp: "fb.1.1.1" } },
  ]);
  await sql`update fb_ads.event_deliveries set state = 'sent', sent_at = now() where event_row_id not in
    (select id from fb_ads.conversion_events where event_id = 'blocked for a week')`;
  await sql`update fb_ads.event_deliveries set state = 'blocked' where state = 'pending'`;
  await sql`update fb_ads.conversion_events set event_time = now() - interval '8 days' where event_id = 'blocked for a week'`;
  await sql`update fb_ads.conversion_events set received_at = now() - interval '169 hours' where event_id = 'checkout'`;
  await sql`update fb_ads.conversion_events set final_at = now() - case event_id
      when 'view' then interval '73 hours' when 'young' then interval '29 days' else interval '31 days' end
    where event_id in ('view', 'lead', 'young', 'sale')`;
  // The view, the lead, the sale's content, the checkout's clear data, and what waited too long.
  assertEquals((await sql`select fb_ads.delete_old_events()::int as n`)[0]?.n, 5);
  assertEquals((await sql`select fb_ads.delete_old_events()::int as n`)[0]?.n, 0);
  const rows =
    await sql`select event_id, content is null as is_bare, browser_data from fb_ads.conversion_events order by 1`;
  assertEquals(rows.map((row) => [row.event_id, row.is_bare, row.browser_data]), [
    ["blocked for a week", false, null],
    ["checkout", false, null],
    ["sale", true, null],
    ["young", false, null],
  ]);
  assertEquals((await sql`select person_digests, order_id from fb_ads.conversion_events where event_id = 'sale'`)[0], {
    person_digests: null,
    order_id: null,
  });
  assert((await sql`select fb_ads.has_delivery_work() as work`)[0]?.work === false);
});
