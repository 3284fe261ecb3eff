/**
 * The emulator's listener on loopback. It speaks HTTP/1.1 on bare TCP, because a fault must be able to close the
 * connection before a byte or in the middle of a body, which neither `Deno.serve` nor Deno 2.1's `node:http` lets a
 * handler do.
 * @module
 */

import type { WireRequest } from "./graph_call.ts";
import { HttpReader, type RawRequest } from "./http_reader.ts";

/** An answer as it goes out. */
export interface WireAnswer {
  /** HTTP status. */
  status: number;
  /** Headers. */
  headers: [string, string][];
  /** Body. */
  body: string;
  /** `reset` closes before a byte, `cut` in the middle of the body. */
  wire: "send" | "reset" | "cut";
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

const REASONS: Record<number, string> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
};
const encoder = new TextEncoder();

async function asWireRequest(raw: RawRequest, origin: string): Promise<WireRequest> {
  const { method, headers } = raw;
  return { method, url: new URL(raw.target, origin).href, headers, body: await bodyAsText(raw) };
}

async function bodyAsText({ body, headers }: RawRequest): Promise<string> {
  const type = headers["content-type"] ?? "";
  if (!type.startsWith("multipart/form-data")) return new TextDecoder().decode(body);
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
  const fields = new URLSearchParams();
  for (const [key, value] of form) if (typeof value === "string") fields.set(key, value);
  return fields.toString();
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += await connection.write(bytes.subarray(at));
}

/** Sends an answer; returns whether the connection goes on. */
async function sendAnswer(connection: Deno.Conn, answer: WireAnswer): Promise<boolean> {
  if (answer.wire === "reset") return false;
  const body = encoder.encode(answer.body);
  const lines = [
    `HTTP/1.1 ${answer.status} ${REASONS[answer.status] ?? "Status"}`,
    ...answer.headers.map(([name, value]) => `${name}: ${value}`),
    `date: ${new Date().toUTCString()}`,
    `content-length: ${body.length}`,
  ];
  const head = encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
  const sent = answer.wire === "cut" ? body.subarray(0, Math.floor(body.length / 2)) : body;
  const bytes = new Uint8Array(head.length + sent.length);
  bytes.set(head);
  bytes.set(sent, head.length);
  await writeAll(connection, bytes);
  return answer.wire === "send";
}

/** Answers request after request, until the peer closes or a fault does. */
async function serveConnection(connection: Deno.Conn, origin: string, answer: Answer): Promise<void> {
  const reader = new HttpReader(connection);
  for (;;) {
    const raw = await reader.next();
    if (raw === null) return;
    const goesOn = await sendAnswer(connection, await answer(await asWireRequest(raw, origin)));
    if (!goesOn || raw.headers["connection"]?.toLowerCase() === "close") return;
  }
}

/** A peer that went away, or our own close under a request: the ordinary ends of a connection. */
function isDisconnect(error: unknown): boolean {
  return [
    Deno.errors.ConnectionReset,
    Deno.errors.BrokenPipe,
    Deno.errors.BadResource,
    Deno.errors.Interrupted,
    Deno.errors.NotConnected,
  ].some((kind) => error instanceof kind);
}

/** Listens on 127.0.0.1; port 0 takes a free one. */
export function listen(port: number, answer: Answer): Listener {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const bound = listener.addr.transport === "tcp" ? listener.addr.port : port;
  const origin = `http://127.0.0.1:${bound}`;
  const open = new Set<Deno.Conn>();
  const running = new Set<Promise<void>>();
  const serve = async (connection: Deno.TcpConn): Promise<void> => {
    open.add(connection);
    connection.setNoDelay(true);
    try {
      await serveConnection(connection, origin, answer);
    } catch (error) {
      if (!isDisconnect(error)) console.error("graph emulator:", error);
    } finally {
      if (open.delete(connection)) connection.close();
    }
  };
  const accepting = (async () => {
    for await (const connection of listener) {
      const served: Promise<void> = serve(connection).finally(() => running.delete(served));
      running.add(served);
    }
  })();
  const close = async (): Promise<void> => {
    listener.close();
    for (const connection of open) connection.close();
    open.clear();
    await accepting;
    await Promise.all(running);
  };
  return { url: origin, close };
}
