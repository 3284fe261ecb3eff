/**
 * The control surface under `/__control/`: all that a test in the same process may do, for tests and benches in
 * another one. It is never part of the Graph API and asks for no token. Bodies are JSON; a wrong one is 400 with
 * `error`.
 *
 *     GET world                      POST world {preset, seed, accounts, ads, days, plain}
 *     GET|PATCH world/accounts/{id}  GET|PATCH world/objects/{id}[?silent=true]  POST world/campaigns|adsets|ads
 *     POST world/restatements        POST world/refused_fields {fields}
 *     POST world/extra_action_types {types}
 *     GET world/truth?account=&since=&until=[&rows=true]
 *     GET|POST|DELETE faults[/{id}]  GET|DELETE ledger[?route=&account=&after=&calls=false]
 *     GET|POST clock {at, advance_ms, run}       GET|PATCH settings
 *     GET|POST tokens {name, secret, accounts, pixels, dead, dead_status, expires_at, app_secret, requires_proof}
 *     GET quota?account= | POST quota {account_id, use_case, percent} | DELETE quota
 *     GET|DELETE capi[?pixel=&event_name=&event_id=]  GET
 * capi/requests|violations|tally?pixel=|counted?pixel=&event_name=&event_id=     POST capi/quality {pixel, event_name,
 * browser_events, diagnostics}     POST reset
 * @module
 */

import type { GraphContext } from "../context.ts";
import type { FaultRule } from "../faults.ts";
import type { WireRequest } from "../graph_call.ts";
import type { WireAnswer } from "../http_listener.ts";
import { isRecord, type JsonRecord, type JsonValue, readFlag, readNumber, readText } from "../json_value.ts";
import { catalogueError, catalogueKeys } from "../error_catalogue.ts";
import { asJson, type ControlRequest, mergeInto, readControlRequest } from "./control_request.ts";
import { controlWorld } from "./world_control.ts";

const PREFIX = "/__control";

/** Tells a control request from one to Graph. */
export function isControl(request: WireRequest): boolean {
  const path = new URL(request.url).pathname;
  return path === PREFIX || path.startsWith(`${PREFIX}/`);
}

