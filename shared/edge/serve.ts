/**
 * The door of every function: method, caller, origin, size, JSON, schema, and then the function's own work, in this
 * order, so that a stranger costs nothing. Nothing happens at import; configuration is read at the first request.
 *
 * @module
 */

import type { z } from "zod";
import type { Clock } from "../clock.ts";
import { RequestError } from "../errors.ts";
import { type Answer, answerError, answerJson } from "./answer.ts";
import { authenticate, type AuthEnvironment, type Callers, type Identity, loadAuthEnvironment } from "./auth.ts";
import { waitUntil } from "./background.ts";
import { type Budget, type BudgetOptions, createBudget } from "./budget.ts";
import { systemClock } from "./clock.ts";
import { type Config, loadConfig } from "./config.ts";
import { answerPreflight, corsHeaders, requireAllowedOrigin } from "./cors.ts";
import { readEnvironment } from "./environment.ts";
import { createLog, type Log, type LogSink } from "./log.ts";
import { checkBody, DEFAULT_MAX_BODY_BYTES, readJsonBody } from "./request_body.ts";

/** One authenticated request with a checked body, and everything that the function needs of the runtime. */
export interface Call<Body> extends Identity {
  /** The checked body. */
  body: Body;
  /** The functions' configuration. */
  config: Config;
  /** Tells the time. */
  clock: Clock;
  /** How much longer this request may work. */
  budget: Budget;
  /** Adds the function's slug and the request's id to every line. */
  log: Log;
  /** Names this request in the answer and in the log. */
  request_id: string;
  /** The caller asked with `Prefer: respond-async` not to be kept waiting. */
  respond_async: boolean;
  /** The browser's address as the platform saw it; null when unknown. */
  client_ip_address: string | null;
  /** The browser's user agent; null when unknown. */
  client_user_agent: string | null;
  /** Lets work go on after the answer; its failure is logged. */
  background(work: () => Promise<unknown>): void;
  /** For requests to Meta. */
  fetch: typeof fetch;
}

/** What the runtime supplies; tests supply their own. */
export interface Runtime {
  /** Looks a variable up by name. */
  get: (name: string) => string | undefined;
  /** Tells the time. */
  clock: Clock;
  /** Carries requests to Meta and to the database. */
  fetch: typeof fetch;
  /** Where finished lines go; the console without it. */
  log_sink?: LogSink;
  /** Numbers of the work budget. */
  budget: Omit<BudgetOptions, "clock">;
}

/** What makes one function. */
export interface FunctionOptions<Body> {
  /** Name of the function's folder. */
  slug: string;
  /** Who may call. */
  callers: Callers;
  /** Browsers call it: preflights are answered, and web apps must come from an allowed origin. @default false */
  browsers?: boolean;
  /** Largest body. @default 1_048_576 */
  maxBodyBytes?: number;
  /** Checks the body before `run` sees it. */
  bodySchema: z.ZodType<Body>;
  /** The function's work. What it throws is answered in the project's form. */
  run: (call: Call<Body>) => Promise<Answer>;
}

/** A function as the platform serves it: `fetch` is an own property and takes the request alone. */
export interface EdgeFunction {
  /** Answers one request; never throws. */
  fetch: (request: Request) => Promise<Response>;
}

/** Whether a caller does not want to wait (https://www.rfc-editor.org/rfc/rfc7240#section-4.1). */
export function prefersAsync(headers: Headers): boolean {
  const preferences = (headers.get("prefer") ?? "").split(/[,;]/);
  return preferences.some((preference) => preference.trim().toLowerCase() === "respond-async");
}

/** First address of `x-forwarded-for`: the platform's gateway hands the function nothing else of the connection. */
export function clientAddress(headers: Headers): string | null {
  const first = (headers.get("x-forwarded-for") ?? "").split(",")[0]?.trim() ?? "";
  return first === "" ? null : first;
}

function refuseMethod(method: string): never {
  throw new RequestError("method_not_allowed", `Only POST is answered here, not ${method.slice(0, 20)}.`);
}

/** Makes a function out of its options. */
export function createFunction<Body>(options: FunctionOptions<Body>, runtime: Partial<Runtime> = {}): EdgeFunction {
  const { slug, callers, browsers = false, maxBodyBytes = DEFAULT_MAX_BODY_BYTES, bodySchema, run } = options;
  const get = runtime.get ?? readEnvironment;
  const clock = runtime.clock ?? systemClock;
  let config: Config | null = null;
  let keys: AuthEnvironment | null = null;

  async function open(request: Request, request_id: string, budget: Budget, log: Log, trust: () => void) {
    if (request.method !== "POST") refuseMethod(request.method);
    keys ??= loadAuthEnvironment(get, callers);
    const own_fetch = runtime.fetch === undefined ? {} : { fetch: runtime.fetch };
    const identity = await authenticate(request, { callers, env: keys, get, ...own_fetch });
    if (identity.caller === "secret") trust();
    config ??= loadConfig(get);
    if (identity.caller === "publishable") requireAllowedOrigin(request, config.allowed_origins);
    const raw = await readJsonBody(request, maxBodyBytes);
    const body = budget.measure(() => checkBody(bodySchema, raw));
    const call: Call<Body> = {
      ...identity,
      body,
      config,
      clock,
      budget,
      log,
      request_id,
      respond_async: prefersAsync(request.headers),
      client_ip_address: clientAddress(request.headers),
      client_user_agent: request.headers.get("user-agent"),
      background: (work) => waitUntil(work, (error) => log.error("background work failed", { error })),
      fetch: runtime.fetch ?? fetch,
    };
    return await run(call);
  }

  async function serve(request: Request): Promise<Response> {
    const request_id = crypto.randomUUID();
    const log = createLog(clock, { function: slug, request_id }, runtime.log_sink);
    let headers: Record<string, string> = {};
    let trusted = false;
    try {
      const budget = createBudget({ ...runtime.budget, clock });
      if (browsers) {
        config ??= loadConfig(get);
        if (request.method === "OPTIONS") return answerPreflight(request, config.allowed_origins);
        headers = corsHeaders(request, config.allowed_origins);
      }
      const answer = await open(request, request_id, budget, log, () => trusted = true);
      return answerJson(answer, headers);
    } catch (error) {
      return answerError(error, { request_id, log, headers, trusted });
    } finally {
      // An unread body would hold the connection.
      if (!request.bodyUsed) request.body?.cancel().catch(() => undefined);
    }
  }

  return { fetch: serve };
}
