/**
 * Reads an answer's text up to a bound. A worker has 256 MB, and several answers are under way at once, so no peer may
 * decide how much of it one of them takes; `content-length` is not asked, because a compressed body is longer than it
 * says.
 *
 * @module
 */

/**
 * The largest answer that is read, in bytes after decompression: 8 MiB, some 5,000 rows of insights with all their
 * actions. What is larger counts as Meta's fault, and a page is asked for again in halves.
 */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** Returns the text of a body, or null when it is larger than `max_bytes`; the rest is then never received. */
export async function readBoundedText(
  body: ReadableStream<Uint8Array> | null,
  max_bytes: number = MAX_ANSWER_BYTES,
): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > max_bytes) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
