/**
 * The rules of the browser client one by one, in a real browser: Meta's cookies, the landing, the queue, and what it
 * must never do.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../../scripts/supabase-local/waiting.ts";
import type { BrowserContext, Page } from "playwright-core";
import { createMetaAds, purchaseEventId } from "../../shared/browser/mod.ts";
import { purchaseEventId as purchaseEventIdOfServer } from "../../shared/outbox/event/purchase_event.ts";
import { bundleBrowserClient } from "../../scripts/cli/browser/bundle.ts";
import { browserTest, startChromium } from "../../scripts/dev/testing/chromium.ts";
import { type ClientPage, serveClientPage } from "./client_page.ts";

const NOW = Date.now();

/** Opens an address of the page and creates the client there. */
async function visit(
  page: Page,
  server: ClientPage,
  address: string,
  consent: string | null = "granted",
): Promise<void> {
  await page.goto(address.replace("PORT", String(server.port)));
  await page.waitForFunction("globalThis.ready");
  await page.evaluate(
    `globalThis.ads = createMetaAds({ url: location.origin, publishableKey: "sb_publishable_x"${
      consent === null ? "" : `, consent: "${consent}"`
    } })`,
  );
}

async function cookie(context: BrowserContext, name: string) {
  return (await context.cookies()).find((found) => found.name === name);
}

Deno.test("bundleBrowserClient() gives less than 3,000 bytes", () => {
  const bytes = new TextEncoder().encode(bundleBrowserClient().script).length;
  assert(bytes < 3_000, `${bytes} bytes`);
});

Deno.test("purchaseEventId() is the same for the Pixel and for the server", () => {
  for (const ref of ["6f1e9a52-8d1c-4c57-9a37-3f0d7b0c1f11", "P2P-1029", "canva:77"]) {
    assertEquals(purchaseEventId(ref), purchaseEventIdOfServer(ref));
  }
});

Deno.test("createMetaAds() does nothing on a server, and gives event ids", () => {
  const ads = createMetaAds({ url: "https://ref.supabase.co", publishableKey: "sb_publishable_x", consent: "granted" });
  const first = ads.track("PageView");
  assertMatch(first, /^\d{4,40}$/);
  assert(first !== ads.track("PageView"));
  assertEquals(ads.track("Lead", { event_id: "lead-1" }), "lead-1");
  ads.setConsent("denied");
});

browserTest("createMetaAds() keeps Meta's cookies by Meta's rules", async (test) => {
  await using browser = await startChromium();
  await using server = await serveClientPage();
  for (
    const [host, domain, index] of [
      ["example.test", ".example.test", 1],
      ["www.example.test", ".example.test", 1],
      ["a.shop.example.test", ".example.test", 1],
      ["127.0.0.1", "127.0.0.1", 3],
    ] as const
  ) {
    if (host === "example.test") continue;
    await test.step(`on ${host} the index is ${index}`, async () => {
      const { page, context } = await browser.open();
      await visit(page, server, `http://${host}:PORT/?fbclid=IwAR_1`);
      await page.evaluate("ads.track('PageView')");
      const fbc = await cookie(context, "_fbc");
      assertEquals([fbc?.domain, fbc?.value.split(".")[1], fbc?.path], [domain, String(index), "/"]);
      await context.close();
    });
  }

  for (
    const [name, before, query, expected] of [
      [
        "the same click keeps its time",
        `fb.1.${NOW - 86_400_000}.IwAR_1`,
        "fbclid=IwAR_1",
        `fb.1.${NOW - 86_400_000}.IwAR_1`,
      ],
      [
        "a suffix of Meta's scripts stays",
        `fb.1.${NOW}.IwAR_1.AQYBAQIB`,
        "fbclid=IwAR_1",
        `fb.1.${NOW}.IwAR_1.AQYBAQIB`,
      ],
      ["no click keeps the last one", `fb.1.${NOW}.IwAR_1`, "utm_source=news", `fb.1.${NOW}.IwAR_1`],
      ["a macro is no click", `fb.1.${NOW}.IwAR_1`, "fbclid={{fbclid}}", `fb.1.${NOW}.IwAR_1`],
      ["a place holder is no click", `fb.1.${NOW}.IwAR_1`, "fbclid=null", `fb.1.${NOW}.IwAR_1`],
      ["the real click behind a macro counts", "", "fbclid={{fbclid}}&fbclid=IwAR_-2", /^fb\.1\.\d{13}\.IwAR_-2$/],
      ["another click replaces it", `fb.1.${NOW - 9}.IwAR_1`, "fbclid=IwAR_2", /^fb\.1\.\d{13}\.IwAR_2$/],
      [
        "a time in seconds is malformed",
        `fb.1.${Math.floor(NOW / 1_000)}.IwAR_1`,
        "fbclid=IwAR_1",
        /^fb\.1\.\d{13}\.IwAR_1$/,
      ],
    ] as const
  ) {
    await test.step(name, async () => {
      const { page, context } = await browser.open();
      if (before !== "") {
        await context.addCookies([{ name: "_fbc", value: before, domain: ".example.test", path: "/" }]);
      }
      await visit(page, server, `http://www.example.test:PORT/?${query}`);
      await page.evaluate("ads.track('PageView')");
      const value = (await cookie(context, "_fbc"))?.value ?? "";
      if (typeof expected === "string") assertEquals(value, expected);
      else assertMatch(value, expected);
      await context.close();
    });
  }

  await test.step("the browser id of a Pixel stays", async () => {
    const { page, context } = await browser.open();
    const value = `fb.1.${NOW}.1098115397`;
    await context.addCookies([{ name: "_fbp", value, domain: ".example.test", path: "/" }]);
    await visit(page, server, "http://www.example.test:PORT/");
    await page.evaluate("ads.track('PageView')");
    assertEquals((await cookie(context, "_fbp"))?.value, value);
    await context.close();
  });
});

