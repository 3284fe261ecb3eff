/**
 * A request to the control surface, taken apart, and the error it ends with when it makes no sense.
 * @module
 */

import type { WireRequest } from "../graph_call.ts";
import { isRecord, type JsonRecord, type JsonValue, parseJson } from "../json_value.ts";

/** A control request. */
export interface ControlRequest {
  /** HTTP method. */
  method: string;
  /** Path after `/__control/`. */
  segments: string[];
  /** Query. */
  query: URLSearchParams;
  /** JSON body; empty when there was none. */
  body: JsonRecord;
}

/** Takes a control request apart; a body that is not a JSON object is a `RangeError`. */
export function readControlRequest(request: WireRequest): ControlRequest {
  const url = new URL(request.url);
  const body = request.body === "" ? {} : parseJson(request.body);
  if (!isRecord(body)) throw new RangeError("a control request's body must be a JSON object");
  const segments = url.pathname.split("/").filter((segment) => segment !== "").slice(1).map(decodeURIComponent);
  return { method: request.method.toUpperCase(), segments, query: url.searchParams, body };
}

/** Writes a value of ours as JSON and reads it back, to make a plain JSON value of it. */
export function asJson(value: unknown): JsonValue {
  return parseJson(JSON.stringify(value)) ?? null;
}

/** Copies every member of `changes` over `target`, members of nested objects one by one. */
export function mergeInto(target: JsonRecord, changes: JsonRecord): void {
  for (const [key, value] of Object.entries(changes)) {
    const present = target[key];
    if (isRecord(present) && isRecord(value)) mergeInto(present, value);
    else target[key] = value;
  }
}
