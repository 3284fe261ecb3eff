/**
 * The emulator's listener on loopback: `node:http`, and its sockets where a fault must break what HTTP promises.
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { WireRequest } from "./graph_call.ts";

/**
 * How an answer leaves: whole; not at all, the connection reset or closed; half a body, its length promised (`cut`) or
 * in chunks that never end (`cut_chunks`); bytes that are no HTTP (`garbage`); a body that goes on for ever
 * (`endless`).
 */
export type Wire = "send" | "reset" | "close" | "cut" | "cut_chunks" | "garbage" | "endless";

/** An answer as it goes out. */
export interface WireAnswer {
  /** HTTP status. */
  status: number;
  /** Headers. */
  headers: [string, string][];
  /** Body, as text or as bytes. */
  body: string | Uint8Array;
  /** How it leaves. */
  wire: Wire;
}

/** A running listener. */
export interface Listener {
  /** Origin, such as `http://127.0.0.1:54000`. */
  url: string;
  /** Closes the port and all connections. */
  close(): Promise<void>;
}

/** Answers a request off the wire. */
export type Answer = (request: WireRequest) => Promise<WireAnswer>;

const ENDLESS_CHUNK = " ".repeat(65_536);

async function readBody(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request) {
    const bytes: Uint8Array = part;
    parts.push(bytes);
    length += bytes.length;
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

/** Writes a form of several parts as the form of one that says the same; every other body is text as it stands. */
async function bodyAsText(body: Uint8Array<ArrayBuffer>, type: string): Promise<string> {
  if (!type.startsWith("multipart/form-data")) return new TextDecoder().decode(body);
  const form = await new Response(body, { headers: { "content-type": type } }).formData();
  const fields = new URLSearchParams();
  for (const [key, value] of form) if (typeof value === "string") fields.set(key, value);
  return fields.toString();
}

async function readRequest(request: IncomingMessage, origin: string): Promise<WireRequest> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  const body = await bodyAsText(await readBody(request), headers["content-type"] ?? "");
  return { method: request.method ?? "GET", url: new URL(request.url ?? "/", origin).href, headers, body };
}

/** Writes until the client has had enough. */
async function writeForEver(response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  while (!gone.signal.aborted) {
    if (!response.write(ENDLESS_CHUNK)) await once(response, "drain", { signal: gone.signal }).catch(() => undefined);
  }
}

async function sendAnswer(response: ServerResponse, answer: WireAnswer): Promise<void> {
  const { socket } = response;
  const body = typeof answer.body === "string" ? new TextEncoder().encode(answer.body) : answer.body;
  const half = body.subarray(0, Math.floor(body.length / 2));
  const open = (more: Record<string, string>): void => {
    for (const [name, value] of answer.headers) response.setHeader(name, value);
    response.writeHead(answer.status, more);
  };
  switch (answer.wire) {
    case "reset":
      socket?.resetAndDestroy();
      return;
    case "close":
      socket?.destroy();
      return;
    case "garbage":
      socket?.end("\u0016\u0003\u0001 no HTTP at all\r\n\r\n");
      return;
    case "cut":
      open({ "content-length": String(body.length) });
      response.write(half, () => socket?.destroy());
      return;
    case "cut_chunks":
      open({});
      response.write(half, () => socket?.destroy());
      return;
    case "endless":
      open({});
      response.write('{"data":[');
      await writeForEver(response);
      return;
    case "send":
      open({ "content-length": String(body.length) });
      response.end(body);
  }
}

/** Listens on 127.0.0.1; port 0 takes a free one. */
export async function listen(port: number, answer: Answer): Promise<Listener> {
  let origin = "";
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    const serve = async (): Promise<void> => sendAnswer(response, await answer(await readRequest(request, origin)));
    serve().catch((error: unknown) => {
      // A client that went away in the middle of its own request is no fault of the emulator's.
      if (!request.destroyed || request.complete) console.error("graph emulator:", error);
      response.socket?.destroy();
    });
  });
  // A connection that the server may close while a request is under way would be a fault that nobody scripted.
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.on("clientError", (_error, socket) => socket.destroy());
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : port}`;
  const close = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { url: origin, close };
}