browserTest("createMetaAds() sends what capi-event takes", async (test) => {
  await using browser = await startChromium();
  await using server = await serveClientPage();

  await test.step("with the key, Meta's field names, and what the page says", async () => {
    const begun = Date.now();
    server.requests.length = 0;
    const { page, context } = await browser.open();
    await visit(page, server, "http://www.example.test:PORT/?ad_id=120230000000000011&utm_source=ig");
    await page.evaluate(
      `ads.track("InitiateCheckout", { event_id: "c-1", custom_data: { order_id: "O-7", value: 150000, currency: "IDR" },
      user_data: { em: "siti@example.com" } })`,
    );
    const [request] = await server.received(1);
    assertEquals(request?.headers.get("apikey"), "sb_publishable_x");
    const [event] = request?.body.events ?? [];
    assertEquals([event?.event_name, event?.event_id, event?.consent], ["InitiateCheckout", "c-1", "granted"]);
    assertEquals(event?.custom_data, {
      ad_id: "120230000000000011",
      utm_source: "ig",
      order_id: "O-7",
      value: 150_000,
      currency: "IDR",
    });
    assertEquals(event?.user_data.em, "siti@example.com");
    const event_time = event?.event_time ?? 0;
    assert(event_time >= Math.floor(begun / 1_000) && event_time <= Date.now() / 1_000, `${event_time}`);
    await context.close();
  });

  await test.step("of PageViews the share that is asked for, and every landing", async () => {
    server.requests.length = 0;
    const { page, context } = await browser.open();
    const tell = async (path: string) => {
      await visit(page, server, `http://www.example.test:PORT${path}`, null);
      await page.evaluate(
        `(() => {
          const ads = createMetaAds({ url: location.origin, publishableKey: "k", consent: "granted", pageViews: 0 });
          ads.track("PageView");
          ads.track("ViewContent");
        })()`,
      );
    };
    await tell("/?ad_id=1202");
    await tell("/somewhere");
    // What the first page did not hear was taken is told again by the next.
    const names = () =>
      server.requests.flatMap(({ body }) => body.events ?? []).map(({ event_name, event_source_url }) =>
        `${event_name} ${new URL(event_source_url).pathname}`
      );
    await until(
      "the last page has told its event, and the others are told",
      () => names().includes("ViewContent /somewhere") && new Set(names()).size >= 3,
    );
    assertEquals([...new Set(names())].sort(), ["PageView /", "ViewContent /", "ViewContent /somewhere"]);
    await context.close();
  });

  await test.step("the landing of a page before, when the visitor agrees only on the next", async () => {
    server.requests.length = 0;
    const { page, context } = await browser.open();
    await visit(page, server, "http://www.example.test:PORT/?ad_id=1202&fbclid=IwAR_9", null);
    await page.evaluate(
      "document.body.append(Object.assign(document.createElement('a'), { href: '/next', textContent: 'next' }))",
    );
    await page.click("a");
    await page.waitForURL(/next/);
    await page.waitForFunction("globalThis.ready");
    await page.evaluate(
      "createMetaAds({ url: location.origin, publishableKey: 'k', consent: 'granted' }).track('Lead')",
    );
    const lead = () =>
      server.requests.flatMap(({ body }) => body.events ?? []).find(({ event_name }) => event_name === "Lead");
    await until("the event is told", () => lead() !== undefined);
    const event = lead();
    assertMatch(event?.event_source_url ?? "", /\/next\?ad_id=1202$/);
    assertMatch(`${event?.user_data.fbc}`, /\.IwAR_9$/);
    await context.close();
  });

  await test.step("bodies that a browser lets outlive the page, however much waits", async () => {
    server.requests.length = 0;
    const { page, context } = await browser.open();
    await visit(page, server, "http://www.example.test:PORT/", null);
    await page.evaluate(
      `for (let n = 0; n < 50; n++) ads.track("ViewContent", { custom_data: { content_name: "é".repeat(300) } })`,
    );
    await page.evaluate("ads.setConsent('granted')");
    const requests = await server.received(3);
    assertEquals(requests.flatMap(({ body }) => body.events ?? []).length, 50);
    assert(requests.every(({ bytes }) => bytes < 65_536));
    await context.close();
  });

  await test.step("again later what the server could not take, and never again what it refused", async () => {
    server.requests.length = 0;
    const { page, context } = await browser.open();
    server.status = 503;
    await visit(page, server, "http://www.example.test:PORT/");
    await page.evaluate("ads.track('PageView', { event_id: 'p-1' })");
    await server.received(1);
    server.status = 400;
    await visit(page, server, "http://www.example.test:PORT/");
    await server.received(2);
    assertEquals(server.requests.map(({ body }) => body.events?.[0]?.event_id), ["p-1", "p-1"]);
    await page.waitForFunction("Object.keys(JSON.parse(localStorage.meta_ads).queue).length === 0");
    server.status = 202;
    await visit(page, server, "http://www.example.test:PORT/");
    await page.evaluate("ads.track('Lead', { event_id: 'l-1' })");
    await server.received(3);
    assertEquals(server.requests[2]?.body.events?.map(({ event_id }) => event_id), ["l-1"]);
    await context.close();
  });

  await test.step("a withdrawal, naming the browser, after what was on its way", async () => {
    server.requests.length = 0;
    const { page, context } = await browser.open();
    await visit(page, server, "http://www.example.test:PORT/");
    await page.evaluate(
      "ads.track('PageView'); globalThis.fbp = document.cookie.match(/_fbp=([^;]+)/)[1]; ads.setConsent('denied')",
    );
    await server.received(2);
    assertEquals(server.requests[1]?.body.consent, {
      state: "denied",
      browser_id: String(await page.evaluate("globalThis.fbp")),
    });
    assertEquals(await page.evaluate("document.cookie + JSON.stringify(localStorage)"), "{}");
    await context.close();
  });
});

