/**
 * Tests of `shared/outbox/dispatch.ts` over a database that is told what to answer.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { dispatch } from "../../shared/outbox/dispatch.ts";
import type { Database } from "../../shared/database/rpc.ts";

const PIXEL = "800000000000001";

/** Answers claims with the batches, one after the other; says of the lease what `held` says. */
function fakeDatabase(
  batches: { deliveries: unknown[]; settled: number }[],
  held = 1,
  purchases: number[] = [],
): Database {
  const claims = [...batches];
  const waiting = [...purchases];
  return {
    readSecret: (name) => Promise.resolve(name === "meta_capi_access_token" ? "token" : null),
    call(operation, request) {
      if (operation === "fb_claim_purchases") {
        return Promise.resolve({ lease_id: "p", claimed: waiting.shift() ?? 0, purchases: [] });
      }
      if (operation === "fb_claim_deliveries") {
        return Promise.resolve({ lease_id: "d", ...claims.shift() ?? { deliveries: [], settled: 0 } });
      }
      if (operation === "fb_renew_deliveries") return Promise.resolve({ held });
      const { outcomes } = request as { outcomes: { event_row_ids: number[] }[] };
      return Promise.resolve({ recorded: outcomes.flatMap((outcome) => outcome.event_row_ids).length });
    },
  };
}

const delivery = (id: number, test_event_code: string | null = null) => ({
  event_row_id: id,
  pixel_id: PIXEL,
  event_name: "Lead",
  event_id: String(id),
  event_time: 1_795_300_000,
  content: { action_source: "system_generated" },
  user_data: {},
  is_probe: false,
  is_repeat: false,
  test_event_code,
});

/** Dispatches by a clock that goes on by so many seconds with every request; returns the ids that were sent. */
async function run(database: Database, seconds_a_request: number): Promise<string[]> {
  const sent: string[] = [];
  let now_ms = 1_795_300_000_000;
  await dispatch(
    { pixel_ids: [PIXEL], require_consent: true, default_country: null, test_event_code: null },
    {
      database,
      clock: { now: () => new Date(now_ms) },
      warn: () => undefined,
      exhausted: () => false,
      measure: (work) => work(),
      count: () => undefined,
      send: (_token, _pixel, events) => {
        now_ms += seconds_a_request * 1_000;
        sent.push(...events.map((event) => event.event_id));
        return Promise.resolve({ events_received: events.length, fbtrace_id: null });
      },
    },
  );
  return sent;
}

Deno.test("dispatch() sends nothing more once the lease is lost, be it between two groups of one request each", async () => {
  const groups = Array.from({ length: 6 }, (_, id) => delivery(id, `TEST${id}`));
  assertEquals(await run(fakeDatabase([{ deliveries: groups, settled: 0 }], 0), 20), ["0", "1"]);
  assertEquals(await run(fakeDatabase([{ deliveries: groups, settled: 0 }], 1), 20), ["0", "1", "2", "3", "4", "5"]);
});

Deno.test("dispatch() goes on behind a thousand events that ended in the database", async () => {
  const database = fakeDatabase([{ deliveries: [], settled: 1_000 }, { deliveries: [delivery(7)], settled: 0 }]);
  assertEquals(await run(database, 0), ["7"]);
});

Deno.test("dispatch() gathers a bulk of sales to full requests before it claims them", async () => {
  const order: string[] = [];
  const database = fakeDatabase([{ deliveries: [delivery(7)], settled: 0 }], 1, [200, 200, 200, 200, 200, 200, 50]);
  const listening: Database = {
    readSecret: (name) => database.readSecret(name),
    call(operation, request) {
      order.push(operation === "fb_claim_purchases" ? "snapshot" : operation === "fb_claim_deliveries" ? "claim" : "");
      return database.call(operation, request);
    },
  };
  assertEquals(await run(listening, 0), ["7"]);
  assertEquals(
    order.filter((word) => word !== "").join(" "),
    "snapshot snapshot snapshot snapshot snapshot claim snapshot snapshot claim",
  );
});
