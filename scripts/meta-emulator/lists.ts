/**
 * The listing edges: `me/adaccounts`, and campaigns, ad sets and ads of an account or a parent, newest first.
 * ARCHIVED objects come only when a filter names them; DELETED ones never, whatever is asked.
 * @module
 */

import type { GraphContext, Visit } from "./context.ts";
import { refusal } from "./error_catalogue.ts";
import { type FieldRequest, project, requestedFields } from "./fields.ts";
import { type Filter, meetsFilter, readFilters } from "./filtering.ts";
import type { GraphAnswer } from "./graph_call.ts";
import { invalidParameter } from "./graph_error.ts";
import type { JsonRecord } from "./json_value.ts";
import { type Page, pageBody, readPageStart, refusePastEnd } from "./paging.ts";
import { pictureLinks } from "./pictures.ts";
import { requireAccount } from "./tokens.ts";
import type { AdAccount } from "./world/account.ts";
import { ACCOUNT_FIELDS, AD_FIELDS, ADSET_FIELDS, CAMPAIGN_FIELDS } from "./world/node_fields.ts";
import { type AdTreeNode, ancestors, effectiveStatus } from "./world/objects.ts";

/** Answers `me/adaccounts`: the accounts that the token may read. */
export function listAccounts(context: GraphContext, visit: Visit): GraphAnswer {
  const { token, call } = visit;
  const start = readPageStart(call, "me/adaccounts");
  const fields = requestedFields(call);
  const readable = context.world.accounts.filter(({ plan }) =>
    token.accounts === "*" || token.accounts.includes(plan.account_id)
  );
  const from = start.after === null ? 0 : start.after + 1;
  const size = Math.min(start.limit, visit.shortPage ?? start.limit);
  const rows = readable.slice(from, from + size);
  refusePastEnd(start, readable.length - from, context.settings.past_end);
  const page: Page = {
    data: rows.map((account) => project(account, ACCOUNT_FIELDS, fields, {}, context.world.refusedFields)),
    first: from,
    last: from + rows.length - 1,
    more: from + rows.length < readable.length,
  };
  const body = pageBody(call, "me/adaccounts", start, page);
  return { status: 200, body: withSummary(visit, body, () => readable.length), rows: rows.length };
}

/** Answers an edge of an account, a campaign or an ad set. */
export function listEdge(context: GraphContext, visit: Visit): GraphAnswer {
  const { call, route } = visit;
  const account = requireKnownAccount(visit);
  const edge = route.name === "ads" ? "ads" : route.name === "adsets" ? "adsets" : "campaigns";
  const kind = edge === "ads" ? "ad" : edge === "adsets" ? "adset" : "campaign";
  const parent = route.target.startsWith("act_") ? null : account.find(route.target);
  if (parent === undefined || (parent && !canHold(parent.kind, kind))) throw refusal("100/33");
  const scope = `${route.target}/${edge}`;
  const start = readPageStart(call, scope);
  const fields = requestedFields(call);
  const visible = visibility(readFilters(call, kind), kind, account);
  const all: readonly AdTreeNode[] = account[edge];
  const shown = (node: AdTreeNode): boolean =>
    (!parent || ancestors(node).includes(parent)) && !node.hidden && visible(node);
  const size = Math.min(start.limit, visit.shortPage ?? start.limit);
  const rows: AdTreeNode[] = [];
  let more = false;
  const from = start.after === null ? all.length - 1 : start.after - 1;
  for (let seq = from; seq >= 0; seq--) {
    const node = all[seq];
    if (!node || !shown(node)) continue;
    if (rows.length === size) {
      more = true;
      break;
    }
    rows.push(node);
  }
  refusePastEnd(start, rows.length + (more ? 1 : 0), context.settings.past_end);
  const page: Page = {
    data: rows.map((node) => answerNode(context, visit, account, node, fields)),
    first: rows[0]?.seq ?? from,
    last: rows.at(-1)?.seq ?? from + 1,
    more,
  };
  const body = pageBody(call, scope, start, page);
  return { status: 200, body: withSummary(visit, body, () => all.filter(shown).length), rows: rows.length };
}

/** Answers the fields of a campaign, ad set or ad. */
export function answerNode(
  context: GraphContext,
  visit: Visit,
  account: AdAccount,
  node: AdTreeNode,
  fields: FieldRequest[],
): JsonRecord {
  const { refusedFields: refused } = context.world;
  const place = { account, picture: pictureLinks(visit.call.origin, context.clock.now()) };
  if (node.kind === "campaign") return project({ ...place, node }, CAMPAIGN_FIELDS, fields, node.extra, refused);
  if (node.kind === "adset") return project({ ...place, node }, ADSET_FIELDS, fields, node.extra, refused);
  return project({ ...place, node }, AD_FIELDS, fields, node.extra, refused);
}

/** Returns the account of a visit; refuses an unknown one with 100/33 and one without permission with 200. */
export function requireKnownAccount(visit: Visit): AdAccount {
  const { account, target } = visit.route;
  if (!account) throw refusal("100/33", { message: missing(target) });
  requireAccount(visit.token, account.plan.account_id);
  return account;
}

/** Words the refusal of an id that is not there. */
export function missing(id: string): string {
  return `Unsupported get request. Object with ID '${id}' does not exist, cannot be loaded due to missing permissions, ` +
    "or does not support this operation";
}

function canHold(parent: AdTreeNode["kind"], child: AdTreeNode["kind"]): boolean {
  return (parent === "campaign" && child !== "campaign") || (parent === "adset" && child === "ad");
}

function withSummary(visit: Visit, body: JsonRecord, count: () => number): JsonRecord {
  const summary = visit.call.params["summary"];
  return summary === "true" || summary === true || summary === "total_count"
    ? { ...body, summary: { total_count: count() } }
    : body;
}

/** Makes the test of an edge: filters, and Meta's default of leaving ARCHIVED and DELETED out. */
function visibility(filters: Filter[], kind: string, account: AdAccount): (node: AdTreeNode) => boolean {
  const statusAsked = filters.some(({ field }) => /(^|\.)(effective_status|delivery_info)$/.test(field));
  const tests = filters.flatMap((filter) => {
    const name = filter.field.startsWith(`${kind}.`) ? filter.field.slice(kind.length + 1) : filter.field;
    // Meta ignores a filter on created_time in silence and answers everything.
    if (name === "created_time") return [];
    const read = FILTERABLE[name];
    if (!read) {
      throw invalidParameter(`Filtering field ${filter.field} with operation ${filter.operator} is not supported`);
    }
    return [(node: AdTreeNode) => meetsFilter(filter, read(node, account))];
  });
  return (node) => {
    const status = effectiveStatus(node);
    if (status === "DELETED" || (status === "ARCHIVED" && !statusAsked)) return false;
    return tests.every((test) => test(node));
  };
}

const FILTERABLE: Record<string, (node: AdTreeNode, account: AdAccount) => string | number> = {
  id: (node) => node.id,
  name: (node) => node.name,
  effective_status: (node) => effectiveStatus(node),
  delivery_info: (node) => effectiveStatus(node).toLowerCase(),
  updated_time: (node) => node.updated,
  "campaign.id": (node) =>
    node.kind === "campaign" ? node.id : node.kind === "adset" ? node.campaign.id : node.adset.campaign.id,
  "adset.id": (node) => node.kind === "ad" ? node.adset.id : node.id,
};
