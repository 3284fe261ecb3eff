/**
 * Why a connection failed, in words: Node says it by a code, sometimes in a cause; Deno's `fetch` says it in its
 * message.
 *
 * @module
 */

const CAUSES: readonly [RegExp, string][] = [
  [/ECONNREFUSED|connection refused/i, "nothing listens there"],
  [/ENOTFOUND|EAI_AGAIN|dns error|failed to lookup/i, "the name is not known (is there a network?)"],
  [/ENETUNREACH|EHOSTUNREACH|unreachable/i, "there is no way to it (is there a network?)"],
  [/ETIMEDOUT|CONNECT_TIMEOUT|TimeoutError|timed out/i, "it did not answer in time"],
  [/ECONNRESET|CONNECTION_(CLOSED|ENDED|DESTROYED)|connection reset|closed before/i, "the connection was cut"],
  [/CERT|certificate|TLS|SSL/i, "its certificate is not trusted"],
];

function* signsOf(error: unknown): Generator<string> {
  if (!(error instanceof Error)) return;
  if ("code" in error) yield String(error.code);
  yield error.name;
  yield error.message;
  yield* signsOf(error.cause);
}

/** Says why a connection failed; null when the error is about something else. Never repeats the address. */
export function networkCause(error: unknown): string | null {
  const signs = [...signsOf(error)];
  return CAUSES.find(([sign]) => signs.some((text) => sign.test(text)))?.[1] ?? null;
}
