/**
 * Tests of `shared/outbox/store_events.ts`: over a real database that does not finish in time, and over one that
 * counts.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { answersOf, lead, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";
import { type EventRow } from "../../shared/database/events.ts";
import { DatabaseError } from "../../shared/errors.ts";
import { storeBrowserEvents, storeServerEvents } from "../../shared/outbox/store_events.ts";

const row = (event_id: string, more: Partial<EventRow> = {}): EventRow => ({
  event_name: "Lead",
  event_id,
  event_time: 1_795_300_000,
  action_source: "website",
  content: {},
  user_data: {},
  browser_data: {},
  order_id: null,
  user_digest: null,
  browser_digest: null,
  person_digests: [],
  consent: "granted",
  consent_since: null,
  test_event_code: null,
  ...more,
});

/** A database that finishes so many events a call; returns its calls. */
function slowDatabase(finishes: number, charged: Record<string, unknown> = {}) {
  const calls: { operation: string; request: Record<string, unknown> }[] = [];
  return {
    calls,
    options: {
      now_ms: 1_795_300_000_000,
      pixel_ids: ["800000000000001"],
      require_consent: true,
      client_ip_address: "203.0.113.7",
      database: {
        readSecret: () => Promise.resolve(null),
        call(operation: string, request: Record<string, unknown>) {
          calls.push({ operation, request });
          if (operation === "fb_charge_visitor") {
            return Promise.resolve({ takes_denials: true, remembers_denials: true, ...charged });
          }
          const events = request.events as EventRow[];
          if (events.length > finishes) {
            return Promise.reject(new DatabaseError("database_unavailable", operation, "57014"));
          }
          return Promise.resolve({ statuses: events.map(() => "stored") });
        },
      },
    },
  };
}

const rows = (count: number) => Array.from({ length: count }, (_, index) => row(`event-${index}`));
const sizes = (calls: ReturnType<typeof slowDatabase>["calls"]) =>
  calls.map(({ operation, request }) => [operation, request.events as EventRow[] | number]).map(([operation, events]) =>
    Array.isArray(events) ? events.length : `${operation} ${events}`
  );

Deno.test("a server's batch that the database does not finish is halved, down to one event", async () => {
  const { options, calls } = slowDatabase(1);
  assertEquals((await storeServerEvents(rows(5), options)).length, 5);
  assertEquals(sizes(calls), [5, 3, 2, 1, 1, 1, 2, 1, 1]);
  await assertRejects(() => storeServerEvents(rows(2), slowDatabase(0).options), DatabaseError);
});

Deno.test("a browser's batch is charged before it is stored, and is not tried in parts", async () => {
  const { options, calls } = slowDatabase(1);
  const large = row("large", { content: { text: "é".repeat(1_900) } });
  const denied = row("denied", { consent: "denied" });
  await assertRejects(() => storeBrowserEvents([...rows(2), large, denied], options), DatabaseError);
  // Two, one of 4 KB which counts as two, and nothing for the denial.
  assertEquals(sizes(calls), ["fb_charge_visitor 4", 4]);
});

Deno.test("events that take longer than a statement may are stored in parts, each once", async () => {
  await using suite = await startCapiSuite();
  const { platform } = suite;
  const { sql } = platform;
  // Who stores more than three events takes longer than the 8 s of a statement.
  await sql.unsafe(`
    create function public.wait_where_there_are_many() returns trigger language plpgsql as $$
    begin
      if (select count(*) from new_rows) > 3 then perform pg_sleep(60); end if;
      return null;
    end;
    $$;
    create trigger slow_store after insert on fb_ads.conversion_events
      referencing new table as new_rows for each statement execute function public.wait_where_there_are_many();
  `);
  const events = Array.from({ length: 6 }, (_, index) => lead(`slow-${index}`));
  const answers = await answersOf(await platform.invoke("capi-event", { events }));
  assertEquals(
    answers.map(({ event_id, status }) => [event_id, status]),
    events.map(({ event_id }) => [event_id, "accepted"]),
  );
  assertEquals((await sql`select from fb_ads.conversion_events`).length, 6);
});