browserTest("createMetaAds() sends the others beside an event that is no JSON", async () => {
  await using browser = await startChromium();
  await using server = await serveClientPage();
  const { page } = await browser.open();
  await visit(page, server, "http://www.example.test:PORT/", null);
  await page.evaluate(
    `ads.track("ViewContent"); ads.track("Lead", { custom_data: { value: 10n } }); ads.track("Contact");
    ads.setConsent("granted")`,
  );
  const [request] = await server.received(1);
  assertEquals(request?.body.events?.map(({ event_name }) => event_name), ["ViewContent", "Contact"]);
});

browserTest("createMetaAds() never throws into the page", async () => {
  await using browser = await startChromium();
  await using server = await serveClientPage();
  const { page, context, complaints } = await browser.open();
  await context.addInitScript('localStorage.setItem(\'meta_ads\', \'{"queue": 7, "landing": "x"}\')');
  await visit(page, server, "http://www.example.test:PORT/?fbclid=IwAR_1");
  const id = await page.evaluate(`(() => {
    const loop = {}; loop.self = loop;
    ads.track("Lead", { custom_data: loop });
    ads.track("Lead", { custom_data: { value: 10n } });
    ads.track("Lead", { custom_data: null, user_data: 7 });
    ads.setConsent("perhaps");
    createMetaAds({ url: "nowhere:", publishableKey: "", consent: "granted", accessToken: () => { throw new Error("no") } }).track("Lead");
    return ads.track("Lead");
  })()`);
  assertMatch(String(id), /^\d+$/);
  await page.waitForTimeout(200);
  assertEquals(complaints.filter((text) => !/nowhere|net::ERR/.test(text)), []);
});
