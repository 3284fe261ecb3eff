/**
 * A server on loopback that answers as a test tells it and remembers what it was asked; and a client for it.
 *
 * @module
 */

import { DEFAULT_API_VERSION } from "../../shared/edge/config.ts";
import { createGraphClient, type GraphCall, type GraphClient } from "../../shared/meta/graph_client.ts";

/** A request as it arrived. */
export interface SeenRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  authorization: string | null;
  content_type: string | null;
  body: string;
}

/** What a test holds in its hands. */
export interface GraphServer extends AsyncDisposable {
  url: string;
  seen: SeenRequest[];
  calls: GraphCall[];
  client: GraphClient;
}

/** The version that the client asks for. */
export const API_VERSION = DEFAULT_API_VERSION;

/** The token of all tests. */
export const TOKEN = "EAAtesttoken0123456789";

/** Starts a server; `answer` gets the number of the request, from 0. */
export function serveGraph(
  answer: (index: number, request: SeenRequest) => Response | Promise<Response>,
  options: { timeout_ms?: number; app_secret?: string } = {},
): GraphServer {
  const seen: SeenRequest[] = [];
  const calls: GraphCall[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => undefined }, async (request) => {
    const url = new URL(request.url);
    const entry = {
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      authorization: request.headers.get("authorization"),
      content_type: request.headers.get("content-type"),
      body: await request.text(),
    };
    return await answer(seen.push(entry) - 1, entry);
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const client = createGraphClient({
    fetch,
    token: TOKEN,
    api_version: API_VERSION,
    graph_url: url,
    clock: { now: () => new Date() },
    on_call: (call) => calls.push(call),
    ...options,
  });
  return { url, seen, calls, client, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** A list's answer as Meta writes it. */
export function listAnswer(data: unknown[], after: string | null = null): Response {
  const next = `https://graph.facebook.com/${API_VERSION}/act_1001/ads?access_token=${TOKEN}&limit=2&after=${after}`;
  const cursors = { before: "QVFIbefore", after: after ?? "QVFIlast" };
  return Response.json({ data, paging: after === null ? { cursors } : { cursors, next } });
}
