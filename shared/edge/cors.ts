/**
 * Which browsers may call. Only functions that browsers call at all have this; the list of origins is the
 * configuration's, and a publishable key is good for nothing from anywhere else.
 *
 * @module
 */

import { AuthError } from "../errors.ts";
import type { AllowedOrigins } from "./origins.ts";

/** What `fetch` needs, and what Supabase's client libraries add of their own (`@supabase/supabase-js/cors`). */
const ALLOWED_HEADERS =
  "authorization, apikey, content-type, prefer, x-client-info, x-region, x-retry-count, traceparent, tracestate, baggage";
const PREFLIGHT_SECONDS = 86_400;

/**
 * Headers that let the calling page read the answer; only `Vary` for an origin that is not on the list. Where the list
 * is of no use every page may read why.
 */
export function corsHeaders(request: Request, origins: AllowedOrigins): Record<string, string> {
  const origin = request.headers.get("origin");
  if (origin === null || !(origins.allows(origin) || origins.problem !== null)) return { Vary: "Origin" };
  return { Vary: "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After" };
}

/** Answers a browser's preflight. */
export function answerPreflight(request: Request, origins: AllowedOrigins): Response {
  const headers = corsHeaders(request, origins);
  if (headers["Access-Control-Allow-Origin"] === undefined) return new Response(null, { status: 403, headers });
  return new Response(null, {
    status: 204,
    headers: {
      ...headers,
      "Access-Control-Allow-Methods": "POST",
      "Access-Control-Allow-Headers": ALLOWED_HEADERS,
      // A mistake in the list is mended sooner.
      "Access-Control-Max-Age": String(origins.problem === null ? PREFLIGHT_SECONDS : 0),
    },
  });
}

/**
 * Lets a web app's request pass only from an allowed origin; browsers always send theirs with a POST.
 *
 * @throws {AuthError} 403 `origin_not_allowed`.
 * @throws {ConfigError} 500 `config_invalid`, where the list of origins is of no use.
 */
export function requireAllowedOrigin(request: Request, origins: AllowedOrigins): void {
  if (origins.problem !== null) throw origins.problem;
  if (!origins.allows(request.headers.get("origin"))) {
    throw new AuthError("origin_not_allowed", "Events are not accepted from this origin.");
  }
}
