/**
 * One dispatch: takes snapshots of the purchases that wait, leases what is due, sends it, writes the outcomes, until
 * nothing is due or the time is up. Any number may run at once; the leases keep them apart.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import {
  claimDeliveries,
  type Delivery,
  type PixelToken,
  recordDeliveries,
  renewDeliveries,
} from "../database/deliveries.ts";
import type { Database } from "../database/rpc.ts";
import { DatabaseError } from "../errors.ts";
import { type EventsAnswer, MAX_EVENTS_PER_REQUEST } from "../meta/conversions_api.ts";
import type { GraphCredentials } from "../meta/graph_client.ts";
import { fingerprintToken } from "../meta/tokens.ts";
import { readPixelCredentials } from "./pixel_credentials.ts";
import { PURCHASES_PER_CLAIM, rebuildEvent, snapshotWaitingPurchases } from "./snapshot_purchases.ts";
import { type BatchResult, sendBatch } from "./send_batch.ts";
import type { ServerEvent } from "./event/server_event.ts";

/** What a dispatch did. */
export interface DispatchSummary {
  /** Keys of purchases taken up. */
  purchases: number;
  /** Deliveries that Meta confirmed. */
  sent: number;
  /** Requests to Meta. */
  requests: number;
}

/** A line of the log. */
export type Warn = (message: string, fields?: Record<string, unknown>) => void;

/** What a dispatch needs of its surroundings. */
export interface DispatchPorts {
  /** Where the outbox is. */
  database: Database;
  /** Tells the time. */
  clock: Clock;
  /** Says what an operator should know. */
  warn: Warn;
  /** Sends to a pixel. @throws {GraphApiError} */
  send: (
    credentials: GraphCredentials,
    pixel_id: string,
    events: ServerEvent[],
    test_event_code: string | null,
  ) => Promise<EventsAnswer>;
  /** Whether to stop for want of time. */
  exhausted: () => boolean;
  /** Runs synchronous work on the budget. */
  measure: <Result>(work: () => Result) => Result;
  /** Counts work on the budget. */
  count: (work: { calls?: number; rows?: number }) => void;
}

/** What of the configuration a dispatch goes by. */
export interface DispatchConfig {
  /** Where events go. */
  pixel_ids: string[];
  /** Whether a purchase without consent is suppressed. */
  require_consent: boolean;
  /** For phone numbers without a country code. */
  default_country: string | null;
  /** Goes with every request while it is set; such events count all the same. */
  test_event_code: string | null;
}

/** A lease lasts 90 s; a batch that is halved again and again renews it well before. */
const RENEW_AFTER_MS = 30_000;

/** Purchases travel apart from everything else, probes alone, and each test code in requests of its own. */
function groupDeliveries(deliveries: readonly Delivery[]): Delivery[][] {
  const groups = new Map<string, Delivery[]>();
  for (const delivery of deliveries) {
    const kind = delivery.is_probe ? "probe" : delivery.event_name === "Purchase" ? "purchase" : "other";
    const key = `${delivery.pixel_id} ${kind} ${delivery.test_event_code ?? ""}`;
    const group = groups.get(key) ?? [];
    group.push(delivery);
    groups.set(key, group);
  }
  const isPurchase = (group: Delivery[]) => group[0]?.event_name === "Purchase" ? 0 : 1;
  return [...groups.values()].sort((a, b) => isPurchase(a) - isPurchase(b));
}

