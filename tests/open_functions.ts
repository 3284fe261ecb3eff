/**
 * The four functions in this very process, over a suite's database and emulator, without the gateway: a test then
 * chooses the addresses that requests come from, and reads every log line.
 *
 * @module
 */

import type { Suite } from "../scripts/dev/testing/suite.ts";
import { ORIGIN, PIXEL } from "../scripts/dev/testing/shop_suite.ts";
import { connectProject } from "../shared/database/project.ts";
import { createFunction, type EdgeFunction, type FunctionOptions, type Runtime } from "../shared/edge/serve.ts";
import type { Setting } from "../shared/edge/config.ts";
import { SYNC_SETTINGS } from "../shared/queue/invocation.ts";
import * as attributePurchase from "../supabase/functions/attribute-purchase/handler.ts";
import { BodySchema, SETTINGS } from "../supabase/functions/capi-event/call.ts";
import { handleCapiEvent } from "../supabase/functions/capi-event/handler.ts";
import * as syncInsights from "../supabase/functions/fb-sync-insights/handler.ts";
import * as syncMetadata from "../supabase/functions/fb-sync-metadata/handler.ts";

/** Names of the functions. */
export const SLUGS = ["capi-event", "fb-sync-metadata", "fb-sync-insights", "attribute-purchase"] as const;

/** Name of a function. */
export type Slug = typeof SLUGS[number];

/** Opens all four; their log lines go into `logs`. */
export function openFunctions({ platform, graph }: Suite, logs: string[]): Record<Slug, EdgeFunction["fetch"]> {
  const environment: Record<string, string> = {
    SUPABASE_URL: platform.apiUrl,
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: platform.publishableKey }),
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: platform.secretKey }),
    SUPABASE_JWKS: JSON.stringify({ keys: [] }),
    META_PIXEL_ID: PIXEL,
    META_GRAPH_URL: graph.url,
    FB_ADS_ACCOUNT_IDS: "*",
    FB_ADS_ALLOWED_ORIGINS: ORIGIN,
    FB_ADS_DEFAULT_COUNTRY: "ID",
  };
  const runtime: Partial<Runtime> = {
    get: (name) => environment[name],
    log_sink: (_level, line) => logs.push(line),
    budget: { wall_request_ms: 3_600_000, wall_limit_ms: 7_200_000, cpu_stop_ms: 1e9 },
  };
  const open = <Body, Name extends Setting>(options: Omit<FunctionOptions<Body, Name>, "connect">) =>
    createFunction({ ...options, connect: connectProject }, runtime).fetch;
  return {
    "capi-event": open({
      slug: "capi-event",
      callers: "publishable_or_secret",
      browsers: true,
      settings: SETTINGS,
      bodySchema: BodySchema,
      run: handleCapiEvent,
    }),
    "fb-sync-metadata": open({
      slug: "fb-sync-metadata",
      callers: "secret",
      settings: SYNC_SETTINGS,
      bodySchema: syncMetadata.BodySchema,
      run: syncMetadata.handleSyncMetadata,
    }),
    "fb-sync-insights": open({
      slug: "fb-sync-insights",
      callers: "secret",
      settings: SYNC_SETTINGS,
      bodySchema: syncInsights.BodySchema,
      run: syncInsights.handleSyncInsights,
    }),
    "attribute-purchase": open({
      slug: "attribute-purchase",
      callers: "secret",
      settings: attributePurchase.SETTINGS,
      bodySchema: attributePurchase.BodySchema,
      run: attributePurchase.handleAttributePurchase,
    }),
  };
}
