/**
 * The control routes under `world`: look at the data, change it, restate it, replace it, and ask for the truth.
 * @module
 */

import { parseDay } from "../calendar.ts";
import type { GraphContext } from "../context.ts";
import { type JsonRecord, type JsonValue, readFlag, readNumber, readStringList, readText } from "../json_value.ts";
import type { AdAccount } from "../world/account.ts";
import { type AdTreeNode, effectiveStatus } from "../world/objects.ts";
import { bigAccountWorld, currenciesWorld, manyAccountsWorld, smallWorld } from "../world/presets.ts";
import { trueRows, trueSpend } from "../world/truth.ts";
import type { RestatementRequest, World } from "../world/world.ts";
import { asJson, type ControlRequest } from "./control_request.ts";

/** Answers a control request under `world`. */
export function controlWorld(context: GraphContext, request: ControlRequest): JsonValue {
  const [, part, id] = request.segments;
  switch (part) {
    case undefined:
      if (request.method === "POST") context.world = makeWorld(request.body, context.clock.now());
      return describeWorld(context.world);
    case "accounts":
      return controlAccount(context, request, id);
    case "objects":
      return controlObject(context, request, id ?? "");
    case "campaigns":
    case "adsets":
    case "ads":
      return addObject(context, part, request.body);
    case "restatements":
      return asJson(context.world.restate(readRestatement(request.body), context.clock.now()));
    case "refused_fields": {
      context.world.refusedFields.clear();
      for (const field of readStringList(request.body["fields"]) ?? []) context.world.refusedFields.add(field);
      context.world.touch();
      return { fields: [...context.world.refusedFields] };
    }
    case "extra_action_types":
      context.world.extraActionTypes = readStringList(request.body["types"]) ?? [];
      return { types: context.world.extraActionTypes };
    case "truth":
      return truth(context, request.query);
    default:
      throw new RangeError(`no control route world/${part}`);
  }
}

/** Makes a world by the name of its preset: `small`, `currencies`, `many`, `big`. */
export function makeWorld(body: JsonRecord, nowMs: number): World {
  const now = new Date(nowMs);
  const seed = readNumber(body, "seed");
  const ads = readNumber(body, "ads");
  const accounts = readNumber(body, "accounts");
  const days = readNumber(body, "days");
  const plain = readFlag(body, "plain");
  const size = {
    ...(ads === undefined ? {} : { ads }),
    ...(accounts === undefined ? {} : { accounts }),
    ...(days === undefined ? {} : { days }),
    ...(plain === undefined ? {} : { plain }),
  };
  const preset = readText(body, "preset") ?? "small";
  if (preset === "small") return smallWorld(now, seed);
  if (preset === "currencies") return currenciesWorld(now, seed);
  if (preset === "many") return manyAccountsWorld(now, size, seed);
  if (preset === "big") return bigAccountWorld(now, size, seed);
  throw new RangeError(`preset must be small, currencies, many or big, found ${preset}`);
}

function describeWorld(world: World): JsonValue {
  return {
    seed: world.seed,
    revision: world.revision,
    pixels: [...world.pixels],
    accounts: world.accounts.map(({ plan }) => asJson(plan)),
  };
}

function requireAccountOf(context: GraphContext, id: string): AdAccount {
  const account = context.world.account(id);
  if (!account) throw new RangeError(`no ad account ${id} in this world`);
  return account;
}

function controlAccount(context: GraphContext, request: ControlRequest, id: string | undefined): JsonValue {
  if (id === undefined) return context.world.accounts.map(({ plan }) => asJson(plan));
  const account = requireAccountOf(context, id);
  if (request.method === "PATCH") {
    Object.assign(account.plan, request.body);
    context.world.touch();
  }
  const list = (nodes: readonly AdTreeNode[]): JsonValue => nodes.map(describeNode);
  return {
    plan: asJson(account.plan),
    campaigns: list(account.campaigns),
    adsets: list(account.adsets),
    ads: list(account.ads),
  };
}

function describeNode(node: AdTreeNode): JsonRecord {
  const { id, name, status, hidden, unreadable, updated } = node;
  return { id, name, status, effective_status: effectiveStatus(node), hidden, unreadable, updated };
}

function controlObject(context: GraphContext, request: ControlRequest, id: string): JsonValue {
  if (request.method === "PATCH") {
    const moved = request.query.get("silent") === "true" ? null : context.clock.now();
    return describeNode(context.world.edit(id, request.body, moved));
  }
  const node = context.world.find(id);
  if (!node) throw new RangeError(`no object ${id} in this world`);
  return describeNode(node);
}

function addObject(context: GraphContext, kind: "campaigns" | "adsets" | "ads", body: JsonRecord): JsonValue {
  const { account_id, campaign_id, adset_id, ...changes } = body;
  const parentId = String(account_id ?? campaign_id ?? adset_id ?? "");
  const parent = context.world.find(parentId);
  const account = kind === "campaigns" ? requireAccountOf(context, parentId) : context.world.accountOf(parentId);
  let made: AdTreeNode;
  if (kind === "campaigns" && account) made = account.addCampaign();
  else if (kind === "adsets" && account && parent?.kind === "campaign") made = account.addAdSet(parent);
  else if (kind === "ads" && account && parent?.kind === "adset") made = account.addAd(parent);
  else throw new RangeError(`${kind} needs the id of its parent: account_id, campaign_id or adset_id`);
  made.created = Math.floor(context.clock.now() / 1000);
  return describeNode(context.world.edit(made.id, changes, context.clock.now()));
}

function readRestatement(body: JsonRecord): RestatementRequest {
  const at = readNumber(body, "at");
  const until = readText(body, "until");
  const adIds = readStringList(body["ad_ids"]);
  const every = readNumber(body, "every");
  const vanish = readFlag(body, "vanish");
  const percent = readNumber(body, "percent");
  const add = readNumber(body, "add_spend");
  const set = body["set"];
  const figures: Record<string, number> = {};
  for (const [key, value] of Object.entries(typeof set === "object" && set !== null ? set : {})) {
    if (typeof value === "number") figures[key] = value;
  }
  return {
    account_id: readText(body, "account_id") ?? "",
    since: readText(body, "since") ?? "",
    ...(until === undefined ? {} : { until }),
    ...(at === undefined ? {} : { at }),
    ...(adIds === undefined ? {} : { ad_ids: adIds }),
    ...(every === undefined ? {} : { every }),
    ...(vanish === undefined ? {} : { vanish }),
    ...(percent === undefined ? {} : { percent }),
    ...(add === undefined ? {} : { add_spend: add }),
    ...(Object.keys(figures).length === 0 ? {} : { set: figures }),
  };
}

function truth(context: GraphContext, query: URLSearchParams): JsonValue {
  const account = requireAccountOf(context, query.get("account") ?? "");
  const since = query.get("since") ?? "";
  const until = query.get("until") ?? since;
  if (parseDay(since) === undefined || parseDay(until) === undefined) throw new RangeError("since and until are days");
  const now = context.clock.now();
  const spend = trueSpend(account, since, until, now);
  if (query.get("rows") !== "true") return { spend };
  return { spend, rows: [...trueRows(account, since, until, now)].map(asJson) };
}
