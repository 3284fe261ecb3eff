/**
 * The table of endpoints by route and method.
 * @module
 */

import { answerBatch } from "./batch.ts";
import { readDatasetQuality } from "./capi/dataset_quality.ts";
import { receiveEvents } from "./capi/events_endpoint.ts";
import type { GraphContext, Visit } from "./context.ts";
import type { GraphAnswer } from "./graph_call.ts";
import {
  createReport,
  deleteReport,
  readInsights,
  readReport,
  readReportInsights,
} from "./insights/insights_endpoints.ts";
import { listAccounts, listEdge } from "./lists.ts";
import { debugToken, readAccount, readMe, readObject, readPermissions, readPixel } from "./objects.ts";
import type { RouteName } from "./route.ts";

/** Answers one authorized call, or throws a refusal. */
export type Endpoint = (context: GraphContext, visit: Visit) => GraphAnswer | Promise<GraphAnswer>;

/** Endpoints by route and HTTP method. */
export const ENDPOINTS: Partial<Record<RouteName, Record<string, Endpoint>>> = {
  batch: { POST: answerBatch },
  debug_token: { GET: debugToken },
  me: { GET: readMe },
  "me.adaccounts": { GET: listAccounts },
  "me.permissions": { GET: readPermissions },
  account: { GET: readAccount },
  campaigns: { GET: listEdge },
  adsets: { GET: listEdge },
  ads: { GET: listEdge },
  object: { GET: readObject },
  insights: { GET: readInsights },
  "insights.create": { POST: createReport },
  "insights.read": { GET: readReportInsights },
  report_run: { GET: readReport },
  "report_run.delete": { DELETE: deleteReport },
  pixel: { GET: readPixel },
  events: { POST: receiveEvents },
  dataset_quality: { GET: readDatasetQuality },
};
