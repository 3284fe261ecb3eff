/**
 * Sends a batch of leased deliveries of one pixel. One bad event makes Meta refuse all of a request, so a refused batch
 * is halved until the bad one stands alone and the rest is sent; what concerns the pixel or the token ends the batch.
 * Where a refusal does not say which of the two it is, single events find out (`suspicion.ts`).
 *
 * @module
 */

import type { Delivery, Outcome, PixelChange, RecordedOutcome } from "../database/deliveries.ts";
import { GraphApiError } from "../errors.ts";
import { classifyRefusal, type EventsAnswer, FBC_MALFORMED, type Refusal, UNCLEAR } from "../meta/conversions_api.ts";
import { Suspicion } from "./suspicion.ts";

/** One request to Meta. @throws {GraphApiError} */
export type SendPart = (part: readonly Delivery[]) => Promise<EventsAnswer>;

/** What a batch needs of its surroundings. */
export interface BatchPorts {
  /** Sends a part of the batch. */
  send: SendPart;
  /** Whether the lease still holds, made longer where it is old; false ends the batch without a word. */
  hold: () => Promise<boolean>;
  /** Whether to stop for want of time. */
  exhausted: () => boolean;
  /** Whether Meta took other events of this pixel a moment ago: a refusal that says nothing is then the event's. */
  is_open: boolean;
}

/** What came of a batch. */
export interface BatchResult {
  /** What came of each delivery. */
  outcomes: RecordedOutcome[];
  /** What the answers said of the pixel; null when they said nothing. */
  pixel: PixelChange | null;
  /** Nothing more goes to this pixel in this invocation. */
  is_halted: boolean;
  /** Requests that were sent. */
  requests: number;
  /** Meta counted fewer events than were sent. */
  missing: number;
}

/**
 * A batch of nothing but poison would cost two requests an event; the rest of such a batch waits for the next claim.
 */
const MAX_REQUESTS = 128;

/** Outcome of the deliveries that a refusal meets, and of those that were not tried because of it. */
const AFTER_REFUSAL: Readonly<Record<Refusal["kind"], Outcome>> = {
  unknown: "unknown",
  throttled: "throttled",
  blocked: "blocked",
  event: "dead",
  too_old: "expired",
  parameter: "dead",
  unclear: "later",
};
const ABOUT_EVENTS: ReadonlySet<Refusal["kind"]> = new Set<Refusal["kind"]>(["event", "too_old", ...UNCLEAR]);

/** A piece of the batch that is still to be sent. */
interface Piece {
  events: Delivery[];
  /** A request before took some of them, and did not say which. */
  may_be_sent: boolean;
}

/** What is kept of a refusal. */
type Said = Pick<RecordedOutcome, "code" | "subcode" | "fbtrace_id"> & { reason: string };

/** Splits a refused part; where Meta names the place of the bad event, that one alone and what lies around it. */
export function splitPart(part: readonly Delivery[], data_index: number | null): Delivery[][] {
  const index = data_index !== null && data_index < part.length ? data_index : null;
  const middle = Math.ceil(part.length / 2);
  const parts = index === null
    ? [part.slice(0, middle), part.slice(middle)]
    : [part.slice(index, index + 1), [...part.slice(0, index), ...part.slice(index + 1)]];
  return parts.filter((piece) => piece.length > 0);
}

/** The first and the last event alone, and what lies between: neighbours have more in common than these two. */
function singleOutTwo(part: readonly Delivery[]): Delivery[][] {
  return [part.slice(0, 1), part.slice(-1), part.slice(1, -1)].filter((piece) => piece.length > 0);
}

/** The same event without its click id; null where it has none. */
function withoutFbc(delivery: Delivery): Delivery | null {
  const { fbc, ...user_data } = delivery.user_data;
  return fbc === undefined ? null : { ...delivery, user_data };
}

/** One batch on its way. */
class Batch {
  readonly result: BatchResult = { outcomes: [], pixel: null, is_halted: false, requests: 0, missing: 0 };
  readonly #waiting: Piece[];
  readonly #suspicion = new Suspicion<Piece & { said: Said; kind: Refusal["kind"] }>();
  readonly #pixel_id: string;
  #is_open: boolean;

  constructor(batch: readonly Delivery[], is_open: boolean) {
    this.#pixel_id = batch[0]?.pixel_id ?? "";
    this.#waiting = batch.length === 0 ? [] : [{ events: [...batch], may_be_sent: false }];
    this.#is_open = is_open;
  }

