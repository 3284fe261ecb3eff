/**
 * Sends a batch of leased deliveries of one pixel. One bad event makes Meta refuse all of a request, so a refused batch is
 * halved until the bad one stands alone and the rest is sent; what concerns the pixel or the token ends the batch.
 *
 * @module
 */

import type { Delivery, Outcome, PixelChange, RecordedOutcome } from "../database/deliveries.ts";
import { GraphApiError } from "../errors.ts";
import { classifyRefusal, type EventsAnswer, FBC_MALFORMED, type Refusal } from "../meta/conversions_api.ts";

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

/** A batch of nothing but poison would cost two requests an event; the rest of such a batch waits for the next claim. */
const MAX_REQUESTS = 128;

/** Outcome of the deliveries that a refusal meets, and of those that were not tried because of it. */
const AFTER_REFUSAL: Readonly<Record<Refusal["kind"], Outcome>> = {
  unknown: "unknown",
  throttled: "throttled",
  blocked: "blocked",
  event: "dead",
  too_old: "expired",
  unclear: "later",
};

/** A piece of the batch that is still to be sent. */
interface Piece {
  events: Delivery[];
  /** A request before took some of them, and did not say which. */
  is_in_doubt: boolean;
}

class Recorder {
  readonly outcomes: RecordedOutcome[] = [];

  constructor(private readonly pixel_id: string) {}

  add(piece: Piece, outcome: Outcome, more: Partial<RecordedOutcome> = {}): void {
    const event_row_ids = piece.events.map((delivery) => delivery.event_row_id);
    const nothing = { code: null, subcode: null, fbtrace_id: null, reason: null };
    const { pixel_id } = this;
    this.outcomes.push({ pixel_id, event_row_ids, outcome, ...nothing, is_in_doubt: piece.is_in_doubt, ...more });
  }
}

/** Splits a refused part; where Meta names the place of the bad event, that one alone and what lies around it. */
export function splitPart(part: readonly Delivery[], data_index: number | null): Delivery[][] {
  const index = data_index !== null && data_index < part.length ? data_index : null;
  const middle = Math.ceil(part.length / 2);
  const parts = index === null
    ? [part.slice(0, middle), part.slice(middle)]
    : [part.slice(index, index + 1), [...part.slice(0, index), ...part.slice(index + 1)]];
  return parts.filter((piece) => piece.length > 0);
}

/** Sends a batch; never throws for what Meta does. */
export async function sendBatch(batch: readonly Delivery[], ports: BatchPorts): Promise<BatchResult> {
  const pixel_id = batch[0]?.pixel_id ?? "";
  const recorder = new Recorder(pixel_id);
  const result: BatchResult = {
    outcomes: recorder.outcomes,
    pixel: null,
    is_halted: false,
    requests: 0,
    missing: 0,
  };
  const waiting: Piece[] = batch.length === 0 ? [] : [{ events: [...batch], is_in_doubt: false }];
  for (let piece = waiting.pop(); piece !== undefined; piece = waiting.pop()) {
    const { events } = piece;
    if (result.is_halted || ports.exhausted() || result.requests >= MAX_REQUESTS) {
      recorder.add(piece, "released");
      continue;
    }
    if (result.requests > 0 && !await ports.hold()) return { ...result, is_halted: true };
    result.requests += 1;
    try {
      const answer = await ports.send(events);
      result.pixel ??= { pixel_id, change: "open" };
      const missing = events.length - answer.events_received;
      if (missing <= 0) {
        recorder.add(piece, "sent", { fbtrace_id: answer.fbtrace_id });
      } else if (answer.events_received === 0 && events.every((event) => event.is_repeat)) {
        // Sent before: what Meta has already it need not count again.
        recorder.add(piece, "sent", { fbtrace_id: answer.fbtrace_id, reason: "not_confirmed" });
      } else if (events.length > 1) {
        // Sent again in halves: Meta recognises what it has, and the one it has not stands alone in the end.
        result.missing += missing;
        waiting.push(...splitPart(events, null).reverse().map((half) => ({ events: half, is_in_doubt: true })));
      } else {
        result.missing += 1;
        recorder.add(piece, "unknown", { fbtrace_id: answer.fbtrace_id, reason: "not_confirmed" });
      }
    } catch (error) {
      if (!(error instanceof GraphApiError)) throw error;
      refuse(piece, error, { waiting, recorder, result, pixel_id });
    }
  }
  return result;
}

interface RefuseContext {
  waiting: Piece[];
  recorder: Recorder;
  result: BatchResult;
  pixel_id: string;
}

/** The same event without its click id; null where it has none. */
function withoutFbc(delivery: Delivery): Delivery | null {
  const { fbc, ...user_data } = delivery.user_data;
  return fbc === undefined ? null : { ...delivery, user_data };
}

function refuse(piece: Piece, error: GraphApiError, context: RefuseContext): void {
  const { waiting, recorder, result, pixel_id } = context;
  const { events, is_in_doubt } = piece;
  const refusal = classifyRefusal(error);
  const { reason, seconds } = refusal;
  const said = { code: error.meta_code, subcode: error.error_subcode, fbtrace_id: error.fbtrace_id, reason };
  const isAboutEvents = refusal.kind === "event" || refusal.kind === "too_old" || refusal.kind === "unclear";
  if (isAboutEvents && events.length > 1) {
    waiting.push(...splitPart(events, error.data_index).reverse().map((part) => ({ events: part, is_in_doubt })));
    return;
  }
  const [event] = events;
  const mended = event !== undefined && said.subcode === FBC_MALFORMED ? withoutFbc(event) : null;
  if (mended !== null) {
    waiting.push({ events: [mended], is_in_doubt });
    return;
  }
  recorder.add(piece, AFTER_REFUSAL[refusal.kind], said);
  if (isAboutEvents) return;
  result.is_halted = true;
  if (refusal.kind === "throttled") result.pixel = { pixel_id, change: "park", seconds, ...said };
  if (refusal.kind === "blocked") result.pixel = { pixel_id, change: "block", ...said };
}
