/**
 * Old ways of speaking to Graph that are gone: for every app in all versions since 2026-10-27, or for apps made since
 * 2026-11-04, as every new user's is. The synchronous batch stays. How Meta words these refusals is not documented.
 * @module
 */

import type { GraphCall } from "./graph_call.ts";
import { invalidParameter } from "./graph_error.ts";
import { readStringList } from "./json_value.ts";

/** What is gone, by the parameter that asks for it. */
const PARAMETERS: Record<string, string> = {
  pretty: "Formatting by the parameter pretty",
  debug: "The parameter debug",
  date_format: "Date and time formatting",
  ids: "Reading several objects by the parameter ids",
  method: "Overriding the HTTP method by the parameter method",
  callback: "JSONP by the parameter callback",
  asyncbatch: "An asynchronous batch request",
};
const ALIAS = /\.as\(/;

/** Refuses a call that uses what is gone. */
export function refuseRemovedFeatures(call: GraphCall): void {
  const parameter = Object.keys(PARAMETERS).find((name) => call.params[name] !== undefined);
  if (parameter !== undefined) throw gone(PARAMETERS[parameter] ?? parameter);
  if (call.headers["if-none-match"] !== undefined) throw gone("If-None-Match");
  if (readStringList(call.params["fields"])?.some((field) => ALIAS.test(field))) throw gone("A field alias");
}

function gone(what: string): Error {
  return invalidParameter(`${what} is no longer supported`);
}
