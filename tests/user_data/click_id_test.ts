/**
 * Click ids: what is well formed, where an event's click is found, and that its time never moves later.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { withFirstSeen } from "../../shared/outbox/event/click.ts";
import { buildFbc, fbclidOfFbc, findFbclid, isFbc, isFbclid, isFbp } from "../../shared/user_data/click_id.ts";
import { validateEvent } from "../../shared/outbox/event/validate_event.ts";
import { NOW, NOW_MS, samplePurchase, server } from "../outbox/event/sample_event.ts";

const SEEN_MS = 1_795_300_000_123;
const FBCLID = "IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk";

Deno.test("isFbc() takes Meta's form, with or without a suffix", () => {
  const good = [
    ...[`fb.1.1596403881668.${FBCLID}`, "fb.0.1596403881668.a", "fb.2.1596403881668.A-_9", "fb.12.1596403881668.abc"],
    ...["fb.1.1596403881668.abc.AbCdEfGh", "fb.1.1596403881668.abc.BA", "fb.1.1596403881668.abc.A1_-b2Cd"],
  ];
  const bad = [
    ...["", "fb", FBCLID, "fb.1.1596403881668", "fb.1.1596403881668.", "fb.1.1596403881.abc", "fb.1..abc"],
    ...[
      "fb.1.1596403881668.5.abcdefghijkl",
      "FB.1.1596403881668.abc",
      "fb.x.1596403881668.abc",
      "fb.1.15964038816680.abc",
    ],
    ...[
      "fb.1.1596403881668.{{fbclid}}",
      "fb.1.1596403881668.a b",
      "fb.1.1596403881668.%7B",
      "fb.1.1596403881668.undefined",
    ],
    ...[
      "fb.1.1596403881668.abc.abc",
      "fb.1.1596403881668.abc.AbCdEfGhI",
      "fb.1.1596403881668.null",
      "fb.-1.1596403881668.a",
    ],
    ...["fb.1.1596403881668.abc\n", "ga.1.1596403881668.abc", "fb.1.0596403881668.abc"],
  ];
  for (const fbc of good) assertEquals(isFbc(fbc), true, fbc);
  for (const fbc of bad) assertEquals(isFbc(fbc), false, fbc);
});

Deno.test("isFbp() takes Meta's form, with or without a suffix", () => {
  const good = [
    ...["fb.1.1596403881668.1116446470", "fb.0.1596403881668.1", "fb.2.1596403881668.987654321012345678"],
    ...["fb.1.1596403881668.1116446470.AbCdEfGh", "fb.1.1596403881668.1116446470.BA"],
  ];
  const bad = [
    "",
    "fb.1.1596403881668",
    "fb.1.1596403881.1116446470",
    "fb.1.1596403881668.abc",
    "fb.1.1596403881668.-1",
    "1",
  ];
  for (const fbp of good) assertEquals(isFbp(fbp), true, fbp);
  for (const fbp of bad) assertEquals(isFbp(fbp), false, fbp);
});

Deno.test("buildFbc() keeps the case of the click id and whole milliseconds", () => {
  assertEquals(buildFbc("IwAR-x_Y", 1_795_300_000_123), "fb.1.1795300000123.IwAR-x_Y");
  assertEquals(buildFbc("IwAR", 1_795_300_000_123.9), "fb.1.1795300000123.IwAR");
  for (const fbclid of ["", "{{fbclid}}", "a.b", "a b", "null"]) assertEquals(buildFbc(fbclid, SEEN_MS), undefined);
  for (const time of [1_795_300_000, NaN, -1, Infinity]) assertEquals(buildFbc("IwAR", time), undefined);
  assertEquals(fbclidOfFbc("fb.1.1596403881668.IwAR.BA"), "IwAR");
});

Deno.test("findFbclid() passes over a macro that nobody replaced", () => {
  const page = "https://shop.example/p";
  assertEquals(findFbclid(`${page}?a=1&fbclid=IwAR-_x#top`), "IwAR-_x");
  assertEquals(findFbclid(`${page}?fbclid={{fbclid}}&utm_source=fb&fbclid=IwAR`), "IwAR");
  assertEquals(findFbclid(`${page}?fbclid=%7B%7Bfbclid%7D%7D`), undefined);
  assertEquals(findFbclid(`${page}?fbclid=Iw%2541R`), undefined);
  assertEquals(findFbclid(`${page}?FBCLID=IwAR`), undefined);
  assertEquals(findFbclid("not an address"), undefined);
  assertEquals(isFbclid(FBCLID), true);
});

function fbcOf(replaced: Record<string, unknown>, user_data: Record<string, unknown> = {}): string | undefined {
  const person = { client_user_agent: "Agent/1", em: "john@example.com", ...user_data };
  const result = validateEvent(samplePurchase({ user_data: person, ...replaced }), server);
  assert(result.ok);
  return result.event.user_data.fbc;
}

Deno.test("validateEvent() builds fbc from a click id and the time of its first sight", () => {
  const happened_ms = (NOW - 60) * 1_000;
  const address = "https://shop.example/?fbclid=Url";
  assertEquals(fbcOf({}), undefined);
  assertEquals(fbcOf({ fbclid: "IwAR" }), `fb.1.${happened_ms}.IwAR`);
  assertEquals(fbcOf({ fbclid: "IwAR", fbclid_seen_at: SEEN_MS }), "fb.1.1795300000123.IwAR");
  assertEquals(fbcOf({}, { fbclid: "IwAR", fbclid_seen_at: SEEN_MS }), "fb.1.1795300000123.IwAR");
  assertEquals(fbcOf({ event_source_url: address }), `fb.1.${happened_ms}.Url`);
  assertEquals(fbcOf({ event_source_url: address, fbclid: "IwAR" }), `fb.1.${happened_ms}.IwAR`);
  assertEquals(fbcOf({ fbclid: "{{fbclid}}" }), undefined);
  assertEquals(fbcOf({ fbclid: "IwAR", fbclid_seen_at: 1_795_300_000 }), `fb.1.${happened_ms}.IwAR`);
  assertEquals(fbcOf({ fbclid: "IwAR", fbclid_seen_at: NOW_MS + 1 }), `fb.1.${happened_ms}.IwAR`);
});

Deno.test("validateEvent() takes a good fbc as sent and builds one in the place of a bad one", () => {
  const sent = "fb.2.1596403881668.Cookie.AbCdEfGh";
  assertEquals(fbcOf({ fbclid: "IwAR", event_source_url: "https://shop.example/?fbclid=Url" }, { fbc: sent }), sent);
  assertEquals(fbcOf({ fbclid: "IwAR", fbclid_seen_at: SEEN_MS }, { fbc: "fb.1.1.x" }), "fb.1.1795300000123.IwAR");
});

Deno.test("withFirstSeen() moves the time of a built fbc earlier, never later, and no cookie's", () => {
  const built = validateEvent(samplePurchase({ fbclid: "IwAR", fbclid_seen_at: SEEN_MS }), server);
  assert(built.ok);
  assertEquals(withFirstSeen(built.event, built.click, SEEN_MS - 1).user_data.fbc, "fb.1.1795300000122.IwAR");
  assertEquals(withFirstSeen(built.event, built.click, SEEN_MS + 1).user_data.fbc, "fb.1.1795300000123.IwAR");
  const user_data = { client_user_agent: "Agent/1", fbc: "fb.1.1795300000123.IwAR" };
  const sent = validateEvent(samplePurchase({ user_data }), server);
  assert(sent.ok);
  assertEquals(withFirstSeen(sent.event, sent.click, SEEN_MS - 1).user_data.fbc, user_data.fbc);
});
