/**
 * An answer's size has a bound, whatever its headers say of it.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { GraphApiError } from "../../shared/errors.ts";
import { MAX_ANSWER_BYTES, readBoundedText } from "../../shared/meta/bounded_text.ts";
import { serveGraph } from "./graph_server.ts";

/** A body that goes on for ever, and how much of it was taken. */
function endless(chunk: Uint8Array): { body: ReadableStream<Uint8Array>; taken: () => number; ended: Promise<void> } {
  let taken = 0;
  const ended = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      taken += chunk.byteLength;
      controller.enqueue(chunk);
    },
    cancel: () => ended.resolve(),
  });
  return { body, taken: () => taken, ended: ended.promise };
}

Deno.test("readBoundedText() takes a body of the bound, and nothing of one byte more", async () => {
  const text = "é".repeat(500);
  const stream = (length: number) => new Response(new TextEncoder().encode(text).subarray(0, length)).body;
  assertEquals(await readBoundedText(stream(1_000), 1_000), text);
  assertEquals(await readBoundedText(stream(1_000), 999), null);
  assertEquals(await readBoundedText(null, 10), "");
});

Deno.test("readBoundedText() joins characters that chunks cut in two", async () => {
  const bytes = new TextEncoder().encode("「春」");
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  assertEquals(await readBoundedText(body), "「春」");
});

Deno.test("an endless answer is Meta's fault, asks for a smaller page, and is not received to its end", async () => {
  const source = endless(new Uint8Array(65_536).fill(32));
  await using server = serveGraph(() => new Response(source.body));
  const error = await assertRejects(() => server.client.get("act_1001/ads"), GraphApiError);
  await source.ended;
  assertEquals([error.reason, error.action, error.code, error.status, error.retryable], [
    "answer_too_large",
    "shrink",
    "meta_unavailable",
    503,
    true,
  ]);
  assert(source.taken() < 2 * MAX_ANSWER_BYTES, `${source.taken()} bytes were sent`);
});

Deno.test("a compressed answer counts by what it unfolds to", async () => {
  const small = new Blob([new Uint8Array(MAX_ANSWER_BYTES + 1).fill(32)]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const body = new Uint8Array(await new Response(small).arrayBuffer());
  assert(body.length < 20_000);
  await using server = serveGraph(() => new Response(body, { headers: { "content-encoding": "gzip" } }));
  const error = await assertRejects(() => server.client.get("act_1001/ads"), GraphApiError);
  assertEquals(error.reason, "answer_too_large");
});