/** Sends what is due until nothing is, or time is up. */
export async function dispatch(config: DispatchConfig, ports: DispatchPorts): Promise<DispatchSummary> {
  const { database, clock, count } = ports;
  const summary: DispatchSummary = { purchases: 0, sent: 0, requests: 0 };
  const { pixel_ids, require_consent, default_country } = config;
  if (pixel_ids.length === 0) {
    ports.warn("META_PIXEL_ID names no pixel: nothing can be sent");
    return summary;
  }
  let halted = new Set<string>();
  const taking = new Set<string>();
  let is_released = false;
  while (!ports.exhausted()) {
    is_released = false;
    let taken = await snapshotSafely();
    // A bulk of sales is gathered to full requests.
    for (
      let gathered = taken;
      taken >= PURCHASES_PER_CLAIM && gathered < MAX_EVENTS_PER_REQUEST;
      gathered += taken
    ) {
      if (ports.exhausted()) break;
      taken = await snapshotSafely();
    }
    const open = pixel_ids.filter((pixel_id) => !halted.has(pixel_id));
    if (open.length === 0) break;
    const credentials = await readPixelCredentials(database, open);
    const pixels: PixelToken[] = open.map((pixel_id) => {
      const token = credentials.get(pixel_id)?.token;
      return { pixel_id, token_fingerprint: token === undefined ? null : fingerprintToken(token) };
    });
    const claim = await claimDeliveries(database, { pixels, limit: MAX_EVENTS_PER_REQUEST });
    count({ calls: 4, rows: claim.deliveries.length });
    halted = new Set([...halted, ...await sendClaim(claim.lease_id, claim.deliveries, credentials)]);
    // What came in meanwhile brings a dispatch of its own, which gathers: claiming it piece by piece here would not.
    const due = claim.deliveries.length + claim.settled;
    const isFull = due >= MAX_EVENTS_PER_REQUEST || claim.is_cut || taken >= PURCHASES_PER_CLAIM;
    if (!isFull && !claim.deliveries.some((delivery) => delivery.is_probe) && !is_released) break;
  }
  return summary;

  /** A host's view that cannot be read must not keep the other events back. */
  async function snapshotSafely(): Promise<number> {
    try {
      const now_ms = clock.now().getTime();
      const { measure } = ports;
      const taken = await snapshotWaitingPurchases({
        database,
        now_ms,
        pixel_ids,
        require_consent,
        default_country,
        measure,
      });
      summary.purchases += taken;
      return taken;
    } catch (error) {
      ports.warn("purchases could not be read", { error });
      return 0;
    }
  }

  async function sendClaim(
    lease_id: string,
    deliveries: Delivery[],
    credentials: Map<string, GraphCredentials>,
  ): Promise<string[]> {
    const stopped = new Set<string>();
    let renewed_ms = clock.now().getTime();
    const byPixel = new Map<string, Delivery[][]>();
    for (const group of groupDeliveries(deliveries)) {
      const pixel_id = group[0]?.pixel_id ?? "";
      byPixel.set(pixel_id, [...byPixel.get(pixel_id) ?? [], group]);
    }
    let is_held = true;
    const hold = async () => {
      if (!is_held || clock.now().getTime() - renewed_ms < RENEW_AFTER_MS) return is_held;
      renewed_ms = clock.now().getTime();
      is_held = await renewDeliveries(database, lease_id);
      return is_held;
    };
    await Promise.all([...byPixel].map(async ([pixel_id, groups]) => {
      const known = credentials.get(pixel_id) ?? { token: "" };
      for (const group of groups) {
        if (!await hold()) return void stopped.add(pixel_id);
        const result = await sendBatch(group, {
          hold,
          // A pixel that was halted releases, untried, what else was leased for it.
          exhausted: () => stopped.has(pixel_id) || ports.exhausted(),
          is_open: taking.has(pixel_id),
          send: (part) => {
            const events = ports.measure(() => part.map(rebuildEvent));
            count({ calls: 1, rows: part.length });
            const test_event_code = config.test_event_code ?? part[0]?.test_event_code ?? null;
            return ports.send(known, pixel_id, events, test_event_code);
          },
        });
        if (result.is_halted) stopped.add(pixel_id);
        if (result.outcomes.some(({ outcome }) => outcome === "sent")) taking.add(pixel_id);
        await record(lease_id, result, known.token);
      }
    }));
    return [...stopped];
  }

  /** Writing an outcome again changes nothing, and not writing it sends the events again. */
  async function recordSurely(request: Parameters<typeof recordDeliveries>[1], tries = 3): Promise<number> {
    try {
      return await recordDeliveries(database, request);
    } catch (error) {
      if (tries <= 1 || !(error instanceof DatabaseError) || !error.retryable) throw error;
      return await recordSurely(request, tries - 1);
    }
  }

  async function record(lease_id: string, result: BatchResult, token: string): Promise<void> {
    const { outcomes, pixel } = result;
    summary.requests += result.requests;
    if (result.missing > 0) ports.warn("Meta received fewer events than were sent", { missing: result.missing });
    if (pixel !== null && pixel.change !== "open") {
      ports.warn(`pixel ${pixel.pixel_id}: ${pixel.change}`, {
        reason: pixel.reason,
        code: pixel.code,
        subcode: pixel.subcode,
      });
    }
    if (outcomes.length === 0) return;
    const pixels = pixel === null ? [] : [{ ...pixel, token_fingerprint: fingerprintToken(token) }];
    const recorded = await recordSurely({ lease_id, outcomes, pixels });
    const reported = outcomes.reduce((sum, outcome) => sum + outcome.event_row_ids.length, 0);
    if (recorded < reported) {
      ports.warn("a lease was lost before its outcome was written", { lost: reported - recorded });
    }
    is_released ||= !result.is_halted && outcomes.some((outcome) => outcome.outcome === "released");
    for (const outcome of outcomes) if (outcome.outcome === "sent") summary.sent += outcome.event_row_ids.length;
  }
}
