/**
 * What the tests of `capi-event` stand on: a platform with two pixels' worth of configuration, a shop's tables, and the
 * two kinds of callers.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Platform } from "../../supabase-local/mod.ts";
import { startSuite, type Suite, type SuiteOptions } from "./suite.ts";
import { emptyTables } from "../../supabase-local/waiting.ts";

/** Where the shop's pages are. */
export const ORIGIN = "https://shop.example";

/** The pixel that events go to. */
export const PIXEL = "800000000000001";

/** Starts platform and emulator with a pixel, an allowed origin and Indonesia as default country. */
export async function startCapiSuite(options: SuiteOptions & { pixels?: string[] } = {}): Promise<Suite> {
  const pixels = options.pixels ?? [PIXEL];
  const suite = await startSuite({
    ...options,
    functionEnv: {
      META_PIXEL_ID: pixels.join(","),
      FB_ADS_ALLOWED_ORIGINS: ORIGIN,
      FB_ADS_DEFAULT_COUNTRY: "ID",
      ...options.functionEnv,
    },
  });
  for (const pixel of pixels) suite.graph.world.pixels.add(pixel);
  return suite;
}

/** Unix seconds of now. */
export const nowSeconds = (): number => Math.floor(Date.now() / 1_000);

/** A page view as a browser sends it. */
export function pageView(event_id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    event_name: "PageView",
    event_id,
    event_time: nowSeconds(),
    event_source_url: "https://shop.example/",
    user_data: { fbp: "fb.1.1795300000000.1098115397" },
    consent: "granted",
    ...more,
  };
}

/** A lead as the shop's server sends it. */
export function lead(event_id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    event_name: "Lead",
    event_id,
    event_time: nowSeconds(),
    action_source: "system_generated",
    user_data: { em: "siti@example.com" },
    consent: "granted",
    ...more,
  };
}

/** Posts as a browser does. */
export function postAsBrowser(
  platform: Platform,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${platform.functionsUrl}/capi-event`, {
    method: "POST",
    headers: {
      apikey: platform.publishableKey,
      Origin: ORIGIN,
      "Content-Type": "application/json",
      "User-Agent": "Mozilla/5.0 (test)",
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** One event's answer. */
export interface EventAnswer {
  event_id: string | null;
  status: string;
  notes?: { path: string; message: string }[];
}

/** Decodes a 202; anything else fails with the body. */
export async function answersOf(response: Response): Promise<EventAnswer[]> {
  const text = await response.text();
  assertEquals(response.status, 202, text);
  return decodeAnswers(JSON.parse(text));
}

function decodeAnswers(body: unknown): EventAnswer[] {
  return (body as { events: EventAnswer[] }).events;
}

/** Sends what is due and waits for it. */
export async function dispatchNow(platform: Platform): Promise<{ purchases: number; sent: number; requests: number }> {
  const response = await platform.invoke("capi-event", { dispatch: true });
  const text = await response.text();
  assertEquals(response.status, 202, text);
  return decodeDispatch(JSON.parse(text));
}

function decodeDispatch(body: unknown): { purchases: number; sent: number; requests: number } {
  return (body as { dispatch: { purchases: number; sent: number; requests: number } }).dispatch;
}

/** Sends until the tick would find nothing to do; one call ends with its budget, which a busy machine uses up early. */
export async function dispatchAll(platform: Platform, most = 100): Promise<void> {
  for (let call = 0; call < most; call += 1) {
    await dispatchNow(platform);
    const [row] = await platform.sql`select fb_ads.has_delivery_work() as is_left`;
    if (row?.is_left !== true) return;
  }
  throw new Error(`something is left after ${most} dispatches`);
}

/** States of all deliveries of an event, by pixel. */
export async function statesOf(platform: Platform, event_id: string): Promise<string[]> {
  const rows = await platform.sql`
    select delivery.state
    from fb_ads.event_deliveries as delivery
    join fb_ads.conversion_events as event on event.id = delivery.event_row_id
    where event.event_id = ${event_id}
    order by delivery.pixel_id`;
  return rows.map((row) => String(row.state));
}

/** Makes the shop's standard tables as their owner does, and attaches the transactions. */
export async function makeShop(platform: Platform): Promise<void> {
  await platform.sql.unsafe(`
    set role postgres;
    create table public.unified_profiles (
      id uuid primary key default gen_random_uuid(), email text, phone text, first_name text, last_name text, city text, state text,
      zip text, country text
    );
    create table public.transactions (
      id uuid primary key default gen_random_uuid(), user_id uuid references public.unified_profiles (id), status text not null,
      amount numeric, currency text, source text, order_number text, created_at timestamptz not null default now(),
      completed_at timestamptz
    );
    select fb_ads.attach_transactions('public.transactions');
    reset role;
  `);
}

/** Empties what events leave behind, so that steps of one test do not see each other. */
export async function clearEvents({ platform, graph }: Suite): Promise<void> {
  await emptyTables(platform.sql, [
    "fb_ads.conversion_events",
    "fb_ads.event_deliveries",
    "fb_ads.pixels",
    "fb_ads.consents",
    "fb_ads.event_counts",
    "fb_ads.visitor_salts",
  ]);
  graph.faults.clear();
  graph.capi.reset();
  graph.ledger.reset();
}