/** Answers a control request: 200 with JSON, or 400 with what was wrong. */
export function answerControl(context: GraphContext, request: WireRequest): WireAnswer {
  const answer = (status: number, body: JsonValue): WireAnswer => ({
    status,
    headers: [["content-type", "application/json"]],
    body: JSON.stringify(body),
    wire: "send",
  });
  try {
    return answer(200, route(context, readControlRequest(request)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return answer(400, { error: error.message });
  }
}

function route(context: GraphContext, request: ControlRequest): JsonValue {
  const part = request.segments[0] ?? "";
  switch (part) {
    case "":
      return { routes: Object.keys(PARTS), errors: catalogueKeys() };
    default: {
      const control = Object.hasOwn(PARTS, part) ? PARTS[part] : undefined;
      if (!control) throw new RangeError(`no control route ${part}, known are ${Object.keys(PARTS).join(", ")}`);
      return control(context, request);
    }
  }
}

const PARTS: Record<string, (context: GraphContext, request: ControlRequest) => JsonValue> = {
  world: controlWorld,
  faults: controlFaults,
  ledger: controlLedger,
  clock: controlClock,
  settings: controlSettings,
  tokens: controlTokens,
  quota: controlQuota,
  capi: controlCapi,
  reset: (context) => {
    context.faults.clear();
    context.ledger.reset();
    context.quota.reset();
    context.capi.reset();
    return {};
  },
};

function controlFaults({ faults }: GraphContext, { method, segments, body }: ControlRequest): JsonValue {
  if (method === "POST") return { id: faults.add(readRule(body)) };
  if (method === "DELETE") {
    if (segments[1] === undefined) faults.clear();
    else faults.remove(segments[1]);
  }
  return asJson(faults.list());
}

const ACTIONS = new Set(
  "error body truncate html text empty reset cut garbage endless hang slow hold headers short_page pad null_entry report"
    .split(" "),
);

/** Decodes a rule. Its members are checked as far as a typing error would otherwise act silently. */
function readRule(body: JsonRecord): FaultRule {
  const action = body["action"];
  const kind = isRecord(action) ? readText(action, "kind") : undefined;
  if (!isRecord(action) || kind === undefined || !ACTIONS.has(kind)) {
    throw new RangeError(`action.kind must be one of ${[...ACTIONS].join(", ")}`);
  }
  const error = action["error"];
  if (kind === "error" && typeof error === "string") catalogueError(error);
  return decodeRule(body);
}

/** The one place where JSON is taken for a rule. */
function decodeRule(body: JsonRecord): FaultRule {
  return body as unknown as FaultRule;
}

function controlLedger({ ledger }: GraphContext, { method, query }: ControlRequest): JsonValue {
  if (method === "DELETE") ledger.reset();
  const after = Number(query.get("after") ?? 0);
  const account = query.get("account");
  const name = query.get("route");
  const calls = ledger.calls.filter((call) =>
    call.seq > after && (account === null || call.account === account) && (name === null || call.route === name)
  );
  return asJson({
    count: ledger.count,
    by_route: ledger.countByRoute(),
    max_in_flight: ledger.maxInFlight(),
    max_in_flight_of_any_account: ledger.maxInFlightOfAnyAccount(),
    calls: query.get("calls") === "false" ? [] : calls,
  });
}

function controlClock({ clock }: GraphContext, { method, body }: ControlRequest): JsonValue {
  if (method === "POST") {
    const at = body["at"];
    if (typeof at === "string" || typeof at === "number") {
      const instant = new Date(at);
      if (Number.isNaN(instant.getTime())) throw new RangeError(`at must be an instant, found ${at}`);
      clock.stopAt(instant);
    }
    const advance = readNumber(body, "advance_ms");
    if (advance !== undefined) clock.advance(advance);
    if (readFlag(body, "run")) clock.run();
  }
  return { now: new Date(clock.now()).toISOString(), now_ms: clock.now(), stopped: clock.stopped };
}

function controlSettings({ settings }: GraphContext, { method, body }: ControlRequest): JsonValue {
  if (method === "PATCH" || method === "POST") {
    const merged = asJson(settings);
    if (isRecord(merged)) mergeInto(merged, body);
    Object.assign(settings.quota, isRecord(merged) ? merged["quota"] : {});
    Object.assign(settings, merged, { quota: settings.quota });
  }
  return asJson(settings);
}

function controlTokens({ tokens }: GraphContext, { method, body }: ControlRequest): JsonValue {
  if (method === "POST") {
    const name = readText(body, "name");
    if (name === undefined) throw new RangeError("a token needs its name");
    const { secret, ...changes } = body;
    const dead = body["dead"];
    if (typeof dead === "string") catalogueError(dead);
    const known = tokens.named(name);
    if (typeof secret === "string") tokens.add(secret, { ...known, ...changes, name });
    else if (known) Object.assign(known, changes);
    else throw new RangeError(`no token named ${name}, give its secret to add it`);
  }
  return asJson(tokens.list());
}

function controlQuota(context: GraphContext, { method, body, query }: ControlRequest): JsonValue {
  if (method === "DELETE") {
    context.quota.reset();
    return {};
  }
  const account = context.world.account(readText(body, "account_id") ?? query.get("account") ?? "");
  if (!account) throw new RangeError("quota needs a known account");
  const percent = readNumber(body, "percent");
  const useCase = readText(body, "use_case") === "ads_management" ? "ads_management" : "ads_insights";
  if (percent !== undefined) context.quota.setUse(account, useCase, percent);
  return asJson([context.quota.entry(account, "ads_insights"), context.quota.entry(account, "ads_management")]);
}

function controlCapi({ capi }: GraphContext, { method, segments, query, body }: ControlRequest): JsonValue {
  if (method === "DELETE") capi.reset();
  if (segments[1] === "quality") {
    const { pixel, event_name, ...plan } = body;
    capi.planQuality(String(pixel ?? ""), String(event_name ?? ""), plan);
    return asJson(capi.qualityOf(String(pixel ?? ""), String(event_name ?? "")));
  }
  if (segments[1] === "requests") return asJson(capi.requests);
  if (segments[1] === "violations") return asJson(capi.violations());
  const pixel = query.get("pixel");
  const name = query.get("event_name");
  const id = query.get("event_id");
  if (segments[1] === "tally") return capi.tally(pixel ?? "");
  if (segments[1] === "counted") return { times: capi.timesCounted(pixel ?? "", name ?? "", id ?? "") };
  return asJson(
    capi.events.filter((received) =>
      (pixel === null || received.pixel === pixel) && (name === null || received.event["event_name"] === name) &&
      (id === null || received.event["event_id"] === id)
    ),
  );
}
