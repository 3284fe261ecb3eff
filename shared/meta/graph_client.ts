/**
 * The one way to Meta's Graph API. A call is a call: no retries here, the caller decides by `error.action`. The token
 * travels in the `Authorization` header alone, redirects are not followed so that it goes nowhere else, and
 * `paging.next`, which carries a token, is never used: pages are asked for by their `after` cursor.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import type { Clock } from "../clock.ts";
import { type GraphApiError, type UsageReading } from "../errors.ts";
import { readBoundedText } from "./bounded_text.ts";
import {
  type AnswerFacts,
  decodeBatchAnswer,
  type DecodedAnswer,
  decodeGraphAnswer,
  transportError,
} from "./graph_answer.ts";
import type { GraphTarget } from "./graph_errors.ts";
import { parseUsageHeaders } from "./usage_headers.ts";

/** Parameters of a call; lists and objects are sent as JSON, `undefined` is left out. */
export type GraphParams = Record<string, unknown>;

/** A good answer. */
export interface GraphAnswer<Body = Record<string, unknown>> {
  /** Parsed JSON; decode it before use. */
  body: Body;
  /** What the usage headers of this answer say. */
  usage: UsageReading[];
  /** Size of the JSON, for the work budget. */
  bytes: number;
  /** Meta warns that the version of the call is old or was replaced by another one. */
  api_version_warning?: string;
}

/** What is known of one call, for counting and logging; carries no token, no parameters and no body. */
export interface GraphCall {
  /** How it was called. */
  method: "GET" | "POST";
  /** Path without version and query, e.g. `act_1001/ads`; empty for a batch. */
  path: string;
  /** When it was sent. */
  started_at: Date;
  /** Duration in milliseconds, by the clock. */
  duration_ms: number;
  /** Null when there was no answer. */
  http_status: number | null;
  /** Size of the answer. */
  bytes: number;
  /** What the usage headers of the answer say. */
  usage: UsageReading[];
  /** Why it failed; null when it went well. */
  error: GraphApiError | null;
}

/** Circumstances of one call. */
export interface GraphCallOptions {
  /** Ad account the call is about; known already for paths that begin with `act_`. */
  fb_account_id?: string;
  /** What the path names. @default by the path: `account` for `act_…`, otherwise `object` */
  target?: GraphTarget;
  /** Ends the call early. */
  signal?: AbortSignal;
  /** Time for this call, answer included. */
  timeout_ms?: number;
}

/** A client bound to one token. */
export interface GraphClient {
  /** Reads. @throws {GraphApiError} */
  get(path: string, params?: GraphParams, options?: GraphCallOptions): Promise<GraphAnswer>;
  /** Sends the parameters as a form. @throws {GraphApiError} */
  post(path: string, params?: GraphParams, options?: GraphCallOptions): Promise<GraphAnswer>;
  /** Sends a JSON object. @throws {GraphApiError} */
  postJson(path: string, body: Record<string, unknown>, options?: GraphCallOptions): Promise<GraphAnswer>;
  /**
   * Reads up to 50 things in one request, whose body holds all paths and parameters: what must stand in no URL is read
   * so. Each counts as a call. An answer is null where Meta did not come to it, and an error where it refused that one.
   * https://developers.facebook.com/docs/graph-api/batch-requests
   *
   * @throws {GraphApiError} When the batch as a whole was refused.
   */
  batch(reads: readonly GraphRead[]): Promise<GraphAnswer<(DecodedAnswer | null)[]>>;
}

/** One read of a batch. */
export interface GraphRead {
  /** Path without version, e.g. `debug_token`. */
  path: string;
  /** Its parameters. */
  params: GraphParams;
}

/** By what Meta knows a caller. */
export interface GraphCredentials {
  /** Sent in the `Authorization` header and nowhere else. */
  token: string;
  /**
   * Secret of the token's app; never sent. With it every call carries `appsecret_proof`, which apps with "Require App
   * Secret" demand: HMAC-SHA-256 of the token. https://developers.facebook.com/docs/graph-api/guides/secure-requests
   */
  app_secret?: string | undefined;
}

/** What a client is made of. */
export interface GraphClientOptions extends GraphCredentials {
  /** Carries the requests. */
  fetch: typeof fetch;
  /** Version of the Graph API, with its `v`. */
  api_version: string;
  /** Without a trailing slash. */
  graph_url: string;
  /** Tells the time. */
  clock: Clock;
  /** Time for one call, answer included. @default 60_000 */
  timeout_ms?: number;
  /** Told of every call, good or bad, once it is over. */
  on_call?: (call: GraphCall) => void;
}

const PATH = /^[A-Za-z0-9_]+(?:\/[A-Za-z0-9_]+)*$/;
const MAX_WARNING_CHARACTERS = 500;

