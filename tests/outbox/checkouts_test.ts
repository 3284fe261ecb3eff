/**
 * Which checkout a sale uses: the one that fits, never the one that came first. What an anonymous browser says of an
 * order counts only while no other browser says so too.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { makeShop } from "../../scripts/dev/testing/shop_suite.ts";
import { emptyTables } from "../../scripts/supabase-local/waiting.ts";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";
import { type EventPlan, storeEvents } from "./stored_events.ts";

const BUYER = "7d1f0b9c-0e7b-4c55-8f0e-2f4f0c7f7a01";
// printf '%s' 7d1f0b9c-0e7b-4c55-8f0e-2f4f0c7f7a01 | sha256sum
const BUYER_DIGEST = "76cb99edf21880e15573bd4c382983ec99ebb50fe6db642e4c1245be133b075b";
const STRANGER_DIGEST = "e".repeat(64);
// printf '%s' siti@example.com | sha256sum
const SITI_EM = "3684a581ce82ee39a1541130095759584e4c574d3db3e88b193256c20fae9747";
const ONE = "1".repeat(64);
const OTHER = "2".repeat(64);

interface Claimed {
  checkout: { event_id: string; content: unknown } | null;
  browser_digest: string | null;
  consent: string | null;
}

Deno.test("a sale uses the checkout that fits it", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeShop(platform);
  await sql`insert into public.unified_profiles (id, email) values (${BUYER}, 'Siti@example.com')`;

  /** Seconds ago; every sale is made 600 s ago and paid now unless it says otherwise. */
  const secondsAgo = (seconds: number) => Math.floor(Date.now() / 1_000) - seconds;
  const checkout = (event_id: string, more: Partial<EventPlan> = {}): EventPlan => ({
    event_name: "InitiateCheckout",
    event_id,
    event_time: secondsAgo(300),
    browser_digest: ONE,
    order_id: "INV-1",
    ...more,
  });
  const byBrowser = (...plans: EventPlan[]) => storeEvents(platform, plans, ["1"], "browser");
  const byServer = (...plans: EventPlan[]) => storeEvents(platform, plans, ["1"], "server");

  async function sell(order_number: string, user: string | null = null, made = 600, paid = 0): Promise<string> {
    const [row] = await sql`
      insert into public.transactions (user_id, status, amount, currency, order_number, created_at, completed_at)
      values (${user}, 'completed', 150000, 'IDR', ${order_number}, now() - make_interval(secs => ${made}),
        now() - make_interval(secs => ${paid}))
      returning id`;
    return String(row?.id);
  }
  async function claimAll(require_consent = false): Promise<Map<string, Claimed>> {
    const [row] = await sql`select public.fb_claim_purchases(
      ${sql.json({ pixel_ids: ["1"], require_consent, limit: 100 })}) as answer`;
    return new Map(decodeClaims(row?.answer).map((claim) => [claim.sale.transaction_ref, claim]));
  }
  async function claimed(ref: string): Promise<string | null> {
    return (await claimAll()).get(ref)?.checkout?.event_id ?? null;
  }
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      await run();
      await emptyTables(sql, ["fb_ads.conversion_events", "fb_ads.event_deliveries", "fb_ads.consents"]);
      await sql`delete from public.transactions`;
    });

  await step(
    "one anonymous browser that names the order lends its data, unless it does so after the payment",
    async () => {
      const paid = await sell("INV-1", null, 600, 0);
      const unpaid = await sell("INV-2", null, 600, -600);
      await byBrowser(checkout("late"), checkout("early", { order_id: "INV-2" }));
      const claims = await claimAll();
      assertEquals(claims.get(paid)?.checkout, null);
      assertEquals(claims.get(unpaid)?.checkout?.event_id, "early");
    },
  );

  const CONFLICTS: [string, Partial<EventPlan>, Partial<EventPlan>, string | null, string | null][] = [
    ["two browsers that name one order lend nothing", {}, { browser_digest: OTHER }, null, null],
    [
      "the one that shares the sale's e-mail address decides",
      { person_digests: [SITI_EM] },
      { browser_digest: OTHER },
      BUYER,
      "a",
    ],
    [
      "whoever of them came first makes no difference",
      { browser_digest: OTHER },
      { person_digests: [SITI_EM] },
      BUYER,
      "b",
    ],
    [
      "two that both share it lend nothing",
      { person_digests: [SITI_EM] },
      { browser_digest: OTHER, person_digests: [SITI_EM] },
      BUYER,
      null,
    ],
    [
      "the verified user's own counts whatever browsers say",
      { user_digest: BUYER_DIGEST },
      { browser_digest: OTHER },
      BUYER,
      "a",
    ],
    ["another verified user's never does", { user_digest: STRANGER_DIGEST }, {}, BUYER, "b"],
  ];
  for (const [name, first, second, user, expected] of CONFLICTS) {
    await step(name, async () => {
      await byBrowser(checkout("a", first));
      await byBrowser(checkout("b", second));
      const ref = await sell("INV-1", user, 600, -1);
      assertEquals(await claimed(ref), expected);
    });
  }

  await step("what a server reports counts at once, beside any number of browsers", async () => {
    await byBrowser(checkout("a"), checkout("b", { browser_digest: OTHER }));
    await byServer(checkout("told", { browser_digest: "3".repeat(64) }));
    const ref = await sell("INV-1", null, 600, -1);
    assertEquals(await claimed(ref), "told");
  });

  await step(
    "a stranger's denial does not overrule a user who agreed, and the latest word of a guest's conflicting checkouts counts",
    async () => {
      await sql`insert into fb_ads.consents (subject_kind, subject, state, since, source)
      values ('user', ${BUYER_DIGEST}, 'granted', now() - interval '1 day', 'request')`;
      await byBrowser(
        checkout("denied", { consent: "denied" }),
        checkout("denied 2", { consent: "denied", order_id: "INV-2" }),
      );
      const user = await sell("INV-1", BUYER, 600, -1);
      const guest = await sell("INV-2", null, 600, -1);
      const claims = await claimAll();
      assertEquals(claims.get(user)?.consent, "granted");
      assertEquals(claims.get(guest)?.consent, undefined, "suppressed");
      const [row] = await sql`select state, consent from fb_ads.conversion_events where transaction_ref = ${guest}`;
      assertEquals({ ...row }, { state: "suppressed", consent: "denied" });
    },
  );

  await step("a checkout that names another order is never lent, not even to the same user", async () => {
    await byBrowser(checkout("x", { user_digest: BUYER_DIGEST, order_id: "INV-X" }));
    const ref = await sell("INV-Y", BUYER, 600, -1);
    assertEquals(await claimed(ref), null);
  });

  await step("a user's checkout without an order is used once, by the sale paid first", async () => {
    await byBrowser(checkout("any", { user_digest: BUYER_DIGEST, order_id: null }));
    const first = await sell("INV-1", BUYER, 600, -1);
    const second = await sell("INV-2", BUYER, 600, -2);
    const claims = await claimAll();
    assertEquals(claims.get(first)?.checkout?.event_id, "any");
    assertEquals(claims.get(second)?.checkout, null);
    const third = await sell("INV-3", BUYER, 600, -3);
    assertEquals(await claimed(third), null);
  });

  await step("an order number that began anew takes nothing from its earlier use", async () => {
    await byBrowser(checkout("old", { event_time: secondsAgo(5 * 86_400), person_digests: [SITI_EM] }));
    const ref = await sell("INV-1", null, 600, -1);
    assertEquals(await claimed(ref), null);
  });

  await step("a checkout up to an hour older than its transaction fits, an older one does not", async () => {
    await byBrowser(
      checkout("near", { event_time: secondsAgo(4_100) }),
      checkout("far", { event_time: secondsAgo(4_400), order_id: "INV-2" }),
    );
    const near = await sell("INV-1", null, 600, -1);
    const far = await sell("INV-2", null, 600, -1);
    const claims = await claimAll();
    assertEquals(claims.get(near)?.checkout?.event_id, "near");
    assertEquals(claims.get(far)?.checkout, null);
  });
});

function decodeClaims(answer: unknown): (Claimed & { sale: { transaction_ref: string } })[] {
  return (answer as { purchases: (Claimed & { sale: { transaction_ref: string } })[] }).purchases;
}
