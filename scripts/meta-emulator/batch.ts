/**
 * Batch requests: up to 50 calls in one POST to the root, each answered with status, headers and its body as text. Each
 * counts as one call; an entry that timed out is `null`.
 * @module
 */

import type { GraphContext, Visit } from "./context.ts";
import { type GraphAnswer, jsonParam, readCall, type WireRequest } from "./graph_call.ts";
import { invalidParameter } from "./graph_error.ts";
import { isRecord, type JsonValue, readText } from "./json_value.ts";

const MOST = 50;

/** Answers a batch, one sub-request after the other. */
export async function answerBatch(_context: GraphContext, visit: Visit): Promise<GraphAnswer> {
  const { call } = visit;
  const batch = jsonParam(call.params, "batch");
  if (!Array.isArray(batch)) throw invalidParameter("Param batch must be an array.");
  if (batch.length > MOST) throw invalidParameter(`Too many requests in batch message. Maximum batch size is ${MOST}`);
  const withHeaders = call.params["include_headers"] !== "false" && call.params["include_headers"] !== false;
  const answers: JsonValue[] = [];
  for (const entry of batch) {
    if (!isRecord(entry)) throw invalidParameter("Each entry of batch must be an object.");
    const path = (readText(entry, "relative_url") ?? "").replace(/^\//, "");
    const version = /^v\d+\.\d+(\/|$)/.test(path) || call.version === "" ? "" : `${call.version}/`;
    const request: WireRequest = {
      method: readText(entry, "method") ?? "GET",
      url: `${call.origin}/${version}${path}`,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: readText(entry, "body") ?? "",
    };
    const inner = readCall(request, true);
    const outcome = await visit.dispatch({
      ...inner,
      secret: inner.secret ?? call.secret,
      proof: inner.proof ?? call.proof,
    });
    if (outcome.nullEntry || outcome.wire !== "send") {
      answers.push(null);
      continue;
    }
    const headers = outcome.headers.map(([name, value]) => ({ name, value }));
    answers.push({ code: outcome.answer.status, ...(withHeaders ? { headers } : {}), body: outcome.text });
  }
  return { status: 200, body: answers };
}
