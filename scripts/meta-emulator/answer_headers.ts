/**
 * The headers of every answer: usage, version warning, and whatever a fault sets or takes away.
 * @module
 */

import type { GraphContext } from "./context.ts";
import type { GraphAnswer, GraphCall } from "./graph_call.ts";
import { nextTraceId } from "./graph_error.ts";
import { type Route, versionClock } from "./route.ts";
import { usageHeaders } from "./usage_headers.ts";
import { newestVersion, versionState } from "./versions.ts";

/** Makes the headers of an answer; `changes` win, `null` takes a header away. */
export function answerHeaders(
  context: GraphContext,
  call: GraphCall,
  route: Route,
  answer: GraphAnswer,
  changes: Record<string, string | null>,
): [string, string][] {
  const { versions } = context.settings;
  const newest = newestVersion(versions);
  const headers = new Map<string, string>([
    ["content-type", "application/json; charset=UTF-8"],
    ["facebook-api-version", call.version || newest],
    ["x-fb-trace-id", nextTraceId()],
    ["cache-control", "private, no-cache, no-store, must-revalidate"],
    ...usageHeaders(context.quota, context.settings, route.account, route.useCase),
  ]);
  if (versionState(versions, call.version, versionClock(route), context.clock.now()) === "warned") {
    headers.set("x-ad-api-version-warning", `The call has been made with ${call.version}, update to ${newest}`);
  }
  for (const [name, value] of answer.headers ?? []) headers.set(name.toLowerCase(), value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name.toLowerCase());
    else headers.set(name.toLowerCase(), value);
  }
  return [...headers];
}
