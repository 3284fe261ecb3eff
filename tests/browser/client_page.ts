/**
 * A page that does nothing but load the browser client, and a server beside it that takes its requests as told.
 *
 * @module
 */

import { bundleBrowserClient } from "../../scripts/cli/browser/bundle.ts";
import { withFreePort } from "../../scripts/supabase-local/ports.ts";

/** An event as the client sent it. */
export interface SentEvent {
  event_name: string;
  event_id: string;
  event_time: number;
  event_source_url: string;
  referrer_url?: string;
  user_data: Record<string, unknown>;
  custom_data: Record<string, unknown>;
  consent: string;
}

/** A request of the client. */
export interface SentRequest {
  headers: Headers;
  body: { events?: SentEvent[]; consent?: { state: string; browser_id: string } };
  /** Bytes of the body. */
  bytes: number;
}

/** The page's server. */
export interface ClientPage extends AsyncDisposable {
  port: number;
  /** What came in, in order. */
  requests: SentRequest[];
  /** What the next requests are answered with. Default 202. */
  status: number;
  /** Resolves when so many requests have come. */
  received(count: number): Promise<SentRequest[]>;
}

const PAGE = `<!DOCTYPE html><html lang="en"><title>A page</title><link rel="icon" href="data:,">
<script type="module">import * as client from "/meta-ads.js"; Object.assign(globalThis, client); globalThis.ready = true;</script>`;

/** Serves it. */
export async function serveClientPage(): Promise<ClientPage> {
  const { script } = bundleBrowserClient();
  const requests: SentRequest[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const state = { status: 202 };
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === "/meta-ads.js") return new Response(script, { headers: { "content-type": "text/javascript" } });
    if (pathname !== "/functions/v1/capi-event") {
      return new Response(PAGE, { headers: { "content-type": "text/html; charset=utf-8" } });
    }
    const text = await request.text();
    requests.push({
      headers: request.headers,
      body: decodeBody(JSON.parse(text)),
      bytes: new TextEncoder().encode(text).length,
    });
    for (const { count, resolve } of waiting) if (requests.length >= count) resolve();
    return Response.json({ events: [] }, { status: state.status });
  };
  const { server, port } = await withFreePort((port) =>
    Promise.resolve({ server: Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, answer), port })
  );
  return {
    port,
    requests,
    get status() {
      return state.status;
    },
    set status(status) {
      state.status = status;
    },
    received: (count) =>
      requests.length >= count
        ? Promise.resolve(requests)
        : new Promise((resolve) => waiting.push({ count, resolve: () => resolve(requests) })),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function decodeBody(body: unknown): SentRequest["body"] {
  return body as SentRequest["body"];
}