  /** The piece that is to be sent next. */
  next(): Piece | undefined {
    return this.#waiting.pop();
  }

  record(piece: Piece, outcome: Outcome, more: Partial<RecordedOutcome> = {}): void {
    const nothing = { code: null, subcode: null, fbtrace_id: null, reason: null };
    this.result.outcomes.push({
      pixel_id: this.#pixel_id,
      event_row_ids: piece.events.map((delivery) => delivery.event_row_id),
      outcome,
      may_be_sent: piece.may_be_sent,
      ...nothing,
      ...more,
    });
  }

  #send(parts: Delivery[][], may_be_sent: boolean): void {
    this.#waiting.push(...parts.reverse().map((events) => ({ events, may_be_sent })));
  }

  take(piece: Piece, answer: EventsAnswer): void {
    const { result } = this;
    const { events } = piece;
    result.pixel ??= { pixel_id: this.#pixel_id, change: "open" };
    this.#is_open = true;
    for (const suspect of this.#suspicion.lift()) this.record(suspect, AFTER_REFUSAL[suspect.kind], suspect.said);
    const missing = events.length - answer.events_received;
    const { fbtrace_id } = answer;
    if (missing <= 0) {
      this.record(piece, "sent", { fbtrace_id });
    } else if (answer.events_received === 0 && events.every((event) => event.is_repeat)) {
      // Sent before: what Meta has already it need not count again.
      this.record(piece, "sent", { fbtrace_id, reason: "not_confirmed" });
    } else if (events.length > 1) {
      // Sent again in halves: Meta recognises what it has, and the one it has not stands alone in the end.
      result.missing += missing;
      this.#send(splitPart(events, null), true);
    } else {
      result.missing += 1;
      this.record(piece, "unknown", { fbtrace_id, reason: "not_confirmed" });
    }
  }

  refuse(piece: Piece, error: GraphApiError): void {
    const { events, may_be_sent } = piece;
    const { kind, reason, seconds } = classifyRefusal(error);
    const { meta_code: code, error_subcode: subcode, fbtrace_id } = error;
    const said: Said = { code, subcode, fbtrace_id, reason };
    const isUnclear = UNCLEAR.has(kind) && !this.#is_open;
    if (ABOUT_EVENTS.has(kind) && events.length > 1) {
      return this.#send(isUnclear ? singleOutTwo(events) : splitPart(events, error.data_index), may_be_sent);
    }
    const [event] = events;
    const mended = event !== undefined && subcode === FBC_MALFORMED ? withoutFbc(event) : null;
    if (mended !== null) return this.#send([[mended]], may_be_sent);
    if (isUnclear) {
      const alike = this.#suspicion.add({ ...piece, said, kind }, `${code}/${subcode}/${error.words_digest}`);
      if (alike || event?.is_probe === true) this.#blockBySuspicion(said);
      return;
    }
    this.record(piece, AFTER_REFUSAL[kind], said);
    if (ABOUT_EVENTS.has(kind)) return;
    this.result.is_halted = true;
    const pixel_id = this.#pixel_id;
    if (kind === "throttled") this.result.pixel = { pixel_id, change: "throttle", seconds, ...said };
    if (kind === "blocked") this.result.pixel = { pixel_id, change: "block", ...said };
  }

  #blockBySuspicion(said: Said): void {
    for (const suspect of this.#suspicion.lift()) this.record(suspect, "blocked", suspect.said);
    this.result.is_halted = true;
    this.result.pixel = { pixel_id: this.#pixel_id, change: "block", ...said };
  }

  /** What nothing was found out about is tried again later. */
  end(): BatchResult {
    for (const suspect of this.#suspicion.lift()) this.record(suspect, "later", suspect.said);
    return this.result;
  }
}

/** Sends a batch; never throws for what Meta does. */
export async function sendBatch(batch: readonly Delivery[], ports: BatchPorts): Promise<BatchResult> {
  const sending = new Batch(batch, ports.is_open);
  const { result } = sending;
  for (let piece = sending.next(); piece !== undefined; piece = sending.next()) {
    if (result.is_halted || ports.exhausted() || result.requests >= MAX_REQUESTS) {
      sending.record(piece, "released");
      continue;
    }
    if (result.requests > 0 && !await ports.hold()) return { ...result, is_halted: true };
    result.requests += 1;
    try {
      sending.take(piece, await ports.send(piece.events));
    } catch (error) {
      if (!(error instanceof GraphApiError)) throw error;
      sending.refuse(piece, error);
    }
  }
  return sending.end();
}
