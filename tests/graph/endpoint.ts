/**
 * One call from its parameters to its answer: scripted faults, removed parameters, version, token, quota, endpoint,
 * headers, ledger. Batches come through here once per sub-request.
 * @module
 */

import type { GraphContext, Visit } from "./context.ts";
import { catalogueError, refusal } from "./error_catalogue.ts";
import type { FaultAction, FaultSubject } from "./faults.ts";
import type { GraphAnswer, GraphCall } from "./graph_call.ts";
import { errorJson, type GraphErrorBody, GraphRefusal, invalidParameter, nextTraceId } from "./graph_error.ts";
import { isRecord, readNumber } from "./json_value.ts";
import type { LedgerEntry } from "./ledger.ts";
import { listAccounts, listEdge } from "./lists.ts";
import { debugToken, readAccount, readMe, readObject, readPixel } from "./objects.ts";
import { DEFAULT_LIMIT, pageNumber } from "./paging.ts";
import { mix } from "./random.ts";
import { findRoute, type Route, type RouteName } from "./route.ts";
import { usageHeaders } from "./usage_headers.ts";

/** What becomes of an answer on the wire. */
export type Wire = "send" | "reset" | "cut";

/** An answer with all its headers, and how it leaves. */
export interface Outcome {
  /** The answer. */
  answer: GraphAnswer;
  /** All headers. */
  headers: [string, string][];
  /** How it leaves. */
  wire: Wire;
  /** True when a batch is to answer `null` for this sub-request. */
  nullEntry: boolean;
}

type Endpoint = (context: GraphContext, visit: Visit) => GraphAnswer | Promise<GraphAnswer>;

const ENDPOINTS: Partial<Record<RouteName, Record<string, Endpoint>>> = {
  debug_token: { GET: debugToken },
  me: { GET: readMe },
  "me.adaccounts": { GET: listAccounts },
  account: { GET: readAccount },
  campaigns: { GET: listEdge },
  adsets: { GET: listEdge },
  ads: { GET: listEdge },
  object: { GET: readObject },
  pixel: { GET: readPixel },
};

/** Adds the endpoints of a part of the API that lives in a file of its own. */
export function register(name: RouteName, method: string, endpoint: Endpoint): void {
  ENDPOINTS[name] = { ...ENDPOINTS[name], [method]: endpoint };
}

const REMOVED_PARAMETERS = ["pretty", "debug", "date_format"];

/** Answers one call. */
export async function answerCall(context: GraphContext, call: GraphCall): Promise<Outcome> {
  const route = findRoute(call, context.world, context.reports);
  const began = performance.now();
  const entry = openEntry(context, call, route);
  const subject: FaultSubject = {
    route: route.name,
    account: entry.account,
    method: call.method,
    path: call.path,
    page: entry.page,
    attempt: entry.attempt,
    limit: readNumber(call.params, "limit") ?? DEFAULT_LIMIT,
    paramsText: JSON.stringify(call.params),
    batched: call.batched,
  };
  const acting = context.faults.actionsFor(subject);
  entry.fault = acting.length > 0 ? acting.map(({ id }) => id).join(",") : null;
  const actions = acting.map(({ action }) => action);
  try {
    const outcome = await performActions(context, call, route, actions, subject.limit);
    const error = isRecord(outcome.answer.body) ? outcome.answer.body["error"] : undefined;
    if (isRecord(error)) {
      entry.code = readNumber(error, "code") ?? null;
      entry.error_subcode = readNumber(error, "error_subcode") ?? null;
    }
    entry.status = outcome.wire === "send" ? outcome.answer.status : 0;
    entry.rows = outcome.answer.rows ?? 0;
    return outcome;
  } finally {
    entry.took_ms = performance.now() - began;
    context.ledger.end(entry, context.clock.now());
  }
}

