/**
 * `POST /{pixel}/events`: all events of a request are taken, or none.
 * @module
 */

import type { GraphContext, Visit } from "../context.ts";
import type { GraphAnswer } from "../graph_call.ts";
import { jsonParam } from "../graph_call.ts";
import { GraphRefusal, invalidParameter, nextTraceId } from "../graph_error.ts";
import { isRecord, type JsonRecord, type JsonValue, readText } from "../json_value.ts";
import { requirePixel } from "../objects.ts";
import { validateEvent, type Violation } from "./validate_event.ts";

const MOST_EVENTS = 1000;

/** Takes events for a pixel. */
export function receiveEvents(context: GraphContext, visit: Visit): GraphAnswer {
  const pixel = visit.route.target;
  const now = context.clock.now();
  const data = jsonParam(visit.call.params, "data");
  const events = Array.isArray(data) ? data : [];
  const request = context.capi.begin(pixel, events.map(nameOf), now);
  try {
    requirePixel(context, visit, pixel);
    if (!Array.isArray(data) || data.length === 0) throw invalidParameter("The parameter data is required");
    if (data.length > MOST_EVENTS) throw invalidParameter(`Param data must have at most ${MOST_EVENTS} elements`);
    const taken = data.map((event, index) => validated(event, index, now));
    const { params } = visit.call;
    const agent = readText(params, "partner_agent") ?? null;
    context.capi.take(request, taken, readText(params, "test_event_code") ?? null, agent);
    return { status: 200, body: { events_received: data.length, messages: [], fbtrace_id: nextTraceId() } };
  } catch (error) {
    if (error instanceof GraphRefusal) {
      request.code = error.body.code;
      request.error_subcode = error.body.error_subcode ?? null;
    }
    throw error;
  }
}

function validated(event: JsonValue, index: number, now: number): { event: JsonRecord; violations: Violation[] } {
  const violations = validateEvent(event, index, now);
  return { event: isRecord(event) ? event : {}, violations };
}

function nameOf(event: JsonValue): { event_name: string; event_id: string | null } {
  if (!isRecord(event)) return { event_name: "", event_id: null };
  return { event_name: readText(event, "event_name") ?? "", event_id: readText(event, "event_id") ?? null };
}