/** The proof that the caller of an API knows the secret of the token's app, as parameters; none without a secret. */
function proofOf(token: string, app_secret: string | undefined): { appsecret_proof?: string } {
  if (app_secret === undefined) return {};
  return { appsecret_proof: createHmac("sha256", app_secret).update(token).digest("hex") };
}

function encodeParams(params: GraphParams): URLSearchParams {
  const encoded = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null) continue;
    if (name === "access_token") throw new TypeError("a token is never a parameter");
    encoded.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return encoded;
}

/** Whether a text can be a token at all; one that was stored with a line break cannot be sent. */
function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** What one call sends and how its answer is read. */
interface Request<Body> {
  method: GraphCall["method"];
  path: string;
  query?: URLSearchParams;
  body?: { type: string; text: string };
  fields?: string;
  decode: (text: string, facts: AnswerFacts) => DecodedAnswer<Body>;
}

/** Makes a client for one token. */
export function createGraphClient(options: GraphClientOptions): GraphClient {
  const { token, app_secret, api_version, graph_url, clock, timeout_ms = 60_000, on_call } = options;
  if (!isToken(token)) throw new TypeError("the token is empty or holds characters that no token has");
  const proof = proofOf(token, app_secret);

  async function call<Body>(request: Request<Body>, call_options: GraphCallOptions): Promise<GraphAnswer<Body>> {
    const { method, path, query, body } = request;
    const account = /^act_(\d+)/.exec(path)?.[1];
    const fb_account_id = call_options.fb_account_id ?? account ?? null;
    const target = call_options.target ?? (account === undefined ? "object" : "account");
    const started_at = clock.now();
    let http_status: number | null = null;
    let bytes = 0;
    let usage: UsageReading[] = [];
    let failure: GraphApiError | null = null;
    // One timer for head and body: a body that trickles is as lost as one that never comes.
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), call_options.timeout_ms ?? timeout_ms);
    const signals = call_options.signal === undefined ? [timeout.signal] : [timeout.signal, call_options.signal];
    try {
      const search = query === undefined || query.size === 0 ? "" : `?${query}`;
      const response = await options.fetch(`${graph_url}/${api_version}/${path}${search}`, {
        method,
        headers: {
          Authorization: `Bearer ${token}`,
          Accept: "application/json",
          ...(body === undefined ? {} : { "Content-Type": body.type }),
        },
        ...(body === undefined ? {} : { body: body.text }),
        redirect: "manual",
        signal: AbortSignal.any(signals),
      });
      http_status = response.status;
      usage = parseUsageHeaders(response.headers, fb_account_id);
      const text = await readBoundedText(response.body);
      if (text === null) throw failure = transportError("answer_too_large", { http_status, usage });
      bytes = text.length;
      const decoded = request.decode(text, { http_status, usage, fields: request.fields ?? "", target });
      if (decoded.error !== null) throw failure = decoded.error;
      const warning = response.headers.get("x-ad-api-version-warning");
      return {
        body: decoded.body,
        usage,
        bytes,
        ...(warning === null ? {} : { api_version_warning: warning.slice(0, MAX_WARNING_CHARACTERS) }),
      };
    } catch (error) {
      if (failure !== null && error === failure) throw failure;
      const reason = timeout.signal.aborted ? "timeout" : call_options.signal?.aborted ? "aborted" : "connection";
      throw failure = transportError(reason, { http_status, usage });
    } finally {
      clearTimeout(timer);
      const duration_ms = clock.now().getTime() - started_at.getTime();
      on_call?.({ method, path, started_at, duration_ms, http_status, bytes, usage, error: failure });
    }
  }

  function checkPath(path: string): string {
    if (!PATH.test(path)) throw new TypeError("a Graph path consists of letters, digits, underscores and slashes");
    return path;
  }
  const encode = (params: GraphParams) => encodeParams({ ...params, ...proof });
  const form = (params: GraphParams) => ({
    type: "application/x-www-form-urlencoded",
    text: encode(params).toString(),
  });
  const fieldsOf = (params: GraphParams) => typeof params.fields === "string" ? params.fields : "";
  const decode = decodeGraphAnswer;

  return {
    async get(path, params = {}, more = {}) {
      const fields = fieldsOf(params);
      return await call({ method: "GET", path: checkPath(path), query: encode(params), fields, decode }, more);
    },
    async post(path, params = {}, more = {}) {
      const fields = fieldsOf(params);
      return await call({ method: "POST", path: checkPath(path), body: form(params), fields, decode }, more);
    },
    async postJson(path, object, more = {}) {
      const body = { type: "application/json", text: JSON.stringify({ ...object, ...proof }) };
      return await call({ method: "POST", path: checkPath(path), body, decode }, more);
    },
    async batch(reads) {
      const requests = reads.map(({ path, params }) => ({
        method: "GET",
        relative_url: `${checkPath(path)}?${encode(params)}`,
      }));
      const body = form({ batch: requests, include_headers: false });
      return await call({ method: "POST", path: "", body, decode: decodeBatchAnswer }, {});
    },
  };
}
