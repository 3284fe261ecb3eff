/**
 * `capi-event` as its callers see it: who may send what, what is answered, what is stored of it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  answersOf,
  clearEvents,
  lead,
  nowSeconds,
  ORIGIN,
  pageView,
  postAsBrowser,
  startCapiSuite,
  statesOf,
} from "../../scripts/dev/testing/shop_suite.ts";

const FBP = "fb.1.1795300000000.1098115397";
/** SHA-256 of `siti@example.com`. */
const SITI = "3684a581ce82ee39a1541130095759584e4c574d3db3e88b193256c20fae9747";

async function errorOf(response: Response, status: number): Promise<{ code: string; paths: string[] }> {
  const text = await response.text();
  assertEquals(response.status, status, text);
  const { error } = decodeError(JSON.parse(text));
  return { code: error.code, paths: (error.details ?? []).map((detail) => detail.path) };
}

function decodeError(body: unknown): { error: { code: string; details?: { path: string }[] } } {
  return body as { error: { code: string; details?: { path: string }[] } };
}

function fbcOf(event: unknown): unknown {
  return Reflect.get(Object(Reflect.get(Object(event), "user_data")), "fbc");
}

Deno.test("capi-event takes what it should from whom it should", async (t) => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  const count = async () => Number((await sql`select count(*)::int as n from fb_ads.conversion_events`)[0]?.n);
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      await run();
      await platform.invoke("capi-event", { dispatch: true }).then((response) => response.body?.cancel());
      await clearEvents(suite);
    });

  await step("a forged Purchase from a browser is refused by name and leaves nothing", async () => {
    const forged = pageView("forged", { event_name: "Purchase", custom_data: { value: 1, currency: "IDR" } });
    assertEquals(await errorOf(await postAsBrowser(platform, forged), 400), {
      code: "invalid_field",
      paths: ["event_name"],
    });
    assertEquals(await count(), 0);
  });

  await step("an event that the settings do not list is refused, the others of its batch are taken", async () => {
    const answers = await answersOf(
      await postAsBrowser(platform, { events: [pageView("a"), pageView("b", { event_name: "Subscribe" })] }),
    );
    assertEquals(answers.map((answer) => answer.status), ["accepted", "refused"]);
    assertEquals(answers[1]?.notes?.map((note) => note.path), ["events[1].event_name"]);
    assertEquals(await count(), 1);
  });

  await step("of an event that the settings do not list not even the consent is kept", async () => {
    const fbp = "fb.1.1795300000000.5555";
    const waiting = pageView("b1", { user_data: { fbp } });
    await answersOf(await postAsBrowser(platform, waiting));
    await sql`update fb_ads.event_deliveries set state = 'pending', next_attempt_at = now() + interval '1 hour'`;
    const refused = pageView("b2", { event_name: "Subscribe", consent: "denied", user_data: { fbp } });
    await errorOf(await postAsBrowser(platform, refused), 400);
    assertEquals((await sql`select state from fb_ads.consents`).map((row) => row.state), ["granted"]);
    assertEquals(await statesOf(platform, "b1"), ["pending"]);
  });

  await step("a browser's address, user agent and external id are the server's, not its own", async () => {
    const user_data = {
      fbp: FBP,
      client_ip_address: "8.8.8.8",
      client_user_agent: "forged",
      external_id: "somebody else",
    };
    const [answer] = await answersOf(
      await postAsBrowser(platform, pageView("c", { user_data }), { "User-Agent": "Mozilla/5.0 (phone)" }),
    );
    assertEquals(answer?.notes?.map((note) => note.path).sort(), [
      "user_data.client_ip_address",
      "user_data.client_user_agent",
      "user_data.external_id",
    ]);
    const [row] = await sql`select user_digest, user_data from fb_ads.conversion_events`;
    assertEquals(row, { user_digest: null, user_data: {} });
    await platform.invoke("capi-event", { dispatch: true }).then((response) => response.body?.cancel());
    const sent = JSON.stringify(graph.capi.events.map(({ event }) => event.user_data));
    assert(sent.includes("Mozilla/5.0 (phone)") && sent.includes("127.0.0.1") && !sent.includes("8.8.8.8"));
  });

  await step("a verified user's id becomes external_id; an expired token costs the id and not the event", async () => {
    const user = "7d1f0b9c-0e7b-4c55-8f0e-2f4f0c7f7a01";
    const token = await platform.userToken({ sub: user });
    await answersOf(await postAsBrowser(platform, pageView("d"), { Authorization: `Bearer ${token}` }));
    await answersOf(
      await postAsBrowser(platform, pageView("e"), {
        Authorization: `Bearer ${await platform.userToken({ sub: user, expiresInSeconds: -60 })}`,
      }),
    );
    const rows = await sql`select event_id, user_digest from fb_ads.conversion_events order by event_id`;
    // SHA-256 of the user id.
    const digest = "76cb99edf21880e15573bd4c382983ec99ebb50fe6db642e4c1245be133b075b";
    assertEquals(rows.map((row) => [row.event_id, row.user_digest]), [["d", digest], ["e", null]]);
  });

  await step("other origins, no origin, wrong keys and other methods are turned away", async () => {
    assertEquals(
      (await errorOf(await postAsBrowser(platform, pageView("f"), { Origin: "https://evil.example" }), 403)).code,
      "origin_not_allowed",
    );
    assertEquals(
      (await errorOf(await postAsBrowser(platform, pageView("f"), { apikey: "sb_publishable_wrong" }), 401)).code,
      "unauthorized",
    );
    const put = await fetch(`${platform.functionsUrl}/capi-event`, {
      method: "PUT",
      headers: { apikey: platform.secretKey },
    });
    assertEquals((await errorOf(put, 405)).code, "method_not_allowed");
    assertEquals((await errorOf(await postAsBrowser(platform, { dispatch: true }), 403)).code, "forbidden");
    assertEquals(await count(), 0);
  });

  await step("a preflight is answered for the allowed origin alone", async () => {
    const preflight = (origin: string) =>
      fetch(`${platform.functionsUrl}/capi-event`, {
        method: "OPTIONS",
        headers: { Origin: origin, "Access-Control-Request-Method": "POST" },
      });
    const good = await preflight(ORIGIN);
    await good.body?.cancel();
    assertEquals([good.status, good.headers.get("access-control-allow-origin")], [204, ORIGIN]);
    const bad = await preflight("https://evil.example");
    await bad.body?.cancel();
    assertEquals(bad.headers.get("access-control-allow-origin"), null);
  });

  await step("every wrong field is named by its path, and nothing is stored when none is good", async () => {
    const bad = lead("g", { event_time: 1795300000000, action_source: "television", user_data: {} });
    const { paths } = await errorOf(await platform.invoke("capi-event", bad), 400);
    assertEquals(paths.sort(), ["action_source", "event_time", "user_data"]);
    assertEquals(await count(), 0);
  });

  await step("a body of more than a megabyte is refused", async () => {
    const response = await postAsBrowser(platform, JSON.stringify({ events: [], filler: "x".repeat(1_100_000) }));
    assertEquals((await errorOf(response, 413)).code, "body_too_large");
  });

  await step("twenty copies at once are one row and twenty friendly answers", async () => {
    const responses = await Promise.all(Array.from({ length: 20 }, () => platform.invoke("capi-event", lead("race"))));
    const statuses = (await Promise.all(responses.map(answersOf))).flat().map((answer) => answer.status).sort();
    assertEquals(statuses, ["accepted", ...new Array<string>(19).fill("duplicate")]);
    assertEquals(await count(), 1);
  });

  await step("two copies in one batch are one row", async () => {
    const answers = await answersOf(await platform.invoke("capi-event", { events: [lead("twin"), lead("twin")] }));
    assertEquals(answers.map((answer) => answer.status), ["accepted", "duplicate"]);
  });

  await step("an event without an id gets one, and learns it", async () => {
    const { event_id: _, ...anonymous } = lead("");
    const [answer] = await answersOf(await platform.invoke("capi-event", anonymous));
    assert((answer?.event_id ?? "").length > 20);
    assertEquals((await sql`select event_id from fb_ads.conversion_events`)[0]?.event_id, answer?.event_id);
  });

  await step("without consent an event is counted, never sent, and says nothing of the person", async () => {
    const [answer] = await answersOf(
      await platform.invoke("capi-event", lead("silent", { consent: undefined, custom_data: { order_id: "o-1" } })),
    );
    assertEquals(answer?.status, "suppressed");
    const [row] =
      await sql`select state, order_id, content, user_data, browser_data, person_digests from fb_ads.conversion_events`;
    assertEquals(row, {
      state: "suppressed",
      order_id: "o-1",
      content: null,
      user_data: null,
      browser_data: null,
      person_digests: null,
    });
    assertEquals(await statesOf(platform, "silent"), ["suppressed"]);
    assertEquals(graph.capi.requests.length, 0);
  });

  await step("a visitor beyond the limit is told to come later, and nothing is stored", async () => {
    await sql`update fb_ads.settings set visitor_events_per_minute = 3`;
    await answersOf(await postAsBrowser(platform, { events: [pageView("h"), pageView("i"), pageView("j")] }));
    const refused = await postAsBrowser(platform, pageView("k"));
    assert(Number(refused.headers.get("retry-after")) >= 1);
    assertEquals((await errorOf(refused, 429)).code, "too_many_requests");
    assertEquals(await count(), 3);
    const consent = { state: "granted", browser_id: "fb.1.1795300000000.7777" };
    assertEquals((await errorOf(await postAsBrowser(platform, { consent }), 429)).code, "too_many_requests");
    assertEquals((await platform.invoke("capi-event", { consent })).status, 202);
    const counters = JSON.stringify(await sql`select source from fb_ads.traffic_sources`);
    assert(!counters.includes("127.0.0.1"));
    await sql`update fb_ads.settings set visitor_events_per_minute = 15000`;
  });

  await step("digests are stored, clear data only until the event is delivered", async () => {
    await answersOf(
      await platform.invoke("capi-event", lead("l", { user_data: { em: " Siti@Example.com ", fbp: FBP } })),
    );
    await platform.invoke("capi-event", { dispatch: true }).then((response) => response.body?.cancel());
    const [row] =
      await sql`select user_data, browser_data, final_at is not null as is_final from fb_ads.conversion_events`;
    assertEquals(row, { user_data: { em: SITI }, browser_data: null, is_final: true });
  });

  await step(
    "an fbc built here keeps the time when the click was first seen, in this request or an earlier one",
    async () => {
      const now = nowSeconds();
      const landed = (event_id: string, ago: number, more: Record<string, unknown> = {}, user_data = { fbp: FBP }) =>
        pageView(event_id, {
          event_time: now - ago,
          event_source_url: "https://shop.example/?fbclid=IwAR-first",
          user_data,
          ...more,
        });
      await answersOf(await postAsBrowser(platform, landed("n1", 300)));
      await answersOf(
        await postAsBrowser(platform, {
          events: [
            landed("n2", 10, { event_name: "Lead" }),
            landed("n3", 5, {}, { fbp: "fb.1.1795300000000.22" }),
            landed("n4", 9, { fbclid: "IwAR-other" }, { fbp: "fb.1.1795300000000.22" }),
            landed("n5", 8, { fbclid: "IwAR-other" }, { fbp: "fb.1.1795300000000.22" }),
            landed("n6", 400),
          ],
        }),
      );
      const own = { fbp: FBP, fbc: `fb.1.${(now - 3) * 1_000}.IwAR-first` };
      await answersOf(await postAsBrowser(platform, landed("n7", 2, {}, own)));
      await platform.invoke("capi-event", { dispatch: true }).then((response) => response.body?.cancel());
      const fbcs = graph.capi.events.map(({ event }) => [event.event_id, fbcOf(event)]).sort();
      const at = (ago: number, fbclid: string) => `fb.1.${(now - ago) * 1_000}.${fbclid}`;
      assertEquals(fbcs, [
        ["n1", at(300, "IwAR-first")],
        ["n2", at(400, "IwAR-first")],
        ["n3", at(5, "IwAR-first")],
        ["n4", at(9, "IwAR-other")],
        ["n5", at(9, "IwAR-other")],
        ["n6", at(400, "IwAR-first")],
        ["n7", at(3, "IwAR-first")],
      ]);
      await answersOf(await postAsBrowser(platform, landed("n8", 1)));
      await platform.invoke("capi-event", { dispatch: true }).then((response) => response.body?.cancel());
      assertEquals(fbcOf(graph.capi.events.at(-1)?.event), at(400, "IwAR-first"));
    },
  );

  await step("a secret key may send a Purchase of its own", async () => {
    const purchase = lead("p", { event_name: "Purchase", custom_data: { value: 0, currency: "idr" } });
    assertEquals((await answersOf(await platform.invoke("capi-event", purchase)))[0]?.status, "accepted");
    assertEquals(
      (await sql`select event_time from fb_ads.conversion_events`)[0]?.event_time.getTime() <= nowSeconds() * 1000,
      true,
    );
  });
});

Deno.test("capi-event says loudly that test events count", async () => {
  await using suite = await startCapiSuite({ functionEnv: { META_TEST_EVENT_CODE: "TEST123" } });
  const [answer] = await answersOf(await suite.platform.invoke("capi-event", lead("t")));
  assert(answer?.notes?.some((note) => note.path === "test_event_code" && note.message.includes("counted")));
  await suite.platform.invoke("capi-event", { dispatch: true }).then((response) => response.body?.cancel());
  assertEquals(suite.graph.capi.events.map((event) => event.test_event_code), ["TEST123"]);
  assert(suite.platform.functionLogs("capi-event").some((line) => line.includes("META_TEST_EVENT_CODE")));
});
