/**
 * One HTTP request as curl makes it for pg_net, with curl's error texts. `node:http` and not `fetch`, which would add
 * headers, lower the case of the answer's, and refuse some ports.
 *
 * @module
 */

import http from "node:http";
import https from "node:https";
import { Buffer } from "node:buffer";

/** A row of `net.http_request_queue`. */
export interface NetRequest {
  /** Its id. */
  id: string;
  /** GET, POST or DELETE in any case. */
  method: string;
  /** Absolute URL. */
  url: string;
  /** Header names and values; null values are left out. */
  headers: Record<string, unknown> | null;
  /** The body's bytes, or null. */
  body: Uint8Array | null;
  /** Milliseconds for the whole exchange; 0 or less means no limit. */
  timeout_milliseconds: number;
}

/** A row of `net._http_response`. */
export interface NetResponse {
  /** The request's id. */
  id: string;
  /** HTTP status, null when there was no answer. */
  status_code: number | null;
  /** The answer's Content-Type. */
  content_type: string | null;
  /** The answer's headers under the names received; of repeated ones the last. */
  headers: Record<string, string> | null;
  /** The body up to its first NUL; null when empty. */
  content: string | null;
  /** Whether the time-out ended it. */
  timed_out: boolean;
  /** curl's message when there was no answer. */
  error_msg: string | null;
}

const MAX_REDIRECTS = 30;

/** Sends a request, follows redirects, and describes how it ended; never rejects. */
export async function sendNetRequest(request: NetRequest, abort: AbortSignal): Promise<NetResponse> {
  const started = performance.now();
  const limit = request.timeout_milliseconds > 0 ? request.timeout_milliseconds : undefined;
  const timeout = limit === undefined ? abort : AbortSignal.any([abort, AbortSignal.timeout(limit)]);
  const failed = (error_msg: string, timed_out = false): NetResponse => ({
    id: request.id,
    status_code: null,
    content_type: null,
    headers: null,
    content: null,
    timed_out,
    error_msg,
  });
  try {
    let { method, url, body } = { ...request, method: request.method.toUpperCase() };
    for (let redirects = 0;; redirects++) {
      const answer = await exchange(method, url, headersOf(request, method), body, timeout);
      const location = answer.message.headers.location;
      const status = answer.message.statusCode ?? 0;
      if (!location || ![301, 302, 303, 307, 308].includes(status)) return describe(request.id, answer);
      if (redirects === MAX_REDIRECTS) return failed("Number of redirects hit maximum amount");
      if (method === "POST" && status <= 303) [method, body] = ["GET", null];
      url = new URL(location, url).href;
    }
  } catch (error) {
    if (timeout.aborted) {
      const total = (performance.now() - started).toFixed(6);
      return failed(
        `Timeout of ${request.timeout_milliseconds} ms reached. Total time: ${total} ms (DNS time: 0.000000 ms, ` +
          `TCP/SSL handshake time: 0.000000 ms, HTTP Request/Response time: ${total} ms)`,
        true,
      );
    }
    return failed(curlMessage(error));
  }
}

interface Answer {
  message: http.IncomingMessage;
  content: Buffer;
}

function exchange(
  method: string,
  url: string,
  headers: Record<string, string>,
  body: Uint8Array | null,
  signal: AbortSignal,
): Promise<Answer> {
  const { protocol } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") return Promise.reject(new UnsupportedProtocol());
  const send = protocol === "https:" ? https.request : http.request;
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = send(url, { method, headers, agent: false, signal }, (message) => {
      const chunks: Uint8Array[] = [];
      message.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      message.on("end", () => resolve({ message, content: Buffer.concat(chunks) }));
      message.on("error", reject);
      message.on("aborted", () => reject(Object.assign(new Error("aborted"), { code: "ECONNRESET" })));
    });
    outgoing.on("error", reject);
    outgoing.end(body ?? undefined);
  });
}

class UnsupportedProtocol extends Error {}

function headersOf(request: NetRequest, method: string): Record<string, string> {
  const headers: Record<string, string> = { Accept: "*/*", "User-Agent": "pg_net/0.20.4" };
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (value === null) continue;
    headers[name] = typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  const sendsBody = method === request.method.toUpperCase() && method !== "GET" && (request.body || method === "POST");
  if (!sendsBody) return headers;
  if (!names.includes("content-type")) headers["Content-Type"] = "application/x-www-form-urlencoded";
  headers["Content-Length"] = String(request.body?.byteLength ?? 0);
  return headers;
}

function describe(id: string, { message, content }: Answer): NetResponse {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < message.rawHeaders.length; index += 2) {
    headers[message.rawHeaders[index] ?? ""] = message.rawHeaders[index + 1] ?? "";
  }
  const end = content.indexOf(0);
  const text = (end < 0 ? content : content.subarray(0, end)).toString("utf8");
  return {
    id,
    status_code: message.statusCode ?? null,
    content_type: message.headers["content-type"] ?? null,
    headers,
    content: text === "" ? null : text,
    timed_out: false,
    error_msg: null,
  };
}

function curlMessage(error: unknown): string {
  if (error instanceof UnsupportedProtocol) return "Unsupported protocol";
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const text = `${code} ${error instanceof Error ? error.message : ""}`;
  if (/ENOTFOUND|EAI_|getaddrinfo|dns/i.test(text)) return "Couldn't resolve host name";
  if (/ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|refused|unreachable/i.test(text)) {
    return "Couldn't connect to server";
  }
  if (/ECONNRESET|EPIPE|socket hang up|hang up|closed|reset|UNEXPECTED|incomplete/i.test(text)) {
    return "Server returned nothing (no headers, no data)";
  }
  if (/Invalid URL/i.test(text)) return "URL using bad/illegal format or missing URL";
  return error instanceof Error ? error.message : String(error);
}
