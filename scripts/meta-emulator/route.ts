/**
 * Names the route of a call and the ad account it concerns. Faults and the ledger speak these names.
 * @module
 */

import type { GraphCall } from "./graph_call.ts";
import type { ReportBook } from "./insights/report_book.ts";
import type { UseCase } from "./quota.ts";
import type { AdAccount } from "./world/account.ts";
import type { World } from "./world/world.ts";

/** All route names. */
export type RouteName =
  | "batch"
  | "multi_read"
  | "debug_token"
  | "me.permissions"
  | "me"
  | "me.adaccounts"
  | "account"
  | "campaigns"
  | "adsets"
  | "ads"
  | "object"
  | "insights"
  | "insights.create"
  | "insights.read"
  | "report_run"
  | "report_run.delete"
  | "pixel"
  | "events"
  | "dataset_quality"
  | "unknown";

/** Where a call goes. */
export interface Route {
  /** Its name. */
  name: RouteName;
  /** Id in the path, with `act_` where it was written so. */
  target: string;
  /** The account concerned, when the world has it. */
  account: AdAccount | null;
  /** The quota it counts against. */
  useCase: UseCase | null;
}

const EDGES = new Set<string>(["campaigns", "adsets", "ads"]);

const GRAPH_ROUTES: ReadonlySet<RouteName> = new Set<RouteName>([
  "batch",
  "multi_read",
  "debug_token",
  "me",
  "me.permissions",
  "pixel",
  "events",
  "dataset_quality",
]);

/** Tells whose clock a route's versions follow: the Marketing API's, or that of the rest of Graph. */
export function versionClock({ name }: Route): "marketing" | "graph" {
  return GRAPH_ROUTES.has(name) ? "graph" : "marketing";
}

/** Names the route of a call. */
export function findRoute(call: GraphCall, world: World, reports: ReportBook): Route {
  const [target = "", edge = ""] = call.segments;
  const free = (name: RouteName): Route => ({ name, target, account: null, useCase: null });
  if (call.segments.length === 0) return free(call.method === "POST" ? "batch" : "multi_read");
  if (call.segments.length > 2) return free("unknown");
  if ((target === "debug_token" || target === "dataset_quality") && edge === "") return free(target);
  if (target === "me") {
    if (edge === "") return free("me");
    return free(edge === "adaccounts" ? "me.adaccounts" : edge === "permissions" ? "me.permissions" : "unknown");
  }
  if (edge === "events" && call.method === "POST") return free("events");
  const report = reports.find(target);
  const account = report?.account ?? (target.startsWith("act_") ? world.account(target) : world.accountOf(target)) ??
    null;
  const of = (name: RouteName, useCase: UseCase): Route => ({ name, target, account, useCase });
  if (edge === "insights") {
    if (report) return of("insights.read", "ads_insights");
    return of(call.method === "POST" ? "insights.create" : "insights", "ads_insights");
  }
  if (EDGES.has(edge)) return of(edge === "ads" ? "ads" : edge === "adsets" ? "adsets" : "campaigns", "ads_management");
  if (edge !== "") return free("unknown");
  if (report) return of(call.method === "DELETE" ? "report_run.delete" : "report_run", "ads_insights");
  if (target.startsWith("act_")) return of("account", "ads_management");
  if (world.pixels.has(target)) return free("pixel");
  return of("object", "ads_management");
}
