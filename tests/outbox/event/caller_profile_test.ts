/**
 * What a browser may say, and what the server puts in the place of what it may not.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { SERVER } from "../../../shared/outbox/event/caller_profile.ts";
import { validateEvent } from "../../../shared/outbox/event/validate_event.ts";
import { browser, notePaths, NOW, problemPaths, samplePurchase } from "./sample_event.ts";

const pageView = { event_name: "PageView", event_time: NOW, event_id: "p", event_source_url: "https://shop.example/" };

Deno.test("validateEvent() takes a page view with what the server knows of the browser", () => {
  const result = validateEvent(pageView, browser);
  assert(result.ok);
  assertEquals(result.event.action_source, "website");
  assertEquals(result.event.user_data, { client_ip_address: "198.51.100.4", client_user_agent: "Agent/1" });
});

Deno.test("validateEvent() refuses from a browser what is a server's to say", () => {
  assertEquals(problemPaths(samplePurchase(), browser), ["event_name"]);
  const cases: [Record<string, unknown>, string[]][] = [
    [{ event_name: "AppendAttribution" }, ["event_name"]],
    [{ event_name: "purchase" }, ["event_name"]],
    [{ test_event_code: "TEST1" }, ["test_event_code"]],
    [{ action_source: "physical_store" }, ["action_source"]],
    [{ action_source: "system_generated" }, ["action_source"]],
    [{ original_event_data: {} }, ["original_event_data"]],
    [{ attribution_data: {} }, ["attribution_data"]],
  ];
  for (const [replaced, paths] of cases) assertEquals(problemPaths({ ...pageView, ...replaced }, browser), paths);
});

Deno.test("validateEvent() takes from a browser only the events that the settings allow", () => {
  const allowed = { ...browser, allowed_events: ["PageView"] };
  assertEquals(problemPaths(pageView, allowed), []);
  assertEquals(problemPaths({ ...pageView, event_name: "Lead" }, allowed), ["event_name"]);
  assertEquals(problemPaths(samplePurchase(), { ...browser, allowed_events: ["Purchase"] }), [
    "event_name",
  ]);
});

Deno.test("validateEvent() puts what the server knows in the place of a browser's word", () => {
  const user_data = {
    em: "a@b.co",
    client_ip_address: "9.9.9.9",
    client_user_agent: "Fake",
    external_id: "boss",
    lead_id: 1,
  };
  const result = validateEvent({ ...pageView, user_data }, browser);
  assert(result.ok);
  assertEquals(Object.keys(result.event.user_data), ["em", "client_ip_address", "client_user_agent"]);
  assertEquals(result.event.user_data.client_ip_address, "198.51.100.4");
  assertEquals(notePaths({ ...pageView, user_data }, browser).sort(), [
    "user_data.client_ip_address",
    "user_data.client_user_agent",
    "user_data.external_id",
    "user_data.lead_id",
  ]);
});

Deno.test("validateEvent() hashes the verified user's id as external_id", () => {
  const known = { ...browser.known, external_id: "User-123" };
  const result = validateEvent({ ...pageView, user_data: { external_id: "boss" } }, { ...browser, known });
  assert(result.ok);
  assertEquals(result.event.user_data.external_id, "fcdec6df4d44dbc637c7c5b58efface52a7f8a88535423430255be0bb89bedd8");
});

Deno.test("validateEvent() leaves a server its own external_id, whoever's token came along", () => {
  const server = { now_ms: browser.now_ms, profile: SERVER, known: { external_id: "User-123" } };
  const user_data = { external_id: "user-9" };
  const own = validateEvent({ ...pageView, action_source: "other", user_data }, server);
  const none = validateEvent({ ...pageView, action_source: "other", user_data: {} }, server);
  assert(own.ok && none.ok);
  assertEquals(own.event.user_data.external_id, "14817f52178f6bc3d9bde29d8e163b179bd99de06cb908953ac31369377c759f");
  assertEquals(none.event.user_data.external_id, "fcdec6df4d44dbc637c7c5b58efface52a7f8a88535423430255be0bb89bedd8");
});

Deno.test("validateEvent() takes the page's address from the request where the event has none", () => {
  const { event_source_url: _, ...bare } = pageView;
  assertEquals(problemPaths(bare, browser), ["event_source_url"]);
  const known = { ...browser.known, event_source_url: "https://shop.example/from-referer" };
  const result = validateEvent(bare, { ...browser, known });
  assert(result.ok);
  assertEquals(result.event.event_source_url, "https://shop.example/from-referer");
});
