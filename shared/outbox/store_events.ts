/**
 * Having events stored: a browser's within the limits, a server's in parts where the database does not finish the
 * whole.
 *
 * @module
 */

import { chargeVisitor } from "../database/charges.ts";
import { type EventRow, type StoredStatus, storeEvents } from "../database/events.ts";
import { type Database, isStatementTimeout } from "../database/rpc.ts";
import { networkOf, tooManyRequests, visitorOf } from "../user_data/visitor.ts";

/** Where and under which conditions. */
export interface StoreOptions {
  /** Where events are stored. */
  database: Database;
  /** The present, in milliseconds since 1970. */
  now_ms: number;
  /** Where the events will go. */
  pixel_ids: string[];
  /** Whether anything but granted is suppressed. */
  require_consent: boolean;
  /** The browser's address as the platform saw it; null when unknown. */
  client_ip_address: string | null;
}

/** Bytes of an event that are charged as one. */
const CHARGED_BYTES = 2_048;

const utf8 = new TextEncoder();

/** Nothing is stored of a denied event but its denial, unless a sale may look for its order. */
function isMereDenial(row: EventRow): boolean {
  return row.consent === "denied" && row.order_id === null;
}

/** What an event is charged as: one, and one more for each further 2 KiB. */
function unitsOf(row: EventRow): number {
  return isMereDenial(row) ? 0 : Math.ceil(utf8.encode(JSON.stringify(row)).length / CHARGED_BYTES);
}

/**
 * Stores a browser's events; returns what became of each, in their order. They are charged first, and stay charged
 * where storing fails. Where others have spent the limits, the denials among them are taken all the same.
 *
 * @throws {RequestError} 429 when a limit is spent.
 */
export async function storeBrowserEvents(rows: EventRow[], options: StoreOptions): Promise<StoredStatus[]> {
  const denied = rows.filter((row) => row.consent === "denied");
  const charged = await chargeVisitor(options.database, {
    visitor: visitorOf(options.client_ip_address),
    network: networkOf(options.client_ip_address),
    events: rows.reduce((sum, row) => sum + unitsOf(row), 0),
    denials: denied.length,
  });
  const { remembers_denials } = charged;
  if (charged.limited === undefined) return await store(rows, "browser", options, remembers_denials);
  if (charged.takes_denials && denied.length > 0) {
    const bare = denied.map((row) => ({ ...row, order_id: null }));
    await store(bare, "browser", options, remembers_denials);
  }
  throw tooManyRequests(charged.limited, options.now_ms);
}

/**
 * Stores a server's events; returns what became of each, in their order. A batch that the database does not finish in
 * the time of a statement is halved, down to one event.
 *
 * @throws {DatabaseError} When not even one event is stored in that time; those before it are stored.
 */
export async function storeServerEvents(rows: EventRow[], options: StoreOptions): Promise<StoredStatus[]> {
  try {
    return await store(rows, "server", options, true);
  } catch (error) {
    if (!isStatementTimeout(error) || rows.length === 1) throw error;
    const half = Math.ceil(rows.length / 2);
    const first = await storeServerEvents(rows.slice(0, half), options);
    return [...first, ...await storeServerEvents(rows.slice(half), options)];
  }
}

function store(rows: EventRow[], origin: "browser" | "server", options: StoreOptions, remembers_denials: boolean) {
  const { pixel_ids, require_consent } = options;
  return storeEvents(options.database, { origin, pixel_ids, require_consent, remembers_denials, events: rows });
}
