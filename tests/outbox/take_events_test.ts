/**
 * Tests of `shared/outbox/take_events.ts` over a database that stores everything.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { takeEvents, type TakeOptions } from "../../shared/outbox/take_events.ts";
import type { EventRow } from "../../shared/database/events.ts";
import { SERVER } from "../../shared/outbox/event/caller_profile.ts";

const NOW_MS = 1_795_300_000_000;
const NOW = NOW_MS / 1_000;

function lead(event_id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    event_name: "Lead",
    event_id,
    event_time: NOW - 60,
    action_source: "other",
    user_data: { em: "siti@example.com" },
    ...more,
  };
}

/** Takes events; returns what was stored and what was answered. */
async function take(events: Record<string, unknown>[]) {
  const rows: EventRow[] = [];
  const options: TakeOptions = {
    database: {
      readSecret: () => Promise.resolve(null),
      call(_operation, request) {
        const given = request as unknown as { events: EventRow[] };
        rows.push(...given.events);
        return Promise.resolve({ statuses: given.events.map(() => "stored") });
      },
    },
    now_ms: NOW_MS,
    profile: SERVER,
    pixel_ids: ["800000000000001"],
    require_consent: true,
    default_country: null,
    test_event_code: "TEST1",
    user_id: null,
    client_ip_address: null,
    client_user_agent: null,
  };
  const { answers } = await takeEvents({ events }, options, (work) => work());
  return { rows, answers };
}

Deno.test("takeEvents() answers with a hundred notes of an event at most, and always with the one on test events", async () => {
  const { answers } = await take([
    lead("a", Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`odd_${index}`, 1]))),
    lead("b"),
  ]);
  assertEquals(answers.map((answer) => answer.notes?.length), [101, 1]);
  assertEquals(answers.map((answer) => answer.notes?.at(-1)?.path), ["test_event_code", "test_event_code"]);
});

Deno.test("takeEvents() marks an fbc that was built here, and gives those of one click one time", async () => {
  const fbp = "fb.1.1795200000000.4242";
  const cookie = "fb.1.1795200000000.IwAR3";
  const { rows } = await take([
    lead("later", { fbclid: "IwAR", user_data: { fbp } }),
    lead("earlier", { fbclid: "IwAR", event_time: NOW - 600, user_data: { fbp } }),
    lead("other browser", { fbclid: "IwAR", user_data: { em: "budi@example.com" } }),
    lead("other click", { fbclid: "IwAR2", user_data: { fbp } }),
    lead("none", { user_data: { fbp } }),
    lead("own", { user_data: { fbc: cookie } }),
  ]);
  assertEquals(rows.map((row) => [row.event_id, row.browser_data.fbc, row.fbc_is_built === true]), [
    ["later", "fb.1.1795299400000.IwAR", true],
    ["earlier", "fb.1.1795299400000.IwAR", true],
    ["other browser", "fb.1.1795299940000.IwAR", true],
    ["other click", "fb.1.1795299940000.IwAR2", true],
    ["none", undefined, false],
    ["own", cookie, false],
  ]);
});
