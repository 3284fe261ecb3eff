/**
 * Keeping touchpoints: one touchpoint is one row, a cookie seen first is filled in later, and old ones go.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startPlatform } from "../../scripts/supabase-local/mod.ts";
import {
  AD,
  DAY,
  fbp,
  forget,
  makeAttributionShop,
  makeHostShop,
  OTHER_AD,
  page,
  SITI_DIGEST,
  visit,
} from "./attribution_shop.ts";

Deno.test("touchpoints are kept once", async (t) => {
  await using platform = await startPlatform({ schedule: false });
  const { sql } = platform;
  await makeAttributionShop(platform);
  await makeHostShop(platform);
  const now = Math.floor(Date.now() / 1_000) - 60;

  const step = (name: string, work: () => Promise<void>) =>
    t.step(name, async () => {
      await forget(platform);
      await work();
    });
  const touchpoints = async () =>
    (await sql`
      select extract(epoch from touchpoint.clicked_at)::bigint::text as at, fb_ad_id, fbclid, browser_digest is not null as has_browser
      from (
        select distinct touchpoint_id, clicked_at
        from fb_ads.collapse_touchpoints(array(select known from fb_ads.touchpoints as known))
      ) as touchpoint
      join fb_ads.touchpoints as known on known.id = touchpoint.touchpoint_id
      order by touchpoint.clicked_at, known.id`).map((row) => ({ ...row }));

  await step("a click id in one browser is one touchpoint for ever, at its earliest time", async () => {
    const url = page(`ad_id=${AD}&fbclid=IwAR0abc`);
    for (const at of [now - 5 * DAY, now, now - 6 * DAY]) await visit(platform, { at, url, fbp: fbp(1) });
    assertEquals(await touchpoints(), [{
      at: String(now - 6 * DAY),
      fb_ad_id: AD,
      fbclid: "IwAR0abc",
      has_browser: true,
    }]);
  });

  await step("a link that is passed on is another browser's touchpoint", async () => {
    const url = page(`ad_id=${AD}&fbclid=IwAR0abc`);
    await visit(platform, { at: now - 600, url, fbp: fbp(1) }, { at: now, url, fbp: fbp(2) });
    assertEquals((await touchpoints()).length, 2);
  });

  await step(
    "a cookie seen before its touchpoint gets the touchpoint's ids, and a browser once there is one",
    async () => {
      const fbc = `fb.1.${(now - 900) * 1_000}.IwAR0abc`;
      await visit(platform, { at: now - 600, fbc });
      assertEquals(await touchpoints(), [{
        at: String(now - 900),
        fb_ad_id: null,
        fbclid: "IwAR0abc",
        has_browser: false,
      }]);
      assertEquals(await visit(platform, { at: now - 500, url: page(`ad_id=${AD}&fbclid=IwAR0abc`), fbp: fbp(1) }), 1);
      assertEquals(await touchpoints(), [{
        at: String(now - 900),
        fb_ad_id: AD,
        fbclid: "IwAR0abc",
        has_browser: true,
      }]);
      await visit(platform, { at: now, fbc, fbp: fbp(1) });
      assertEquals((await touchpoints()).length, 1);
    },
  );

  await step("without a click id a reload is the same ids from the same browser within 30 minutes", async () => {
    const url = page(`ad_id=${AD}`);
    const landings = async (at: number, browser: number) => {
      await visit(platform, { at, url, fbp: fbp(browser) });
      return (await touchpoints()).length;
    };
    assertEquals(await landings(now - 7_200, 1), 1);
    assertEquals(await landings(now - 7_200 + 1_800, 1), 1);
    assertEquals(await landings(now - 7_200 + 3_601, 1), 2);
    assertEquals(await landings(now - 7_200 + 3_601, 2), 3);
  });

  await step("coming back to an ad after another one is a touchpoint of its own", async () => {
    await visit(platform, { at: now - 300, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    await visit(platform, { at: now - 200, url: page(`ad_id=${OTHER_AD}`), fbp: fbp(1) });
    assertEquals(await visit(platform, { at: now - 100, url: page(`ad_id=${AD}`), fbp: fbp(1) }), 1);
    assertEquals((await touchpoints()).map((touchpoint) => touchpoint.fb_ad_id), [AD, OTHER_AD, AD]);
  });

  await step("twenty reports at once are one touchpoint", async () => {
    const url = page(`ad_id=${AD}`);
    await Promise.all(Array.from({ length: 20 }, () => visit(platform, { at: now, url, fbp: fbp(1) })));
    assertEquals((await touchpoints()).length, 1);
  });

  await step("a touchpoint is one whichever of its pages is received first", async () => {
    const fbc = `fb.1.${(now - 60) * 1_000 + 700}.IwAR0abc`;
    const landing = { at: now - 60, url: page(`ad_id=${AD}&fbclid=IwAR0abc`), fbp: fbp(1), fbc };
    const lead = { at: now - 60, url: page(`ad_id=${AD}`), fbp: fbp(1), fbc };
    const expected = [{ at: String(now - 60), fb_ad_id: AD, fbclid: "IwAR0abc", has_browser: true }];
    for (const order of [[[landing], [lead]], [[lead], [landing]], [[lead, landing]], [[landing, lead]]]) {
      await forget(platform);
      for (const batch of order) await visit(platform, ...batch);
      assertEquals(await touchpoints(), expected);
    }
    for (let round = 0; round < 20; round++) {
      await forget(platform);
      await Promise.all([lead, landing, lead, landing].map((one) => visit(platform, one)));
      assertEquals(await touchpoints(), expected);
    }
  });

  await step("a page received before a click is not that click's when it was another visit", async () => {
    const url = page(`ad_id=${AD}&fbclid=IwAR0abc`);
    await visit(platform, { at: now - 900, url: page(`ad_id=${AD}`), fbp: fbp(1) });
    await visit(platform, { at: now - 300, url: page(`ad_id=${OTHER_AD}`), fbp: fbp(1) });
    await visit(platform, {
      at: now - 200,
      url: page(`ad_id=${AD}`),
      fbp: fbp(1),
      fbc: `fb.1.${(now - 200) * 1_000}.IwAR0z`,
    });
    assertEquals(await visit(platform, { at: now - 600, url, fbp: fbp(1) }), 1);
    assertEquals((await touchpoints()).map((touchpoint) => touchpoint.fbclid), [null, "IwAR0abc", null, null]);
  });

  await step(
    "a page, its checkout and its landing page are one touchpoint in every order, as long as the window goes",
    async () => {
      const at = now - 900;
      const fbc = `fb.1.${at * 1_000}.IwAR0abc`;
      const landing = { at, url: page(`ad_id=${AD}&fbclid=IwAR0abc`), fbp: fbp(1), fbc };
      const next = { at: at + 5, url: page(`ad_id=${AD}`), fbp: fbp(1), fbc };
      const checkout = { at: at + 60, fbp: fbp(1), fbc };
      const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
      for (const order of orders) {
        await forget(platform);
        for (const place of order) await visit(platform, [landing, next, checkout][place] ?? landing);
        assertEquals(
          await touchpoints(),
          [{ at: String(at), fb_ad_id: AD, fbclid: "IwAR0abc", has_browser: true }],
          `${order}`,
        );
      }
    },
  );

  await step("one fbc for ever, as some hosts send it, does not date a touchpoint back", async () => {
    const fbc = "fb.1.1700000000000.IwAR0abc";
    const landing = { at: now - 900, url: page(`ad_id=${AD}&fbclid=IwAR0abc`), fbp: fbp(1), fbc };
    const checkout = { at: now - 200, fbp: fbp(1), fbc };
    for (const order of [[landing, checkout], [checkout, landing]]) {
      await forget(platform);
      for (const one of order) await visit(platform, one);
      assertEquals(await touchpoints(), [{
        at: String(now - 900),
        fb_ad_id: AD,
        fbclid: "IwAR0abc",
        has_browser: true,
      }]);
    }
  });

  await step(
    "of two pages without a click id the earlier dates the touchpoint, whichever is received first",
    async () => {
      const first = { at: now - 900, url: page(`ad_id=${AD}`), fbp: fbp(1) };
      const second = { at: now - 600, url: page(`ad_id=${AD}`), fbp: fbp(1) };
      for (const order of [[first, second], [second, first]]) {
        await forget(platform);
        for (const one of order) await visit(platform, one);
        assertEquals(await touchpoints(), [{ at: String(now - 900), fb_ad_id: AD, fbclid: null, has_browser: true }]);
      }
    },
  );

  await step("an anonymous browser's touchpoint counts from its receipt, unless it was seen then", async () => {
    const url = page(`ad_id=${AD}`);
    const late = { at: now - 5 * DAY, url, received_at: now };
    await visit(platform, { ...late, fbp: fbp(1) });
    assertEquals((await touchpoints()).map((touchpoint) => touchpoint.at), [String(now - 600)]);
    await visit(platform, { ...late, fbp: fbp(2), reported_by: "server" });
    assertEquals((await touchpoints()).map((touchpoint) => touchpoint.at), [String(now - 5 * DAY), String(now - 600)]);
    await forget(platform);
    await visit(platform, { at: now - 5 * DAY - 60, url, fbp: fbp(2) });
    await visit(platform, { ...late, url: page(`ad_id=${OTHER_AD}`), fbp: fbp(2) });
    assertEquals((await touchpoints()).map((touchpoint) => touchpoint.at), [
      String(now - 5 * DAY - 60),
      String(now - 5 * DAY),
    ]);
  });

  await step("an anonymous browser stores sixty touchpoints an hour, a server any number", async () => {
    const many = Array.from({ length: 70 }, (_, index) => ({
      at: now,
      url: page(`ad_id=${AD}&fbclid=IwAR0${index}`),
      fbp: fbp(1),
    }));
    assertEquals(await visit(platform, ...many), 60);
    assertEquals(await visit(platform, ...many), 0);
    assertEquals(await visit(platform, ...many.map((one) => ({ ...one, reported_by: "server" as const }))), 70);
  });

  await step("a payment page of the settings is a payment page", async () => {
    await sql`update fb_ads.settings set payment_hosts = array['pay.example']`;
    try {
      const url = page(`ad_id=${AD}`);
      assertEquals(await visit(platform, { at: now, url, fbp: fbp(1), referrer: "https://www.pay.example/x" }), 0);
      assertEquals(await visit(platform, { at: now, url, fbp: fbp(1), referrer: "https://notpay.example/x" }), 1);
    } finally {
      await sql`update fb_ads.settings set payment_hosts = '{}'`;
    }
  });

  await step("old touchpoints and what is known of old browsers go, in batches", async () => {
    await visit(platform, { at: now - 91 * DAY, url: page(`ad_id=${AD}`), fbp: fbp(1), user: SITI_DIGEST });
    await visit(platform, { at: now - 91 * DAY, url: page(`ad_id=${AD}`), fbp: fbp(2) });
    await visit(platform, { at: now - 89 * DAY, url: page(`ad_id=${AD}`), fbp: fbp(3) });
    const [first] = await sql`select fb_ads.delete_old_touchpoints(1)::int as gone`;
    const [second] = await sql`select fb_ads.delete_old_touchpoints()::int as gone`;
    const [third] = await sql`select fb_ads.delete_old_touchpoints()::int as gone`;
    assertEquals([first?.gone, second?.gone, third?.gone], [2, 1, 0]);
    assertEquals((await touchpoints()).length, 1);
  });

  await step("digests of sales that can no longer change go", async () => {
    await sql`
      insert into fb_ads.attribution_results (transaction_ref, outcome, reason, completed_at, checkout_at, match_keys)
      values ('old', 'unattributed', 'no_touch', now() - interval '31 days', now() - interval '31 days', array['x']),
        ('new', 'unattributed', 'no_touch', now() - interval '29 days', now() - interval '29 days', array['x'])`;
    await sql`select fb_ads.delete_old_touchpoints()`;
    const rows = await sql`select transaction_ref from fb_ads.attribution_results where match_keys is not null`;
    assertEquals(rows.map((row) => row.transaction_ref), ["new"]);
  });
});
