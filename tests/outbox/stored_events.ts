/**
 * Stores events through the RPC that `capi-event` uses, for tests of the database.
 *
 * @module
 */

import type { Platform } from "../../scripts/supabase-local/mod.ts";

/** What a test says of an event; the rest is a lead of now that agreed. */
export interface EventPlan {
  event_id: string;
  event_name?: string;
  event_time?: number;
  consent?: "granted" | "denied" | null;
  user_digest?: string;
  browser_digest?: string;
  person_digests?: string[];
  browser_data?: Record<string, string>;
  order_id?: string | null;
}

/** Stores them and returns their statuses. */
export async function storeEvents(
  platform: Platform,
  plans: EventPlan[],
  pixel_ids = ["1"],
  origin: "browser" | "server" = "server",
): Promise<string[]> {
  const { sql } = platform;
  const events = plans.map((plan) => ({
    event_name: "Lead",
    event_time: Math.floor(Date.now() / 1_000),
    action_source: "website",
    content: { action_source: "website" },
    user_data: { em: "0".repeat(64) },
    browser_data: {},
    person_digests: [],
    consent: "granted",
    ...plan,
  }));
  const request = sql.json({
    origin,
    pixel_ids,
    require_consent: true,
    events,
  });
  const [row] = await sql`select public.fb_store_events(${request}) as stored`;
  return decodeStatuses(row?.stored);
}

function decodeStatuses(stored: unknown): string[] {
  return (stored as { statuses: string[] }).statuses;
}
