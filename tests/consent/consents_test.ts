/**
 * Consent: the newest wins, denial wins a tie, and withdrawal takes back what waits.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Platform, startPlatform } from "../../scripts/supabase-local/mod.ts";
import { storeEvents } from "../outbox/stored_events.ts";

const USER = "a".repeat(64);
const BROWSER = "b".repeat(64);

async function newest(platform: Platform, user: string | null, browser: string | null): Promise<string | null> {
  const [row] = await platform.sql`select state from fb_ads.newest_consent(${user}, ${browser})`;
  return row?.state ?? null;
}

Deno.test("consent follows what was said last", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  const say = (state: string, since: number | null, digests: Record<string, string>) =>
    sql`select public.fb_store_consent(${sql.json({ state, since, ...digests })}) as r`;
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      await sql`truncate fb_ads.consents, fb_ads.conversion_events cascade`;
      await run();
    });

  await step(
    "nobody said anything: nothing is known",
    async () => assertEquals(await newest(platform, USER, BROWSER), null),
  );

  await step("the newest of user and browser wins, whatever the order of arrival", async () => {
    await say("denied", 1_795_300_000, { user_digest: USER });
    await say("granted", 1_795_300_010, { browser_digest: BROWSER });
    await say("granted", 1_795_299_000, { user_digest: USER });
    assertEquals(await newest(platform, USER, BROWSER), "granted");
    assertEquals(await newest(platform, USER, null), "denied");
  });

  await step("a denial wins a tie", async () => {
    await say("denied", 1_795_300_000, { user_digest: USER });
    await say("granted", 1_795_300_000, { user_digest: USER });
    assertEquals(await newest(platform, USER, null), "denied");
  });

  await step("said twice is said once", async () => {
    await say("granted", 1_795_300_000, { user_digest: USER });
    await say("granted", 1_795_300_000, { user_digest: USER });
    assertEquals((await sql`select from fb_ads.consents`).length, 1);
  });

  await step("a decision of the future counts from now", async () => {
    await say("granted", Math.floor(Date.now() / 1_000) + 250, { user_digest: USER });
    await say("denied", null, { user_digest: USER });
    assertEquals(await newest(platform, USER, null), "denied");
  });

  await step(
    "an event's consent is kept when it changes what was known, and an event without one goes by it",
    async () => {
      assertEquals(await storeEvents(platform, [{ event_id: "1", consent: "granted", user_digest: USER }]), ["stored"]);
      assertEquals(await storeEvents(platform, [{ event_id: "2", consent: "granted", user_digest: USER }]), ["stored"]);
      assertEquals((await sql`select from fb_ads.consents`).length, 1);
      assertEquals(await storeEvents(platform, [{ event_id: "3", consent: null, user_digest: USER }]), ["stored"]);
      assertEquals(await storeEvents(platform, [{ event_id: "4", consent: null, user_digest: "c".repeat(64) }]), [
        "suppressed",
      ]);
    },
  );

  await step("a newer denial beats the event's older yes; a denial on the event beats everything", async () => {
    await say("denied", null, { browser_digest: BROWSER });
    const earlier = { event_time: Math.floor(Date.now() / 1_000) - 60, browser_digest: BROWSER };
    assertEquals(await storeEvents(platform, [{ event_id: "5", consent: "granted", ...earlier }]), ["suppressed"]);
    assertEquals(await storeEvents(platform, [{ event_id: "6", consent: "granted", browser_digest: BROWSER }]), [
      "stored",
    ]);
    assertEquals(await storeEvents(platform, [{ event_id: "7", consent: "denied", browser_digest: BROWSER }]), [
      "suppressed",
    ]);
    // And took back what waited of the same browser.
    assertEquals((await sql`select state from fb_ads.event_deliveries where state = 'pending'`).length, 0);
  });

  await step("withdrawal takes back what waits of the user and the browser, and nothing of others", async () => {
    await storeEvents(platform, [
      { event_id: "u", consent: "granted", user_digest: USER },
      { event_id: "o", consent: "granted", user_digest: "d".repeat(64) },
      { event_id: "s", consent: "granted", user_digest: USER },
    ]);
    await sql`update fb_ads.event_deliveries set state = 'sent', sent_at = now()
      where event_row_id = (select id from fb_ads.conversion_events where event_id = 's')`;
    await say("denied", null, { user_digest: USER });
    const rows = await sql`select event.event_id, delivery.state, event.user_data is null as is_stripped
      from fb_ads.event_deliveries as delivery join fb_ads.conversion_events as event on event.id = delivery.event_row_id order by 1`;
    assertEquals(rows.map((row) => [row.event_id, row.state, row.is_stripped]), [
      ["o", "pending", false],
      ["s", "sent", false],
      ["u", "suppressed", true],
    ]);
  });

  await step("what is under way when consent is withdrawn is not sent a second time", async () => {
    await storeEvents(platform, [{ event_id: "w", consent: "granted", user_digest: USER }]);
    const claim = sql.json({ pixels: [{ pixel_id: "1", token_fingerprint: "0" }] });
    await sql`select public.fb_claim_deliveries(${claim})`;
    await say("denied", null, { user_digest: USER });
    assertEquals((await sql`select state from fb_ads.event_deliveries`)[0]?.state, "sending");
    await sql`update fb_ads.event_deliveries set lease_until = now()`;
    assertEquals((await sql`select public.fb_claim_deliveries(${claim}) as c`)[0]?.c.deliveries, []);
    assertEquals((await sql`select state from fb_ads.event_deliveries`)[0]?.state, "suppressed");
  });
});
