/**
 * What becomes of events at Meta: every class of answer, every state of a delivery.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { FaultAction } from "../../scripts/meta-emulator/mod.ts";
import {
  answersOf,
  clearEvents,
  dispatchNow,
  lead,
  PIXEL,
  startCapiSuite,
  statesOf,
} from "../../scripts/dev/testing/shop_suite.ts";

const SECOND_PIXEL = "800000000000002";

Deno.test("capi-event brings every event to the state that Meta's answer asks for", async (t) => {
  await using suite = await startCapiSuite();
  const { platform, graph } = suite;
  const { sql } = platform;

  /** Stores leads while nothing can be sent, so that the step decides when the first attempt is. */
  async function store(ids: string[], more: Record<string, unknown> = {}): Promise<void> {
    await sql`insert into fb_ads.pixels (pixel_id, throttled_until) values (${PIXEL}, now() + interval '1 hour')
      on conflict (pixel_id) do update set throttled_until = excluded.throttled_until`;
    await answersOf(await platform.invoke("capi-event", { events: ids.map((id) => lead(id, more)) }));
    await dispatchNow(platform);
    assertEquals(graph.capi.requests.length, 0);
    await sql`update fb_ads.pixels set throttled_until = null`;
  }
  const listed = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name}-${index}`);
  const tally = async () => {
    const rows = await sql`select state, count(*)::int as n from fb_ads.event_deliveries group by state order by state`;
    return Object.fromEntries(rows.map((row) => [row.state, row.n]));
  };
  const due = () => sql`update fb_ads.event_deliveries set next_attempt_at = now() where state = 'pending'`;
  const step = (name: string, run: () => Promise<void>) =>
    t.step(name, async () => {
      try {
        await run();
      } finally {
        await clearEvents(suite);
      }
    });
  const deliveryOf = async (id: string) => {
    const [row] = await sql`
      select delivery.* from fb_ads.event_deliveries as delivery
      join fb_ads.conversion_events as event on event.id = delivery.event_row_id where event.event_id = ${id}`;
    if (row === undefined) throw new Error(`no delivery of ${id}`);
    return row;
  };

  await step("a hundred events are one request", async () => {
    await store(listed(100, "burst"));
    assertEquals((await dispatchNow(platform)).sent, 100);
    assertEquals(graph.capi.requests.length, 1);
    assertEquals(await tally(), { sent: 100 });
  });

  await step("an event with a very long list holds nobody up", async () => {
    await store(["long"]);
    await sql`update fb_ads.conversion_events set content = jsonb_set(content, '{custom_data}', jsonb_build_object(
      'tags', (select jsonb_agg(md5(number::text) || md5(number::text)) from generate_series(1, 20000) as number)))`;
    assertEquals((await dispatchNow(platform)).sent, 1);
  });

  await step("very large events are taken up in parts", async () => {
    await store(listed(50, "large"));
    await sql`update fb_ads.conversion_events set content = jsonb_set(content, '{custom_data}', jsonb_build_object(
      'tags', (select jsonb_agg(md5(number::text)) from generate_series(1, 3000) as number)))`;
    assertEquals((await dispatchNow(platform)).sent, 50);
    assertEquals(graph.capi.requests.length, 2);
  });

  await step("poison in 25 is found; the other 24 are sent", async () => {
    await store(listed(25, "p"));
    // What Meta refuses although we took it: an unknown country of data processing.
    await sql`update fb_ads.conversion_events set content = content || '{"action_source": "television"}' where event_id = 'p-17'`;
    await dispatchNow(platform);
    assertEquals(await tally(), { dead: 1, sent: 24 });
    const poison = await deliveryOf("p-17");
    assertEquals([poison.code, poison.subcode, poison.reason], [100, 2804019, "parameter_invalid"]);
    assert(graph.capi.requests.length <= 12);
    assertEquals(listed(25, "p").filter((id) => graph.capi.timesCounted(PIXEL, "Lead", id) !== 1), ["p-17"]);
    // Two more calls do not try it again.
    const requests = graph.capi.requests.length;
    await dispatchNow(platform);
    assertEquals(graph.capi.requests.length, requests);
  });

  await step("a dead letter is listed, mended and sent again by one call", async () => {
    await store(["d"]);
    await sql`update fb_ads.conversion_events set content = content || '{"action_source": "television"}'`;
    await dispatchNow(platform);
    const [listedRow] = await sql`select event_id, state, reason, code from fb_ads.undelivered_events`;
    assertEquals(listedRow, { event_id: "d", state: "dead", reason: "parameter_invalid", code: 100 });
    await sql`update fb_ads.conversion_events set content = content || '{"action_source": "system_generated"}'`;
    assertEquals((await sql`select public.fb_replay_deliveries() as r`)[0]?.r, { replayed: 1 });
    await dispatchNow(platform);
    assertEquals(await statesOf(platform, "d"), ["sent"]);
  });

  await step("stale in 5 is expired and never in a request", async () => {
    await store(listed(5, "s"));
    await sql`update fb_ads.conversion_events set event_time = now() - interval '7 days' where event_id = 's-2'`;
    await dispatchNow(platform);
    assertEquals(await tally(), { expired: 1, sent: 4 });
    assertEquals(
      graph.capi.requests.flatMap(({ events }) => events.map((event) => event.event_id)).includes("s-2"),
      false,
    );
  });

  await step("an event that Meta finds too old is expired, the rest is sent", async () => {
    await store(listed(5, "o"));
    graph.faults.add({ match: { params_contain: "o-3" }, action: { kind: "error", error: "100/2804003" } });
    await dispatchNow(platform);
    assertEquals(await tally(), { expired: 1, sent: 4 });
  });

  await step("a dead token keeps 50 events, probes once a tick, and a new token sends them all", async () => {
    await store(listed(50, "t"));
    graph.faults.add({ id: "dead", action: { kind: "error", error: "190/463", status: 400 } });
    await dispatchNow(platform);
    assertEquals(await tally(), { blocked: 50 });
    assertEquals(graph.ledger.calls.length, 1);
    await dispatchNow(platform);
    assertEquals(graph.ledger.calls.length, 1);
    assertEquals((await sql`select fb_ads.has_delivery_work() as work`)[0]?.work, true);
    // A day of ticks: one event a tick.
    for (let tick = 0; tick < 3; tick += 1) {
      await sql`update fb_ads.pixels set probed_at = now() - interval '1 minute'`;
      await dispatchNow(platform);
    }
    assertEquals(graph.ledger.calls.length, 4);
    assertEquals(await tally(), { blocked: 50 });
    graph.faults.clear();
    await sql`select vault.update_secret(id, 'emulator-capi-token-2') from vault.secrets where name = 'meta_capi_access_token'`;
    graph.tokens.add("emulator-capi-token-2", { name: "capi", accounts: [], scopes: ["ads_management"] });
    await dispatchNow(platform);
    assertEquals(await tally(), { sent: 50 });
  });

  await step("a permission that comes back is found by the probe", async () => {
    await store(listed(5, "perm"));
    graph.faults.add({ action: { kind: "error", error: "200", status: 403 }, times: 1 });
    await dispatchNow(platform);
    assertEquals(await tally(), { blocked: 5 });
    await sql`update fb_ads.pixels set probed_at = now() - interval '1 minute'`;
    await dispatchNow(platform);
    assertEquals(await tally(), { sent: 5 });
  });

  await step("without a token nothing is asked of Meta and everything waits", async () => {
    await store(["n"]);
    await sql`select vault.update_secret(id, new_name => 'elsewhere') from vault.secrets where name = 'meta_capi_access_token'`;
    await dispatchNow(platform);
    assertEquals([graph.ledger.calls.length, await tally()], [0, { blocked: 1 }]);
    await sql`select vault.update_secret(id, new_name => 'meta_capi_access_token') from vault.secrets where name = 'elsewhere'`;
    await dispatchNow(platform);
    assertEquals(await tally(), { sent: 1 });
  });

  await step("a throttled pixel waits as a whole", async () => {
    await store(listed(3, "q"));
    graph.faults.add({ action: { kind: "error", error: "80004/2446079", status: 400 }, times: 1 });
    await dispatchNow(platform);
    assertEquals(await tally(), { pending: 3 });
    await answersOf(await platform.invoke("capi-event", lead("q-late")));
    await dispatchNow(platform);
    assertEquals(graph.ledger.calls.length, 1);
    assertEquals((await sql`select fb_ads.has_delivery_work() as work`)[0]?.work, false);
    await sql`update fb_ads.pixels set throttled_until = now()`;
    await dispatchNow(platform);
    assertEquals(await tally(), { sent: 4 });
    assertEquals((await deliveryOf("q-0")).first_unknown_at, null);
  });

  await step("after an attempt of unknown outcome the identical event goes again, later and later", async () => {
    await store(["u"]);
    const faults: FaultAction[] = [
      { kind: "hang", ms: 11_000, after_effect: true },
      { kind: "html", after_effect: true },
      { kind: "cut" },
    ];
    for (const action of faults) {
      graph.faults.clear();
      graph.faults.add({ action, times: 1 });
      await due();
      await dispatchNow(platform);
    }
    const row = await deliveryOf("u");
    assertEquals([row.state, row.attempts], ["pending", 3]);
    assert(row.first_unknown_at <= row.attempted_at && row.next_attempt_at - row.attempted_at >= 30_000);
    await due();
    await dispatchNow(platform);
    assertEquals(await statesOf(platform, "u"), ["sent"]);
    const copies = graph.capi.find(PIXEL, "Lead", "u").map(({ event }) => JSON.stringify(event));
    assertEquals([copies.length, new Set(copies).size], [4, 1]);
    assertEquals(graph.capi.timesCounted(PIXEL, "Lead", "u"), 1);
  });

  await step("48 hours after an attempt of unknown outcome an event is never sent again", async () => {
    await store(["v"]);
    graph.faults.add({ action: { kind: "empty", after_effect: true }, times: 1 });
    await dispatchNow(platform);
    await sql`update fb_ads.event_deliveries set first_unknown_at = now() - interval '48 hours', next_attempt_at = now()`;
    await dispatchNow(platform);
    const row = await deliveryOf("v");
    assertEquals([row.state, row.reason], ["expired", "outcome_unknown"]);
    assertEquals(graph.capi.find(PIXEL, "Lead", "v").length, 1);
  });

  await step("an expired lease counts as an attempt of unknown outcome, and its late report is refused", async () => {
    await store(["w"]);
    const [claim] = await sql`select public.fb_claim_deliveries(${
      sql.json({ pixels: [{ pixel_id: PIXEL, token_fingerprint: "0" }] })
    }) as c`;
    await sql`update fb_ads.event_deliveries set lease_until = now()`;
    await dispatchNow(platform);
    assertEquals(await statesOf(platform, "w"), ["sent"]);
    assert((await deliveryOf("w")).first_unknown_at !== null);
    const [late] = await sql`select public.fb_record_deliveries(${
      sql.json({
        lease_id: claim?.c.lease_id,
        outcomes: [{
          pixel_id: PIXEL,
          event_row_ids: [claim?.c.deliveries[0].event_row_id],
          outcome: "dead",
          reason: "late",
        }],
      })
    }) as r`;
    assertEquals(late?.r, { recorded: 0 });
    assertEquals(await statesOf(platform, "w"), ["sent"]);
  });

  await step("what Meta does not count as received is looked for and sent again", async () => {
    await store(listed(4, "m"));
    graph.faults.add({
      action: { kind: "body", body: { events_received: 3, messages: [], fbtrace_id: "A" }, after_effect: true },
      times: 1,
    });
    await dispatchNow(platform);
    assertEquals(await tally(), { sent: 4 });
    assertEquals(graph.capi.requests.map((request) => request.events.length), [4, 2, 2]);
    assert(platform.functionLogs("capi-event").some((line) => line.includes("fewer events")));
  });

  await step("consent withdrawn between taking and sending is obeyed", async () => {
    await store(["x"], { user_data: { em: "siti@example.com", external_id: "user-1" } });
    await answersOf(await platform.invoke("capi-event", { consent: { state: "denied", user_id: "user-1" } }));
    await dispatchNow(platform);
    assertEquals([await tally(), graph.capi.requests.length], [{ suppressed: 1 }, 0]);
    const [row] = await sql`select content, user_data, browser_data, person_digests from fb_ads.conversion_events`;
    assertEquals(row, { content: null, user_data: null, browser_data: null, person_digests: null });
  });
});

Deno.test("capi-event serves several pixels, each with its own token and its own state", async () => {
  await using suite = await startCapiSuite({
    pixels: [PIXEL, SECOND_PIXEL],
    vault: { [`meta_capi_access_token_${SECOND_PIXEL}`]: "second-token" },
  });
  const { platform, graph } = suite;
  graph.faults.add({ match: { path: SECOND_PIXEL }, action: { kind: "error", error: "190/460", status: 400 } });
  await answersOf(await platform.invoke("capi-event", lead("both")));
  await dispatchNow(platform);
  assertEquals(await statesOf(platform, "both"), ["sent", "blocked"]);
  graph.faults.clear();
  graph.tokens.add("third-token", { name: "capi", accounts: [], scopes: ["ads_management"] });
  await platform.sql`select vault.update_secret(id, 'third-token') from vault.secrets
    where name = ${`meta_capi_access_token_${SECOND_PIXEL}`}`;
  await dispatchNow(platform);
  assertEquals(await statesOf(platform, "both"), ["sent", "sent"]);
  const [row] = await platform.sql`select final_at is not null as is_final from fb_ads.conversion_events`;
  assertEquals(row?.is_final, true);
  for (const token of ["second-token", "third-token", graph.capiToken]) {
    assert(!JSON.stringify(graph.ledger.calls).includes(token));
    assert(!platform.functionLogs("capi-event").join().includes(token));
  }
});
