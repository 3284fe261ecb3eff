/**
 * One request as Graph understands it: version, path, parameters from query, form or JSON body; token and proof are
 * kept apart so that they can get neither into the ledger nor into a parameter check.
 * @module
 */

import { isRecord, type JsonRecord, type JsonValue, parseJson } from "./json_value.ts";

/** A request off the wire, or out of a batch. */
export interface WireRequest {
  /** HTTP method. */
  method: string;
  /** Absolute URL. */
  url: string;
  /** Headers by lower-case name. */
  headers: Record<string, string>;
  /** Body as text. */
  body: string;
}

/** A request taken apart. */
export interface GraphCall {
  /** HTTP method. */
  method: string;
  /** Scheme, host and port, for the links of pages. */
  origin: string;
  /** Path as sent. */
  path: string;
  /** `v27.0`, or empty. */
  version: string;
  /** Path after the version. */
  segments: string[];
  /** Parameters without token and proof. */
  params: JsonRecord;
  /** Headers by lower-case name, without `authorization`. */
  headers: Record<string, string>;
  /** The token's text, or `null`. */
  secret: string | null;
  /** `appsecret_proof`, or `null`. */
  proof: string | null;
  /** True when the token came in query or body. */
  secretInUrl: boolean;
  /** True for a sub-request of a batch. */
  batched: boolean;
}

/** An answer before it goes on the wire. */
export interface GraphAnswer {
  /** HTTP status. */
  status: number;
  /** JSON body. */
  body: JsonValue;
  /** Text that is sent as it is, in place of the JSON body. */
  text?: string;
  /** Headers beside those of every answer. */
  headers?: [string, string][];
  /** Rows in it. */
  rows?: number;
}

function takeBody(request: WireRequest, params: JsonRecord): void {
  if (request.body === "") return;
  const type = request.headers["content-type"] ?? "";
  if (type.includes("application/json") || /^\s*[{[]/.test(request.body)) {
    const value = parseJson(request.body);
    if (isRecord(value)) Object.assign(params, value);
    return;
  }
  for (const [key, value] of new URLSearchParams(request.body)) params[key] = value;
}

/** Takes a request apart. */
export function readCall(request: WireRequest, batched = false): GraphCall {
  const url = new URL(request.url);
  const params: JsonRecord = {};
  for (const [key, value] of url.searchParams) params[key] = value;
  takeBody(request, params);
  const { authorization, ...headers } = request.headers;
  const bearer = /^(?:Bearer|OAuth)\s+(.+)$/i.exec(authorization ?? "")?.[1] ?? null;
  const { access_token: inParams, appsecret_proof: proof } = params;
  delete params["access_token"];
  delete params["appsecret_proof"];
  const segments = url.pathname.split("/").filter((segment) => segment !== "").map(decodeURIComponent);
  const version = /^v\d+\.\d+$/.test(segments[0] ?? "") ? segments.shift() ?? "" : "";
  return {
    method: request.method.toUpperCase(),
    origin: url.origin,
    path: url.pathname,
    version,
    segments,
    params,
    headers,
    secret: typeof inParams === "string" ? inParams : bearer,
    proof: typeof proof === "string" ? proof : null,
    secretInUrl: typeof inParams === "string",
    batched,
  };
}

/** Reads a parameter that is JSON, whether it came as text in a query or already parsed in a JSON body. */
export function jsonParam(params: JsonRecord, key: string): JsonValue | undefined {
  const value = params[key];
  if (typeof value !== "string") return value;
  return parseJson(value) ?? value;
}
