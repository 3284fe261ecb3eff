/**
 * Reads by id: the account, every object of the ad tree (deleted and hidden ones too), a creative, a pixel, the token.
 * @module
 */

import type { GraphContext, Visit } from "./context.ts";
import { refusal } from "./error_catalogue.ts";
import { type NodeFields, project, requestedFields } from "./fields.ts";
import { type GraphAnswer } from "./graph_call.ts";
import { readText } from "./json_value.ts";
import { answerNode, missing, requireKnownAccount } from "./lists.ts";
import { pictureLinks } from "./pictures.ts";
import type { Token } from "./tokens.ts";
import { CREATIVE_FIELDS } from "./world/creative_fields.ts";
import { ACCOUNT_FIELDS } from "./world/node_fields.ts";

/** Answers `act_X`. */
export function readAccount(context: GraphContext, visit: Visit): GraphAnswer {
  const account = requireKnownAccount(visit);
  const body = project(account, ACCOUNT_FIELDS, requestedFields(visit.call), {}, context.world.refusedFields);
  return { status: 200, body };
}

/** Answers a campaign, an ad set, an ad or a creative by its id; unknown and unreadable ones are 100/33. */
export function readObject(context: GraphContext, visit: Visit): GraphAnswer {
  const { target } = visit.route;
  const account = requireKnownAccount(visit);
  const fields = requestedFields(visit.call);
  const { refusedFields } = context.world;
  if (target[4] === "4") {
    const ad = account.ads[Number(target.slice(9))];
    if (!ad) throw refusal("100/33", { message: missing(target) });
    const place = { account, node: ad, picture: pictureLinks(visit.call.origin, context.clock.now()) };
    return { status: 200, body: project(place, CREATIVE_FIELDS, fields, {}, refusedFields) };
  }
  const node = account.find(target);
  if (!node || node.unreadable) throw refusal("100/33", { message: missing(target) });
  return { status: 200, body: answerNode(context, visit, account, node, fields) };
}

const ME_FIELDS: NodeFields<Token> = {
  type: "User",
  defaults: ["id", "name"],
  fields: { id: () => "10100000000000042", name: ({ name }) => name },
};

/** Answers `me`: whose token it is. */
export function readMe(_context: GraphContext, visit: Visit): GraphAnswer {
  return { status: 200, body: project(visit.token, ME_FIELDS, requestedFields(visit.call), {}, new Set()) };
}

/** Answers `me/permissions`: what the token's user has granted. */
export function readPermissions(_context: GraphContext, visit: Visit): GraphAnswer {
  const data = visit.token.scopes.map((permission) => ({ permission, status: "granted" }));
  return { status: 200, body: { data } };
}

/** Answers a pixel (Meta now also says dataset) by its id. */
export function readPixel(context: GraphContext, visit: Visit): GraphAnswer {
  const { target } = visit.route;
  requirePixel(context, visit, target);
  const pixel = {
    id: target,
    name: "Website pixel",
    last_fired_time: "2026-11-20T00:00:00+0000",
    is_unavailable: false,
  };
  const fields = requestedFields(visit.call);
  const kind = {
    type: "AdsPixel",
    defaults: ["id", "name"],
    fields: {
      id: () => pixel.id,
      name: () => pixel.name,
      last_fired_time: () => pixel.last_fired_time,
      is_unavailable: () => pixel.is_unavailable,
    },
  };
  return { status: 200, body: project(pixel, kind, fields, {}, new Set()) };
}

/** Refuses a token that may not use the pixel, and a pixel that does not exist, with 100/33. */
export function requirePixel({ world }: GraphContext, { token }: Visit, pixel: string): void {
  const isAllowed = token.pixels === "*" || token.pixels.includes(pixel);
  if (!isAllowed || !world.pixels.has(pixel)) throw refusal("100/33", { message: missing(pixel) });
}

/** Answers `debug_token`: the state of the token given as `input_token`. */
export function debugToken(context: GraphContext, visit: Visit): GraphAnswer {
  const token = context.tokens.find(readText(visit.call.params, "input_token") ?? "");
  if (!token) {
    return { status: 200, body: { data: { is_valid: false, scopes: [], error: { code: 190, message: "Invalid" } } } };
  }
  const now = context.clock.now();
  const expired = token.expires_at !== 0 && now >= token.expires_at;
  const data = {
    app_id: "1",
    type: "SYSTEM_USER",
    application: "Emulator",
    is_valid: token.dead === null && !expired,
    expires_at: Math.floor(token.expires_at / 1000),
    data_access_expires_at: 0,
    scopes: token.scopes,
    user_id: "10100000000000042",
  };
  return { status: 200, body: { data } };
}
