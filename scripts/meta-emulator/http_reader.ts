/**
 * Reads HTTP/1.1 requests off a connection: head, then a body by `content-length` or in chunks.
 * @module
 */

/** A request as it came. */
export interface RawRequest {
  /** HTTP method. */
  method: string;
  /** Path and query. */
  target: string;
  /** Headers by lower-case name. */
  headers: Record<string, string>;
  /** Body. */
  body: Uint8Array;
}

const BLANK_LINE = new Uint8Array([13, 10, 13, 10]);
const LINE_END = new Uint8Array([13, 10]);
const latin = new TextDecoder("latin1");

/** Reads one connection, request after request. */
export class HttpReader {
  readonly #connection: Deno.Conn;
  #buffer: Uint8Array = new Uint8Array(0);

  /** Reads from `connection`. */
  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Returns the next request, or `null` when the peer has closed. */
  async next(): Promise<RawRequest | null> {
    const head = await this.#until(BLANK_LINE);
    if (head === null) return null;
    const [first = "", ...lines] = latin.decode(head).split("\r\n");
    const [method = "GET", target = "/"] = first.split(" ");
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
    }
    if (headers["expect"] === "100-continue") {
      await this.#connection.write(new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    const chunked = headers["transfer-encoding"]?.toLowerCase().includes("chunked") ?? false;
    const body = chunked ? await this.#chunks() : await this.#exactly(Number(headers["content-length"] ?? 0));
    return body === null ? null : { method, target, headers, body };
  }

  async #chunks(): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = [];
    for (;;) {
      const line = await this.#until(LINE_END);
      const size = line === null ? NaN : parseInt(latin.decode(line), 16);
      const part = Number.isNaN(size) ? null : await this.#exactly(size);
      if (part === null || await this.#until(LINE_END) === null) return null;
      if (size === 0) return join(parts);
      parts.push(part);
    }
  }

  async #until(mark: Uint8Array): Promise<Uint8Array | null> {
    let from = 0;
    for (;;) {
      const at = find(this.#buffer, mark, from);
      if (at >= 0) {
        const found = this.#buffer.slice(0, at);
        this.#buffer = this.#buffer.slice(at + mark.length);
        return found;
      }
      from = Math.max(0, this.#buffer.length - mark.length);
      if (!await this.#more()) return null;
    }
  }

  async #exactly(size: number): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = [this.#buffer];
    let length = this.#buffer.length;
    while (length < size) {
      this.#buffer = new Uint8Array(0);
      if (!await this.#more()) return null;
      parts.push(this.#buffer);
      length += this.#buffer.length;
    }
    const all = join(parts);
    this.#buffer = all.slice(size);
    return all.slice(0, size);
  }

  async #more(): Promise<boolean> {
    const chunk = new Uint8Array(65_536);
    const count = await this.#connection.read(chunk);
    if (count === null) return false;
    const read = chunk.subarray(0, count);
    this.#buffer = this.#buffer.length === 0 ? read.slice() : join([this.#buffer, read]);
    return true;
  }
}

function join(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function find(bytes: Uint8Array, mark: Uint8Array, from: number): number {
  const [first = 0] = mark;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + mark.length > bytes.length) return -1;
    if (mark.every((byte, offset) => bytes[at + offset] === byte)) return at;
  }
  return -1;
}
