/**
 * Which browsers may call. Only functions that browsers call at all have this; the list of origins is the
 * configuration's, and a publishable key is good for nothing from anywhere else.
 *
 * @module
 */

import { AuthError } from "../errors.ts";

/** What `fetch` needs, and what Supabase's client libraries add of their own (`@supabase/supabase-js/cors`). */
const ALLOWED_HEADERS =
  "authorization, apikey, content-type, prefer, x-client-info, x-retry-count, traceparent, tracestate, baggage";
const PREFLIGHT_SECONDS = 86_400;

/** Headers that let the calling page read the answer; only `Vary` for an origin that is not on the list. */
export function corsHeaders(request: Request, allowed_origins: readonly string[]): Record<string, string> {
  const origin = request.headers.get("origin");
  if (origin === null || !allowed_origins.includes(origin)) return { Vary: "Origin" };
  return { Vary: "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After" };
}

/** Answers a browser's preflight. */
export function answerPreflight(request: Request, allowed_origins: readonly string[]): Response {
  const headers = corsHeaders(request, allowed_origins);
  if (headers["Access-Control-Allow-Origin"] === undefined) return new Response(null, { status: 403, headers });
  return new Response(null, {
    status: 204,
    headers: {
      ...headers,
      "Access-Control-Allow-Methods": "POST",
      "Access-Control-Allow-Headers": ALLOWED_HEADERS,
      "Access-Control-Max-Age": String(PREFLIGHT_SECONDS),
    },
  });
}

/**
 * Lets a web app's request pass only from an allowed origin; browsers always send theirs with a POST.
 *
 * @throws {AuthError} 403 `origin_not_allowed`.
 */
export function requireAllowedOrigin(request: Request, allowed_origins: readonly string[]): void {
  const origin = request.headers.get("origin");
  if (origin === null || !allowed_origins.includes(origin)) {
    throw new AuthError("origin_not_allowed", "Events are not accepted from this origin.");
  }
}