function openEntry(context: GraphContext, call: GraphCall, route: Route): LedgerEntry {
  const digits = /^act_(\d+)$/.exec(route.target)?.[1] ?? null;
  const token = call.secret === null ? "none" : context.tokens.find(call.secret)?.name ?? "unknown";
  const identity = `${call.method} ${call.path} ${String(call.params["after"] ?? "")}`;
  return context.ledger.begin(identity, {
    method: call.method,
    path: call.path,
    version: call.version,
    route: route.name,
    params: call.params,
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

async function performActions(
  context: GraphContext,
  call: GraphCall,
  route: Route,
  actions: FaultAction[],
  limit: number,
): Promise<Outcome> {
  await wait(latency(context));
  const outcome: Outcome = { answer: { status: 200, body: null }, headers: [], wire: "send", nullEntry: false };
  let extra: Record<string, string | null> = {};
  const visitChanges: Pick<Visit, "reportOutcome" | "shortPage"> = {};
  let deciding: FaultAction | null = null;
  for (const action of actions) {
    if (action.kind === "slow") await wait(action.ms);
    else if (action.kind === "headers") extra = { ...extra, ...action.headers };
    else if (action.kind === "report") visitChanges.reportOutcome = action.outcome;
    else if (action.kind === "short_page") visitChanges.shortPage = action.rows;
    else deciding = action;
  }
  const truth = (): Promise<GraphAnswer> => refuseOrAnswer(context, call, route, visitChanges, limit);
  outcome.answer = await decide(deciding, truth, outcome);
  outcome.headers = answerHeaders(context, call, route, outcome.answer, extra);
  return outcome;
}

/** Gives the answer that a fault leaves of the true one. */
async function decide(
  action: FaultAction | null,
  truth: () => Promise<GraphAnswer>,
  outcome: Outcome,
): Promise<GraphAnswer> {
  if (!action) return await truth();
  const text = (status: number, body: string, type = "text/html; charset=utf-8"): GraphAnswer => ({
    status,
    body: null,
    text: body,
    headers: [["content-type", type]],
  });
  switch (action.kind) {
    case "error": {
      const body: GraphErrorBody = typeof action.error === "string"
        ? catalogueError(action.error)
        : { status: 400, type: "OAuthException", ...action.error };
      return { status: action.status ?? body.status, body: errorJson(body) };
    }
    case "truncate": {
      const full = JSON.stringify((await truth()).body);
      return text(
        200,
        full.slice(0, Math.floor(full.length * (action.keep ?? 0.5))),
        "application/json; charset=UTF-8",
      );
    }
    case "html":
      return text(
        action.status ?? 502,
        "<!DOCTYPE html><html><body><h1>Sorry, something went wrong.</h1></body></html>",
      );
    case "text":
      return text(action.status ?? 200, action.body ?? "Service Unavailable", "text/plain");
    case "empty":
      return text(action.status ?? 200, "");
    case "cut":
      outcome.wire = "cut";
      return await truth();
    case "null_entry":
      outcome.nullEntry = true;
      return { status: 200, body: null };
    case "hang":
    case "reset": {
      outcome.wire = "reset";
      const answer = action.after_effect ? await truth() : { status: 200, body: null };
      if (action.kind === "hang") await wait(action.ms);
      return answer;
    }
    default:
      return await truth();
  }
}

async function refuseOrAnswer(
  context: GraphContext,
  call: GraphCall,
  route: Route,
  changes: Pick<Visit, "reportOutcome" | "shortPage">,
  limit: number,
): Promise<GraphAnswer> {
  try {
    requireProtocol(context, call, route);
    const token = context.tokens.authorize(call.secret, context.clock.now());
    context.quota.chargeApp();
    if (route.account && route.useCase) {
      context.quota.charge(route.account, route.useCase, call.method === "GET" ? 1 : 3);
    }
    const methods = ENDPOINTS[route.name];
    const endpoint = methods?.[call.method];
    if (!endpoint) throw unsupported(call, route, methods !== undefined);
    const most = context.settings.reduce_above[route.name] ?? context.settings.reduce_above["*"];
    if (most !== undefined && limit > most && call.method === "GET") throw refusal("1/reduce");
    const answer = await endpoint(context, { call, route, token, ...changes });
    if (route.account && route.useCase) context.quota.chargeRows(route.account, route.useCase, answer.rows ?? 0);
    return answer;
  } catch (error) {
    if (!(error instanceof GraphRefusal)) throw error;
    return { status: error.body.status, body: errorJson(error.body) };
  }
}

function requireProtocol(context: GraphContext, call: GraphCall, route: Route): void {
  const { settings } = context;
  if (call.secretInUrl && settings.refuse_token_in_url) {
    throw invalidParameter("This emulator takes the access token in the Authorization header only");
  }
  if (settings.refuse_removed_parameters) {
    const removed = REMOVED_PARAMETERS.find((name) => call.params[name] !== undefined);
    if (removed !== undefined) throw invalidParameter(`The parameter ${removed} is no longer supported`);
    if (route.name === "multi_read" && call.params["ids"] !== undefined) {
      throw invalidParameter("Reading several objects by the root ids parameter is no longer supported");
    }
    if (call.headers["if-none-match"] !== undefined) throw invalidParameter("If-None-Match is no longer supported");
  }
  const live = route.name === "events" || route.name === "pixel"
    ? [...settings.live_versions, ...settings.live_graph_versions]
    : settings.live_versions;
  if (call.version === "" || live.includes(call.version)) return;
  const newest = settings.live_versions.at(-1) ?? "";
  if (Number(call.version.slice(1)) > Number(newest.slice(1))) {
    throw new GraphRefusal({ status: 400, code: 2500, type: "OAuthException", message: "Unknown API version" });
  }
  throw refusal("2635", {
    message:
      `(#2635) You are calling a deprecated version of the Ads API. Please update to the latest version: ${newest}.`,
  });
}

function unsupported(call: GraphCall, route: Route, routeExists: boolean): GraphRefusal {
  if (routeExists) {
    return refusal("100/33", { message: `Unsupported ${call.method.toLowerCase()} request.` });
  }
  const message = `Unknown path components: /${call.segments.slice(1).join("/") || route.target}`;
  return new GraphRefusal({ status: 400, code: 2500, type: "OAuthException", message });
}

function answerHeaders(
  context: GraphContext,
  call: GraphCall,
  route: Route,
  answer: GraphAnswer,
  extra: Record<string, string | null>,
): [string, string][] {
  const headers = new Map<string, string>([
    ["content-type", "application/json; charset=UTF-8"],
    ["facebook-api-version", call.version || (context.settings.live_versions.at(-1) ?? "")],
    ["x-fb-trace-id", nextTraceId()],
    ["cache-control", "private, no-cache, no-store, must-revalidate"],
  ]);
  for (const [name, value] of usageHeaders(context.quota, context.settings, route.account, route.useCase)) {
    headers.set(name, value);
  }
  if (context.settings.warned_versions.includes(call.version)) {
    const newest = context.settings.live_versions.at(-1) ?? "";
    headers.set("x-ad-api-version-warning", `The call has been made with ${call.version}, update to ${newest}`);
  }
  for (const [name, value] of answer.headers ?? []) headers.set(name.toLowerCase(), value);
  for (const [name, value] of Object.entries(extra)) {
    if (value === null) headers.delete(name.toLowerCase());
    else headers.set(name.toLowerCase(), value);
  }
  return [...headers];
}

let draws = 0;

function latency(context: GraphContext): number {
  const { min, max } = context.settings.latency_ms;
  draws++;
  return max <= min ? min : min + mix(context.world.seed, draws) % Math.ceil(max - min);
}

function wait(milliseconds: number): Promise<void> {
  return milliseconds <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Writes a body as it goes on the wire. */
export function bodyText(answer: GraphAnswer): string {
  return answer.text ?? JSON.stringify(answer.body);
}
