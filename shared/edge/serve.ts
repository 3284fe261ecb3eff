/**
 * The door of every function: method, caller, origin, copy, size, JSON, schema, and then the function's own work, in
 * this order, so that a stranger costs nothing. Nothing happens at import; configuration is read at the first request.
 *
 * GET with a secret key or the key of the schedule does no work: it tells whether the function is configured and
 * reaches its database.
 *
 * @module
 */

import type { z } from "zod";
import type { Clock } from "../clock.ts";
import type { Project, ProjectIdentity } from "../database/project.ts";
import type { Database, ProjectAccess } from "../database/rpc.ts";
import { AuthError, ConfigError, RequestError } from "../errors.ts";
import { type Answer, answerError, answerJson } from "./answer.ts";
import { type Caller, createCallerFinder, type FindCaller, requireScheduleBody } from "./auth.ts";
import { waitUntil } from "./background.ts";
import { type AccountOptions, type Budget, createIsolateAccount } from "./budget.ts";
import { systemClock } from "./system_clock.ts";
import { type Config, type GetVariable, loadConfig, type Setting } from "./config.ts";
import { answerPreflight, corsHeaders, requireAllowedOrigin } from "./cors.ts";
import { readEnvironment } from "./environment.ts";
import { createLog, type Log, type LogSink } from "./log.ts";
import { type AllowedOrigins, loadAllowedOrigins } from "./origins.ts";
import { createKnownIdentity, type KnownIdentity } from "./project_identity.ts";
import { type Callers, loadProjectKeys } from "./project_keys.ts";
import { checkBody, DEFAULT_MAX_BODY_BYTES, readJsonBody } from "./request_body.ts";
import { createUserFinder, type FindUser } from "./user_token.ts";

/** One authenticated request with a checked body, and everything that the function needs of the runtime. */
export interface Call<Body, Name extends Setting = never> {
  /** Who calls. */
  caller: Caller;
  /** The user whose valid token came along; null without one. */
  user_id: string | null;
  /** The database of this project. */
  database: Database;
  /** The checked body. */
  body: Body;
  /** The settings that the function reads. */
  config: Pick<Config, Name>;
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
  get: GetVariable;
  /** Tells the time. */
  clock: Clock;
  /** Carries requests to Meta and to the database. */
  fetch: typeof fetch;
  /** Where finished lines go; the console without it. */
  log_sink?: LogSink;
  /** Numbers of the isolate's account. */
  budget: AccountOptions;
}

/** What makes one function. */
export interface FunctionOptions<Body, Name extends Setting> {
  /** Name of the function's folder. */
  slug: string;
  /** Who may call. */
  callers: Callers;
  /** Browsers call it: preflights are answered, and web apps must come from an allowed origin. @default false */
  browsers?: boolean;
  /** Largest body. @default 1_048_576 */
  maxBodyBytes?: number;
  /** The settings that it reads: a mistake in another one does not stop it. */
  settings: readonly Name[];
  /** Checks the body before `run` sees it. */
  bodySchema: z.ZodType<Body>;
  /** Connects to the project, once an isolate. */
  connect: (access: ProjectAccess) => Project;
  /** The function's work. What it throws is answered in the project's form. */
  run: (call: Call<Body, Name>) => Promise<Answer>;
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

/**
 * The address of the caller's connection, without a port: `cf-connecting-ip`, which the hosted gateway writes and no
 * caller can. Elsewhere the first of `x-forwarded-for`, which is the caller's to choose.
 */
export function clientAddress(headers: Headers): string | null {
  const reported = headers.get("cf-connecting-ip") ?? headers.get("x-forwarded-for")?.split(",")[0] ?? "";
  const address = reported.trim().replace(/^\[(.*)\](?::\d+)?$/, "$1").replace(/^(\d+(?:\.\d+){3}):\d+$/, "$1");
  return address === "" ? null : address;
}

function refuseMethod(method: string): never {
  throw new RequestError("method_not_allowed", `Only POST is answered here, not ${method.slice(0, 20)}.`);
}

/** A copy does nothing: what it would read and send is the other project's. */
function refuseCopy({ copy_of }: ProjectIdentity): void {
  if (copy_of === null) return;
  const message =
    `names project ${copy_of}: this project is a copy of project ${copy_of}, and neither syncs nor sends; ` +
    "select fb_ads.adopt_project('<url of this project>') makes it work by itself";
  throw new ConfigError([{ path: "fb_ads_project_url", message }], { code: "project_copy" });
}

/** What an isolate makes once: nothing of it belongs to a request. */
interface Isolate {
  findCaller: FindCaller;
  findUser: FindUser;
  identity: KnownIdentity;
  database: Database;
}

/** Makes a function out of its options. */
export function createFunction<Body, Name extends Setting = never>(
  options: FunctionOptions<Body, Name>,
  runtime: Partial<Runtime> = {},
): EdgeFunction {
  const { slug, callers, browsers = false, maxBodyBytes = DEFAULT_MAX_BODY_BYTES, bodySchema, run } = options;
  const get = runtime.get ?? readEnvironment;
  const clock = runtime.clock ?? systemClock;
  let config: Pick<Config, Name> | null = null;
  let origins: AllowedOrigins | null = null;
  let isolate: Isolate | null = null;
  const account = createIsolateAccount(runtime.budget);

  function setUp(): Isolate {
    const keys = loadProjectKeys(get, callers);
    const { url } = keys;
    const send = runtime.fetch ?? fetch;
    const project = options.connect({ url, secret_key: keys.database_key, fetch: send });
    const identity = createKnownIdentity(project.identify, clock);
    const findCaller = createCallerFinder(keys, identity);
    const findUser = createUserFinder({
      url,
      publishable_key: Object.values(keys.publishable)[0] ?? "",
      jwks: get("SUPABASE_JWKS"),
      fetch: send,
      clock,
      log: createLog(clock, { function: slug }, runtime.log_sink),
    });
    return { findCaller, findUser, identity, database: project.database };
  }

  async function open(request: Request, request_id: string, budget: Budget, log: Log, trust: () => void) {
    if (request.method !== "POST" && request.method !== "GET") refuseMethod(request.method);
    const { findCaller, findUser, identity, database } = isolate ??= setUp();
    const caller = await findCaller(request.headers.get("apikey"));
    if (caller === null || (caller === "publishable" && callers === "secret")) throw new AuthError();
    if (caller === "publishable") {
      if (request.method === "GET") refuseMethod(request.method);
      requireAllowedOrigin(request, origins ??= loadAllowedOrigins(get));
    } else {
      trust();
    }
    config ??= loadConfig(get, options.settings);
    if (request.method === "GET") {
      if (origins !== null && origins.problem !== null) throw origins.problem;
      refuseCopy(await identity.fresh());
      return { status: 200, body: { function: slug, status: "ok" } };
    }
    refuseCopy(await identity.current());
    const raw = await readJsonBody(request, maxBodyBytes);
    if (caller === "schedule") requireScheduleBody(raw);
    const body = budget.measure(() => checkBody(bodySchema, raw));
    const call: Call<Body, Name> = {
      caller,
      user_id: callers === "secret" ? null : await findUser(request),
      database,
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
      const budget = account.openBudget();
      if (browsers) {
        origins ??= loadAllowedOrigins(get);
        if (request.method === "OPTIONS") return answerPreflight(request, origins);
        headers = corsHeaders(request, origins);
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
