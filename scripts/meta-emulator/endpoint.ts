/**
 * One call from its parameters to its answer: ledger, scripted faults, protocol, token, quota, endpoint, headers.
 * Sub-requests of a batch come through here too.
 * @module
 */

import { answerHeaders } from "./answer_headers.ts";
import type { GraphContext, Outcome, Visit } from "./context.ts";
import { ENDPOINTS } from "./endpoints.ts";
import { refusal } from "./error_catalogue.ts";
import { applyFault, wait } from "./fault_effects.ts";
import type { ActingFault, FaultAction } from "./faults.ts";
import type { GraphAnswer, GraphCall } from "./graph_call.ts";
import { errorJson, GraphRefusal } from "./graph_error.ts";
import { isRecord, type JsonRecord, readNumber } from "./json_value.ts";
import type { LedgerEntry } from "./ledger.ts";
import { DEFAULT_LIMIT, pageNumber } from "./paging.ts";
import { protocolOf } from "./protocol.ts";
import { mix } from "./random.ts";
import { findRoute, type Route } from "./route.ts";

/** Answers one call. */
export async function answerCall(context: GraphContext, call: GraphCall): Promise<Outcome> {
  const route = findRoute(call, context.world, context.reports);
  const began = performance.now();
  const entry = openEntry(context, call, route);
  const acting = context.faults.actionsFor({
    route: route.name,
    account: entry.account,
    method: call.method,
    path: call.path,
    page: entry.page,
    attempt: entry.attempt,
    limit: limitOf(call),
    params: call.params,
    batched: call.batched,
  });
  entry.fault = acting.length > 0 ? acting.map(({ id }) => id).join(",") : null;
  try {
    const outcome = await answerFaulted(context, call, route, acting);
    note(entry, outcome);
    return outcome;
  } finally {
    entry.took_ms = performance.now() - began;
    context.ledger.end(entry, context.clock.now());
  }
}

function limitOf(call: GraphCall): number {
  return readNumber(call.params, "limit") ?? DEFAULT_LIMIT;
}

function note(entry: LedgerEntry, { answer, wire }: Outcome): void {
  const error = isRecord(answer.body) ? answer.body["error"] : undefined;
  if (isRecord(error)) {
    entry.code = readNumber(error, "code") ?? null;
    entry.error_subcode = readNumber(error, "error_subcode") ?? null;
  }
  entry.status = wire === "send" ? answer.status : 0;
  entry.rows = answer.rows ?? 0;
}

/**
 * Keeps events and batches out of the ledger's parameters: they have books and entries of their own. A batch may hold
 * the token that it asks about, and so may the call that came out of it.
 */
function ledgerParams({ tokens }: GraphContext, params: JsonRecord): JsonRecord {
  const kept = { ...params };
  if (Array.isArray(kept["data"])) kept["data"] = `${kept["data"].length} events`;
  if (kept["batch"] !== undefined) kept["batch"] = "calls of their own";
  const inspected = kept["input_token"];
  if (typeof inspected === "string") kept["input_token"] = tokens.find(inspected)?.name ?? "unknown";
  return kept;
}

function openEntry(context: GraphContext, call: GraphCall, route: Route): LedgerEntry {
  const digits = /^act_(\d+)$/.exec(route.target)?.[1] ?? null;
  const token = call.secret === null ? "none" : context.tokens.find(call.secret)?.name ?? "unknown";
  return context.ledger.begin(`${call.method} ${call.path} ${String(call.params["after"] ?? "")}`, {
    method: call.method,
    path: call.path,
    version: call.version,
    route: route.name,
    params: ledgerParams(context, call.params),
    headers: call.headers,
    account: route.account?.plan.account_id ?? digits,
    page: pageNumber(call),
    token,
    token_in_url: call.secretInUrl,
    batched: call.batched,
    started: context.clock.now(),
    ended: null,
    took_ms: 0,
    status: 0,
    code: null,
    error_subcode: null,
    rows: 0,
    fault: null,
  });
}

async function answerFaulted(
  context: GraphContext,
  call: GraphCall,
  route: Route,
  acting: ActingFault[],
): Promise<Outcome> {
  await wait(latency(context), context.closing);
  const changes: Pick<Visit, "reportOutcome" | "shortPage"> = {};
  let headerChanges: Record<string, string | null> = {};
  let deciding: FaultAction | null = null;
  let bytesPerRow = 0;
  for (const { action, removed } of acting) {
    if (action.kind === "slow") await wait(action.ms, context.closing);
    else if (action.kind === "hold") await removed;
    else if (action.kind === "headers") headerChanges = { ...headerChanges, ...action.headers };
    else if (action.kind === "report") changes.reportOutcome = action.outcome;
    else if (action.kind === "short_page") changes.shortPage = action.rows;
    else if (action.kind === "pad") bytesPerRow = action.bytes_per_row;
    else deciding = action;
  }
  const faulted = await applyFault(deciding, () => refuseOrAnswer(context, call, route, changes), context.closing);
  const headers = answerHeaders(context, call, route, faulted.answer, headerChanges);
  const text = faulted.answer.text ?? JSON.stringify(faulted.answer.body);
  return { ...faulted, headers, text: text + " ".repeat(bytesPerRow * (faulted.answer.rows ?? 0)) };
}

async function refuseOrAnswer(
  context: GraphContext,
  call: GraphCall,
  route: Route,
  changes: Pick<Visit, "reportOutcome" | "shortPage">,
): Promise<GraphAnswer> {
  try {
    const { endpoint, token } = protocolOf(context, call, route, ENDPOINTS[route.name]);
    const most = context.settings.reduce_above[route.name] ?? context.settings.reduce_above["*"];
    if (most !== undefined && limitOf(call) > most && call.method === "GET") throw refusal("1/reduce");
    const dispatch = (inner: GraphCall): Promise<Outcome> => answerCall(context, inner);
    const answer = await endpoint(context, { call, route, token, dispatch, ...changes });
    if (route.account && route.useCase) context.quota.chargeRows(route.account, route.useCase, answer.rows ?? 0);
    return answer;
  } catch (error) {
    if (!(error instanceof GraphRefusal)) throw error;
    return { status: error.body.status, body: errorJson(error.body) };
  }
}

let draws = 0;

function latency(context: GraphContext): number {
  const { min, max } = context.settings.latency_ms;
  draws++;
  return max <= min ? min : min + mix(context.world.seed, draws) % Math.ceil(max - min);
}
