/**
 * The emulator's listener on loopback. It stands on `node:http`, because a fault must be able to close the socket
 * before a byte or in the middle of a body, which `Deno.serve` does not let a handler do.
 * @module
 */

import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { WireRequest } from "./graph_call.ts";

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

async function readRequest(message: IncomingMessage, origin: string): Promise<WireRequest> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message) chunks.push(chunk);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return {
    method: message.method ?? "GET",
    url: new URL(message.url ?? "/", origin).href,
    headers,
    body: await bodyAsText(Buffer.concat(chunks), headers["content-type"] ?? ""),
  };
}

async function bodyAsText(body: Buffer, type: string): Promise<string> {
  if (!type.startsWith("multipart/form-data")) return body.toString("utf8");
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
  const fields = new URLSearchParams();
  for (const [key, value] of form) if (typeof value === "string") fields.set(key, value);
  return fields.toString();
}

function sendAnswer(response: ServerResponse, answer: WireAnswer): void {
  const bytes = Buffer.from(answer.body, "utf8");
  // A socket that is closed under an answer is an error to the response too, and just what was asked for.
  response.on("error", () => {});
  if (answer.wire === "reset") response.socket?.destroy();
  const promised = answer.wire === "send" ? bytes.length : bytes.length + 1;
  response.writeHead(answer.status, [...answer.headers, ["content-length", String(promised)]].flat());
  if (answer.wire === "send") response.end(bytes);
  else breakOff(response, bytes);
}

/** Sends half of the body, if the socket still takes it, and closes. Deno 2.1 closes by the response alone. */
function breakOff(response: ServerResponse, bytes: Buffer): void {
  response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => {
    response.socket?.destroy();
    response.destroy();
  });
}

/** Listens on 127.0.0.1; port 0 takes a free one. */
export async function listen(
  port: number,
  answer: (request: WireRequest) => Promise<WireAnswer>,
): Promise<Listener> {
  let origin = "";
  const server = createServer((message, response) => {
    readRequest(message, origin).then(answer).then(
      (ready) => sendAnswer(response, ready),
      (error: unknown) => {
        console.error("graph emulator:", error);
        sendAnswer(response, { status: 500, headers: [], body: "emulator fault", wire: "send" });
      },
    );
  });
  server.keepAliveTimeout = 60_000;
  const bound = await new Promise<number>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
  origin = `http://127.0.0.1:${bound}`;
  return {
    url: origin,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
