/**
 * How well Meta recognised the invented shop's people in the last weeks, and which keys their events carried. Today's
 * figures come from the emulator, for the events that were played.
 *
 * @module
 */

import type { Platform } from "../../../supabase-local/mod.ts";

/** Of an event: its score, how many there are a day, and how many of a hundred carry each key. */
interface InventedEvent {
  event_name: string;
  score: number;
  a_day: number;
  coverage: number | null;
  keys: Record<string, number>;
}

const EVENTS: InventedEvent[] = [
  {
    event_name: "PageView",
    score: 3.1,
    a_day: 300,
    coverage: null,
    keys: { ip_address: 100, user_agent: 100, fbp: 97, fbc: 71, external_id: 18 },
  },
  {
    event_name: "Lead",
    score: 5.6,
    a_day: 33,
    coverage: null,
    keys: { email: 100, ip_address: 100, user_agent: 100, fbp: 97, fbc: 74, external_id: 24 },
  },
  {
    event_name: "InitiateCheckout",
    score: 7.8,
    a_day: 19,
    coverage: null,
    keys: { email: 100, phone: 95, ip_address: 100, user_agent: 100, fbp: 95, fbc: 68, external_id: 53 },
  },
  {
    event_name: "Purchase",
    score: 8.1,
    a_day: 11,
    coverage: 92,
    keys: { email: 100, phone: 100, ip_address: 91, user_agent: 91, fbp: 91, fbc: 64, external_id: 64 },
  },
];

/** Days of the past that are stored. */
const DAYS = 28;

/** Stores the days before today. */
export async function storeQualityHistory({ sql }: Platform, pixel_id: string): Promise<void> {
  const days = EVENTS.flatMap(({ event_name, score, a_day, coverage, keys }, place) =>
    Array.from({ length: DAYS }, (_, index) => ({
      days_ago: index + 1,
      event_name,
      // It moves a little from day to day.
      score: (score + .15 * Math.sin(index + place)).toFixed(1),
      coverage,
      goal: coverage === null ? null : 75,
      keys,
      counts: Object.fromEntries(
        Object.entries({ event_id: 100, ...keys }).map(([key, share]) => [key, Math.round(a_day * share / 100)]),
      ),
    }))
  );
  await sql`
    with day as (
      select (now() at time zone 'UTC')::date - given.days_ago as date, given.*
      from jsonb_to_recordset(${JSON.stringify(days)}::text::jsonb) as given (
        days_ago integer, event_name text, score numeric, coverage numeric, goal numeric, keys jsonb, counts jsonb
      )
    ),
    counted as (
      insert into fb_ads.sent_event_keys (date, pixel_id, event_name, key, events)
      select day.date, ${pixel_id}, day.event_name, carried.key, carried.value::bigint
      from day
      cross join lateral jsonb_each_text(day.counts) as carried
    )
    insert into public.ad_event_quality (
      date, pixel_id, event_name, composite_score, match_key_coverage, event_coverage, event_coverage_goal,
      upload_frequency
    )
    select date, ${pixel_id}, event_name, score, keys, coverage, goal, 'real_time' from day`;
}
