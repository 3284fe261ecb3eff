/**
 * Recognising a touchpoint in an event.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { namesItsAd, readObjectIds } from "../../shared/attribution/object_ids.ts";
import { buildTouchpoint, type TouchpointContext, type TouchpointEvent } from "../../shared/attribution/touchpoint.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12, 0, 0);
const HAPPENED = NOW_MS / 1_000 - 60;
const FBP = "fb.1.1795300000000.1098115397";
// printf '%s' fb.1.1795300000000.1098115397 | sha256sum, and so on.
const FBP_DIGEST = "1e3b08f6b11c404e0dfb4b72721144a1ae25feb5256a88ae744b5f037f057ee5";
const FBCLID_DIGEST = "c20e4dffe3c375fd80f8b55b7f3a904c02332631607e3904f4f394e9518362b7";
const EM = "3684a581ce82ee39a1541130095759584e4c574d3db3e88b193256c20fae9747";

function event(more: Partial<TouchpointEvent> = {}): TouchpointEvent {
  return {
    event_name: "PageView",
    event_id: "e-1",
    event_time: HAPPENED,
    event_source_url: "https://shop.example/",
    user_data: { fbp: FBP },
    ...more,
  };
}

const touchpointOf = (more: Partial<TouchpointEvent>, context: Partial<TouchpointContext> = {}) =>
  buildTouchpoint(event(more), { now_ms: NOW_MS, reported_by: "browser", ...context });

const landing = (query: string) => touchpointOf({ event_source_url: `https://shop.example/sale?${query}` });

Deno.test("buildTouchpoint() takes explicit ids as text and keeps the click id and digests", () => {
  assertEquals(
    touchpointOf({
      event_source_url:
        "https://shop.example/sale?ad_id=120210000000000301&adset_id=120210000000000201&campaign_id=120210000000000101&fbclid=IwAR0abc&name=Siti",
      user_data: { fbp: FBP, em: EM },
    }),
    {
      kind: "touchpoint",
      event_name: "PageView",
      event_id: "e-1",
      clicked_at: "2026-11-22T11:59:00.000Z",
      seen_at: "2026-11-22T11:59:00.000Z",
      received_at: "2026-11-22T12:00:00.000Z",
      reported_by: "browser",
      fb_ad_id: "120210000000000301",
      fb_adset_id: "120210000000000201",
      fb_campaign_id: "120210000000000101",
      utm_content_id: null,
      utm_term_id: null,
      utm_campaign_id: null,
      fbclid: "IwAR0abc",
      fbc_digest: FBCLID_DIGEST,
      browser_digest: FBP_DIGEST,
      user_digest: null,
      email_digests: [EM],
      phone_digests: [],
      page_url:
        "https://shop.example/sale?ad_id=120210000000000301&adset_id=120210000000000201&campaign_id=120210000000000101",
      referrer_host: null,
    },
  );
});

Deno.test("buildTouchpoint() takes numbers in UTM parameters, under any name's case", () => {
  const touchpoint = landing(
    "UTM_Content=120210000000000301&utm_term=120210000000000201&utm_campaign=120210000000000101",
  );
  assertEquals(
    [touchpoint?.utm_content_id, touchpoint?.utm_term_id, touchpoint?.utm_campaign_id],
    ["120210000000000301", "120210000000000201", "120210000000000101"],
  );
});

for (
  const query of [
    "ad_id={{ad.id}}",
    "ad_id=%7B%7Bad.id%7D%7D",
    "ad_id=1.2E%2B17",
    "ad_id=1.20234e17",
    "ad_id=1,2",
    "ad_id=-120210000000000301",
    "ad_id=0120210000000000301",
    "ad_id=spring_sale",
    "ad_id=",
    "ad_id=%D9%A1%D9%A2%D9%A3",
    "utm_content=spring-sale&utm_campaign=November",
    "utm_source=facebook",
    "fbclid={{fbclid}}",
    "fbclid=",
    "fbclid=undefined",
    "gclid=abc",
  ]
) {
  Deno.test(`buildTouchpoint() sees no touchpoint in ?${query}`, () => assertEquals(landing(query), null));
}

Deno.test("buildTouchpoint() passes a macro over when the real value follows", () => {
  assertEquals(landing("ad_id={{ad.id}}&ad_id=120210000000000301")?.fb_ad_id, "120210000000000301");
  assertEquals(landing("fbclid={{fbclid}}&fbclid=IwAR0abc")?.fbclid, "IwAR0abc");
});

Deno.test("buildTouchpoint() keeps an id that looks like a phone number, from the address as it came", () => {
  const raw = "https://shop.example/?ad_id=6281234567890123&phone=081234567890";
  const touchpoint = touchpointOf({ event_source_url: "https://shop.example/" }, { page_url: raw });
  assertEquals([touchpoint?.fb_ad_id, touchpoint?.page_url], [
    "6281234567890123",
    "https://shop.example/?ad_id=6281234567890123",
  ]);
});

Deno.test("buildTouchpoint() keeps only campaign parameters of the address, and the path as it was cleaned", () => {
  const touchpoint = touchpointOf({ event_source_url: "https://shop.example/u/-/x?ad_id=7" }, {
    page_url:
      "https://me:secret@shop.example/u/siti@example.com/x?ad_id=7&utm_source=ig&token=abc&utm_medium=081234567890#top",
  });
  assertEquals(touchpoint?.page_url, "https://shop.example/u/-/x?ad_id=7&utm_source=ig");
});

Deno.test("buildTouchpoint() takes a new fbc as a touchpoint of the time in it", () => {
  const touchpoint = touchpointOf({ user_data: { fbc: `fb.1.${NOW_MS - 3_600_000}.IwAR0abc` } });
  assertEquals([touchpoint?.kind, touchpoint?.fbclid, touchpoint?.fbc_digest, touchpoint?.clicked_at], [
    "touchpoint",
    "IwAR0abc",
    FBCLID_DIGEST,
    "2026-11-22T11:00:00.000Z",
  ]);
});

Deno.test("buildTouchpoint() does not date a touchpoint by an older click's cookie", () => {
  const touchpoint = touchpointOf({
    event_source_url: "https://shop.example/?ad_id=7",
    user_data: { fbc: `fb.1.${NOW_MS - 3_600_000}.IwAR0abc` },
  });
  assertEquals([touchpoint?.fbclid, touchpoint?.fbc_digest, touchpoint?.clicked_at], [
    null,
    FBCLID_DIGEST,
    "2026-11-22T11:59:00.000Z",
  ]);
  const newer = touchpointOf({
    event_source_url: "https://shop.example/?fbclid=IwAR0new",
    user_data: { fbc: `fb.1.${NOW_MS - 3_600_000}.IwAR0abc` },
  });
  assertEquals([newer?.fbclid, newer?.clicked_at], ["IwAR0new", "2026-11-22T11:59:00.000Z"]);
});

Deno.test("buildTouchpoint() dates a click by when its id was first seen, never by the future", () => {
  const seen_at_ms = NOW_MS - 7_200_000;
  const touchpoint = touchpointOf({}, { click: { fbclid: "IwAR0abc", seen_at_ms, built: true } });
  assertEquals(touchpoint?.clicked_at, "2026-11-22T10:00:00.000Z");
  const ahead = touchpointOf({ event_source_url: "https://shop.example/?ad_id=7", event_time: NOW_MS / 1_000 + 600 });
  assertEquals(ahead?.clicked_at, "2026-11-22T12:00:00.000Z");
});

Deno.test("buildTouchpoint() sees no touchpoint in a return from the payment page", () => {
  for (const host of ["checkout.xendit.co", "app.midtrans.com", "pay.maya.ph", "www.paypal.com"]) {
    const touchpoint = touchpointOf({
      event_source_url: "https://shop.example/thanks?ad_id=120210000000000301",
      referrer_url: `https://${host}/pay/1`,
    });
    assertEquals(touchpoint, null, host);
  }
  const lookalike = touchpointOf({
    event_source_url: "https://shop.example/?ad_id=7",
    referrer_url: "https://notxendit.co/",
  });
  assertEquals(lookalike?.kind, "touchpoint");
});

Deno.test("buildTouchpoint() drops a touchpoint that nothing could ever match", () => {
  assertEquals(touchpointOf({ event_source_url: "https://shop.example/?ad_id=7", user_data: {} }), null);
});

Deno.test("buildTouchpoint() links a person to a browser, and a checkout to its click, without a touchpoint", () => {
  assertEquals(touchpointOf({ user_data: { fbp: FBP, external_id: EM } })?.kind, "link");
  assertEquals(touchpointOf({ user_data: { fbp: FBP } }), null);
  const returned = touchpointOf({
    event_name: "InitiateCheckout",
    referrer_url: "https://checkout.xendit.co/",
    user_data: { fbc: `fb.1.${NOW_MS - 3_600_000}.IwAR0abc` },
  });
  assertEquals([returned?.kind, returned?.fbc_digest], ["link", FBCLID_DIGEST]);
});

Deno.test("buildTouchpoint() takes plain digests of people, without the builder's suffix and once each", () => {
  const touchpoint = touchpointOf({ user_data: { fbp: FBP, em: [`${EM.toUpperCase()}.AbCdEf12`, EM] } });
  assertEquals(touchpoint?.email_digests, [EM]);
});

Deno.test("readObjectIds() finds ids in the links that people have", () => {
  const ID = "120210000000000301";
  const read = (tail: string) => {
    const ids = readObjectIds(new URL(`https://shop.example/sale${tail}`));
    return Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== null));
  };
  for (const name of ["ad_id", "hsa_ad", "adid", "fbadid", "tw_adid", "AD_ID"]) {
    assertEquals(read(`?${name}=${ID}`), { fb_ad_id: ID }, name);
  }
  assertEquals(read(`?hsa_grp=${ID}&hsa_cam=120210000000000101`), {
    fb_adset_id: ID,
    fb_campaign_id: "120210000000000101",
  });
  assertEquals(read(`?utm_id=${ID}`), { utm_campaign_id: ID });
  for (const name of [`Video_${ID}`, `Video|${ID}`, `Video%20-%20${ID}`]) {
    assertEquals(read(`?utm_content=${name}`), { utm_content_id: ID }, name);
  }
  for (const name of ["Video_2026", "1.2E%2B17", "Video", `${ID}00000000000000`]) {
    assertEquals(read(`?utm_content=${name}`), {}, name);
  }
  for (const tail of [`#ad_id=${ID}`, `#/sale?ad_id=${ID}`, `?x=1#?ad_id=${ID}`]) {
    assertEquals(read(tail), { fb_ad_id: ID }, tail);
  }
  assertEquals(read(`?hsa_ad=1&ad_id=${ID}`), { fb_ad_id: ID }, "the plainest first");
});

Deno.test("namesItsAd() says so of what the capture reads, and of nothing else", () => {
  for (
    const tags of [
      "ad_id={{ad.id}}",
      "utm_content={{ad.id}}",
      "hsa_ad=%7B%7Bad.id%7D%7D",
      "utm_content={{ad.name}}_{{ad.id}}",
    ]
  ) {
    assert(namesItsAd(tags), tags);
  }
  for (const tags of ["", "utm_source=facebook", "advert={{ad.id}}", "ad_id={{adset.id}}", "utm_content={{ad.name}}"]) {
    assert(!namesItsAd(tags), tags);
  }
});
