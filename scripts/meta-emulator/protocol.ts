/**
 * What Graph checks before it looks at an endpoint: where the token stands, parameters that are gone, the version.
 * @module
 */

import type { GraphContext } from "./context.ts";
import type { Endpoint } from "./endpoints.ts";
import { refusal } from "./error_catalogue.ts";
import type { GraphCall } from "./graph_call.ts";
import { GraphRefusal, invalidParameter } from "./graph_error.ts";
import { refuseRemovedFeatures } from "./removed_features.ts";
import { type Route, versionClock } from "./route.ts";
import { requireProof, type Token } from "./tokens.ts";
import { newestVersion, versionState } from "./versions.ts";

const READ_POINTS = 1;
const WRITE_POINTS = 3;

/** Finds the endpoint of a call and who calls; refuses what no endpoint ever gets to see, throttled calls among it. */
export function protocolOf(
  context: GraphContext,
  call: GraphCall,
  route: Route,
  methods: Record<string, Endpoint> | undefined,
): { endpoint: Endpoint; token: Token } {
  requireProtocol(context, call, route);
  const token = context.tokens.authorize(call.secret, context.clock.now());
  requireProof(call, token);
  context.quota.chargeApp();
  if (route.account && route.useCase) {
    context.quota.charge(route.account, route.useCase, call.method === "GET" ? READ_POINTS : WRITE_POINTS);
  }
  const endpoint = methods?.[call.method];
  if (!endpoint) throw unsupported(call, route, methods !== undefined);
  return { endpoint, token };
}

function requireProtocol(context: GraphContext, call: GraphCall, route: Route): void {
  const { settings } = context;
  if (call.secretInUrl && settings.refuse_token_in_url) {
    throw invalidParameter("This emulator takes the access token in the Authorization header only");
  }
  if (settings.refuse_removed_features) refuseRemovedFeatures(call);
  requireLiveVersion(context, call, route);
}

function requireLiveVersion(context: GraphContext, call: GraphCall, route: Route): void {
  const { versions } = context.settings;
  const state = versionState(versions, call.version, versionClock(route), context.clock.now());
  if (state === "unknown") {
    throw new GraphRefusal({ status: 400, code: 2500, type: "OAuthException", message: "Unknown API version" });
  }
  if (state !== "dead") return;
  throw refusal("2635", {
    message: `(#2635) You are calling a deprecated version of the Ads API. Please update to the latest version: ` +
      `${newestVersion(versions)}.`,
  });
}

/** Words the refusal of a path or a method that is not there. */
function unsupported(call: GraphCall, route: Route, routeExists: boolean): GraphRefusal {
  if (routeExists) return refusal("100/33", { message: `Unsupported ${call.method.toLowerCase()} request.` });
  const message = `Unknown path components: /${call.segments.slice(1).join("/") || route.target}`;
  return new GraphRefusal({ status: 400, code: 2500, type: "OAuthException", message });
}
