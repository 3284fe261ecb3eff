/**
 * The events that the Conversions API received, and which of them Meta would count: the later of two with one pixel,
 * `event_name` and `event_id` within 48 hours is discarded.
 * @module
 */

import type { JsonRecord } from "../json_value.ts";
import type { Violation } from "./validate_event.ts";

/** One event that Meta took. */
export interface ReceivedEvent {
  /** Number, from 1. */
  seq: number;
  /** Number of the request that brought it. */
  request: number;
  /** Pixel. */
  pixel: string;
  /** Milliseconds of the clock. */
  received_at: number;
  /** The event as sent. */
  event: JsonRecord;
  /** `test_event_code` of its request, or `null`. Such events count like any other. */
  test_event_code: string | null;
  /** `partner_agent` of its request in lower case and without its version, or `null`. */
  partner_agent: string | null;
  /** False for a duplicate within 48 hours, and for an event that vanishes. */
  counted: boolean;
  /** True for an `event_time` in milliseconds: answered with success, never seen again. */
  vanished: boolean;
  /** What Meta took in silence and a careful sender never sends. */
  violations: Violation[];
}

/** One request to `/{pixel}/events`, refused ones too. */
export interface EventsRequest {
  /** Number, from 1. */
  seq: number;
  /** Pixel. */
  pixel: string;
  /** Milliseconds of the clock. */
  received_at: number;
  /** Name and id of each event, in order. */
  events: { event_name: string; event_id: string | null }[];
  /** Whether Meta took them, whatever the sender came to know of it. */
  taken: boolean;
  /** Graph's code of the refusal, or `null`. */
  code: number | null;
  /** Its subcode. */
  error_subcode: number | null;
}

/** What the emulator cannot know of a pixel's event by itself. */
export interface QualityPlan {
  /** Events of the browser's Pixel in the same days; absent: no Pixel runs, and nothing is told of coverage. */
  browser_events?: number;
  /** Problems that Meta names, as they are to be answered. */
  diagnostics?: JsonRecord[];
}

const DEDUPLICATION_MS = 48 * 3_600_000;

/** Keeps events and requests in order. */
export class CapiStore {
  /** Everything taken, oldest first. */
  events: ReceivedEvent[] = [];
  /** Every request, oldest first. */
  requests: EventsRequest[] = [];
  #firstSeen = new Map<string, number>();
  readonly #quality = new Map<string, QualityPlan>();

  /** Opens a request. */
  begin(pixel: string, events: EventsRequest["events"], now: number): EventsRequest {
    const request = {
      seq: this.requests.length + 1,
      pixel,
      received_at: now,
      events,
      taken: false,
      code: null,
      error_subcode: null,
    };
    this.requests.push(request);
    return request;
  }

  /** Takes the events of a request. */
  take(
    request: EventsRequest,
    events: { event: JsonRecord; violations: Violation[] }[],
    testCode: string | null,
    agent: string | null,
  ): void {
    request.taken = true;
    for (const { event, violations } of events) {
      const vanished = Number(event["event_time"]) >= 1e12;
      const counted = !vanished && this.#counts(request, event);
      this.events.push({
        seq: this.events.length + 1,
        request: request.seq,
        pixel: request.pixel,
        received_at: request.received_at,
        event,
        test_event_code: testCode,
        partner_agent: agent?.toLowerCase().replace(/[-_ /]?v?\d[\d.]*$/, "") ?? null,
        counted,
        vanished,
        violations,
      });
    }
  }

  /** Returns how often Meta counts an event: 1 is right, 0 is lost, more is a double purchase. */
  timesCounted(pixel: string, eventName: string, eventId: string): number {
    return this.find(pixel, eventName, eventId).filter(({ counted }) => counted).length;
  }

  /** Tells for each event of a pixel, as `event_name/event_id`, how often Meta counts it. */
  tally(pixel: string): Record<string, number> {
    const times: Record<string, number> = {};
    for (const { event, counted } of this.events.filter((received) => received.pixel === pixel)) {
      const key = `${event["event_name"]}/${event["event_id"] ?? ""}`;
      times[key] = (times[key] ?? 0) + (counted ? 1 : 0);
    }
    return times;
  }

  /** Finds all copies of an event. */
  find(pixel: string, eventName: string, eventId: string): ReceivedEvent[] {
    return this.events.filter((received) =>
      received.pixel === pixel && received.event["event_name"] === eventName && received.event["event_id"] === eventId
    );
  }

  /** Returns all that Meta took in silence though it should not have been sent. */
  violations(): Violation[] {
    return this.events.flatMap(({ violations }) => violations);
  }

  /**
   * Says what the emulator cannot know of an event of a pixel: how much the browser's Pixel sees, and what Meta finds.
   */
  planQuality(pixel: string, eventName: string, plan: QualityPlan): void {
    this.#quality.set(`${pixel}/${eventName}`, plan);
  }

  /** Returns what was said of an event of a pixel. */
  qualityOf(pixel: string, eventName: string): QualityPlan {
    return this.#quality.get(`${pixel}/${eventName}`) ?? {};
  }

  /** Forgets everything, the memory for duplicates too. */
  reset(): void {
    this.#quality.clear();
    this.events = [];
    this.requests = [];
    this.#firstSeen.clear();
  }

  #counts(request: EventsRequest, event: JsonRecord): boolean {
    const { event_name: name, event_id: id } = event;
    if (typeof id !== "string" || id === "") return true;
    const key = JSON.stringify([request.pixel, name, id]);
    const first = this.#firstSeen.get(key);
    if (first !== undefined && request.received_at - first < DEDUPLICATION_MS) return false;
    this.#firstSeen.set(key, request.received_at);
    return true;
  }
}
