/**
 * The browser client in a real browser, against `capi-event`: from the click on an ad to the sale that is credited to
 * it, and what happens where the visitor declines, storage is blocked or the network is away.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { sync } from "../../scripts/dev/testing/suite.ts";
import { browserTest, startChromium } from "../../scripts/dev/testing/chromium.ts";
import { metaAds } from "../cli/meta_ads.ts";
import { clearEvents, startShopSuite, type StoredEvent, storedEvents } from "./shop_suite.ts";
import { until } from "../../scripts/supabase-local/waiting.ts";

const LANDING = "utm_source=fb&utm_campaign=summer&ad_id=120230000000000011&fbclid=IwAR3xKp_9-a";

/** Everything that the client may leave in a profile. */
function readTraces(): string[] {
  const { document, localStorage } = globalThis as unknown as { document: { cookie: string }; localStorage: object };
  return [
    ...document.cookie.split("; ").filter((pair) => pair !== ""),
    ...Object.keys(localStorage).filter((key) => key !== "shop_consent"),
  ];
}

browserTest("the demo shop: a click on an ad becomes a sale of that ad", async () => {
  await using browser = await startChromium();
  await using suite = await startShopSuite();
  const { platform, shop } = suite;
  await sync(platform, "fb-sync-metadata");
  const { page, complaints } = await browser.open();

  await page.goto(`${shop.url}/feed`);
  await page.click("#decline");
  await page.click("#settings");
  await page.click("#accept");
  const link = page.locator("#ads a").first();
  const clicked = new URL(await link.getAttribute("href") ?? "", shop.url);
  await link.click();
  await page.waitForURL(/\/\?utm_source=fb/);
  await page.fill("#lead input", "siti@example.com");
  await page.click("#lead button");
  await page.click("text=Buy >> nth=1");
  await page.click("#order button");
  await page.waitForURL(/\/pay\//);
  // Whoever pays takes longer than his checkout's event.
  const isCheckout = ({ event_name }: StoredEvent) => event_name === "InitiateCheckout";
  await until("the checkout is stored", async () => (await storedEvents(suite)).some(isCheckout));
  await page.click("#pay");
  await page.waitForURL(/\/thanks/);
  const order_id = new URL(page.url()).searchParams.get("order") ?? "";
  assertEquals(await page.textContent("#purchase-id"), order_id);

  await until("all events are stored", async () => (await storedEvents(suite)).length === 5);
  const events = await storedEvents(suite);
  const landing = events.find(({ event_name, content }) =>
    event_name === "PageView" && content?.event_source_url === clicked.href
  );
  assert(landing !== undefined, "the landing was told with the address that the ad led to");
  const checkout = events.find(isCheckout);
  assertEquals(checkout?.content?.custom_data?.order_id, order_id);
  assertEquals(checkout?.content?.custom_data?.ad_id, clicked.searchParams.get("ad_id"));

  await platform.invoke("capi-event", { dispatch: true });
  await platform.invoke("attribute-purchase", { transaction_refs: [order_id] });
  const [sale] = await platform.sql`
    select ad.fb_ad_id, attribution.conversion_value, attribution.fb_click_id, attribution.confidence
    from public.ad_attributions as attribution
    join public.ad_ads as ad on ad.id = attribution.ad_id
    where attribution.transaction_ref = ${order_id}`;
  assertEquals(sale?.fb_ad_id, clicked.searchParams.get("ad_id"));
  assertEquals(sale?.fb_click_id, clicked.searchParams.get("fbclid"));
  assertEquals(sale?.conversion_value, "399000");
  assertEquals(complaints, []);

  const out = await Deno.makeTempFile({ suffix: ".html" });
  const reported = await metaAds(["report", "--out", out], { DB_URL: platform.dbUrl });
  assertMatch(reported.stdout, /^.*\.html: .* kB\n$/);
  const report = await browser.open();
  await report.page.goto(`file://${out}`);
  await Deno.remove(out);
  assertEquals(report.complaints, []);
  const [ad] = await platform.sql`select name from public.ad_ads where fb_ad_id = ${clicked.searchParams.get("ad_id")}`;
  const row = report.page.locator("[data-table=live-0] tbody tr", { hasText: `${ad?.name}` });
  assertMatch(await row.textContent() ?? "", /399,000/);
  assertMatch(await report.page.locator("#coverage ~ .note").textContent() ?? "", /^1 of 1 paid sales are credited/);
  assertMatch(await report.page.locator("#funnel ~ .bars").textContent() ?? "", /Purchases1/);
  await page.click("text=The report");
  assertMatch(await page.locator("#coverage ~ .note").textContent() ?? "", /^1 of 1 paid sales are credited/);
});

browserTest("createMetaAds() in the browser", async (test) => {
  await using browser = await startChromium();
  await using suite = await startShopSuite();
  const { platform, graph, shop } = suite;
  // What a browser says of itself goes once Meta has it; it is looked at here.
  graph.faults.add({ match: { route: "events" }, action: { kind: "hold" } });

  await test.step("stores, sends and sets nothing before the visitor has chosen, and nothing without consent", async () => {
    await clearEvents(suite);
    const { page, context, requests } = await browser.open();
    await page.goto(`${shop.url}/?${LANDING}`);
    assertEquals(await page.evaluate(readTraces), []);
    await page.click("#decline");
    await page.fill("#lead input", "siti@example.com");
    await page.click("#lead button");
    await page.goto(`${shop.url}/checkout`);
    assertEquals(await page.evaluate(readTraces), []);
    assertEquals(requests.filter((url) => url.includes("capi-event")), []);
    assertEquals(await storedEvents(suite), []);
    await context.close();
  });

  await test.step("sends what waited once consent is given, with Meta's ids and the landing's parameters", async () => {
    await clearEvents(suite);
    const { page, context } = await browser.open();
    const before = Date.now();
    await page.goto(`${shop.url}/?${LANDING}`);
    await page.click("#accept");
    await until("the page view is stored", async () => (await storedEvents(suite)).length === 1);
    const [view] = await storedEvents(suite);
    assertEquals([view?.event_name, view?.consent], ["PageView", "granted"]);
    const cookies = await context.cookies();
    const fbc = cookies.find(({ name }) => name === "_fbc");
    const fbp = cookies.find(({ name }) => name === "_fbp");
    assertMatch(fbc?.value ?? "", /^fb\.0\.\d{13}\.IwAR3xKp_9-a$/);
    assertMatch(fbp?.value ?? "", /^fb\.0\.\d{13}\.\d{1,20}$/);
    assertEquals([view?.browser_data?.fbc, view?.browser_data?.fbp], [fbc?.value, fbp?.value]);
    const days = ((fbc?.expires ?? 0) * 1_000 - before) / 86_400_000;
    assert(Math.abs(days - 90) < 0.01, `the cookie lives ${days} days`);
    assert(Number(fbc?.value.split(".")[2]) >= before);

    await page.goto(`${shop.url}/checkout`);
    await until("the second view is stored", async () => (await storedEvents(suite)).length === 2);
    const [, second] = await storedEvents(suite);
    assertEquals(second?.content?.custom_data?.ad_id, "120230000000000011");
    assertMatch(second?.content?.event_source_url ?? "", /\/checkout\?.*ad_id=120230000000000011/);
    assertEquals((await context.cookies()).find(({ name }) => name === "_fbc")?.value, fbc?.value);

    await page.goto(`${shop.url}/?fbclid=IwAR_another`);
    await until("the third view is stored", async () => (await storedEvents(suite)).length === 3);
    const changed = async () => (await context.cookies()).find(({ name }) => name === "_fbc")?.value;
    assertMatch(await changed() ?? "", /\.IwAR_another$/);
    assertEquals((await context.cookies()).find(({ name }) => name === "_fbp")?.value, fbp?.value);
    await context.close();
  });

  await test.step("forgets everything when consent is withdrawn, and tells the server", async () => {
    await clearEvents(suite);
    const { page, context } = await browser.open();
    await page.goto(`${shop.url}/?${LANDING}`);
    await page.click("#accept");
    await until("the page view is stored", async () => (await storedEvents(suite)).length === 1);
    await page.click("#settings");
    await page.click("#decline");
    await until("the withdrawal is stored", async () => {
      const [newest] = await platform.sql`select state from fb_ads.consents order by since desc limit 1`;
      return newest?.state === "denied";
    });
    assertEquals(await page.evaluate(readTraces), []);
    await context.close();
  });

  await test.step("works where cookies and storage are blocked", async () => {
    await clearEvents(suite);
    const { page, context, complaints } = await browser.open();
    await context.addInitScript(() => {
      const refuse = {
        get: () => {
          throw new DOMException("denied", "SecurityError");
        },
      };
      Object.defineProperty(globalThis, "localStorage", refuse);
    });
    const devtools = await context.newCDPSession(page);
    await devtools.send("Emulation.setDocumentCookieDisabled", { disabled: true });
    await page.goto(`${shop.url}/?${LANDING}`);
    await page.click("#accept");
    await page.fill("#lead input", "siti@example.com");
    await page.click("#lead button");
    await until("both events are stored", async () => (await storedEvents(suite)).length === 2);
    const events = await storedEvents(suite);
    const view = events.find(({ event_name }) => event_name === "PageView");
    const lead = events.find(({ event_name }) => event_name === "Lead");
    assertMatch(view?.browser_data?.fbc ?? "", /\.IwAR3xKp_9-a$/);
    assertMatch(view?.browser_data?.fbp ?? "", /^fb\.0\.\d+\.\d+$/);
    assertEquals(lead?.browser_data?.fbp, view?.browser_data?.fbp);
    assertEquals(complaints, []);
    await context.close();
  });

  await test.step("keeps events while offline, without what they say of a person, and sends them once", async () => {
    await clearEvents(suite);
    const { page, context } = await browser.open();
    await page.goto(`${shop.url}/?${LANDING}`);
    await page.click("#accept");
    await until("the page view is stored", async () => (await storedEvents(suite)).length === 1);
    await context.setOffline(true);
    await page.fill("#lead input", "siti@example.com");
    for (let time = 0; time < 60; time++) await page.click("#lead button");
    const kept = await page.evaluate(() => localStorage.getItem("meta_ads")) ?? "";
    assertEquals(Object.keys(JSON.parse(kept).queue).length, 50);
    assert(!kept.includes("siti@"));
    await context.setOffline(false);
    await until("all kept events are stored", async () => (await storedEvents(suite)).length === 51);
    await until(
      "the queue is empty",
      async () =>
        await page.evaluate(() => Object.keys(JSON.parse(localStorage.getItem("meta_ads") ?? "{}").queue).length === 0),
    );
    const [matched] = await platform.sql`select count(*)::int from fb_ads.conversion_events where user_data ? 'em'`;
    assertEquals(matched?.count, 50);
    await context.close();
  });

  await test.step("tells of a checkout although the page is left at once", async () => {
    await clearEvents(suite);
    const { page, context } = await browser.open();
    await page.goto(`${shop.url}/checkout`);
    await page.click("#accept");
    await page.click("#order button");
    await page.waitForURL(/\/pay\//);
    await until(
      "the checkout is stored",
      async () => (await storedEvents(suite)).some(({ event_name }) => event_name === "InitiateCheckout"),
    );
    await context.close();
  });
});
