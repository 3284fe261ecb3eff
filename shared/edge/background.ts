/**
 * Work that outlives the answer. On the platform `EdgeRuntime.waitUntil` keeps the worker alive for it; a detached
 * promise could be dropped. Elsewhere (tests, `deno serve`) the promise is kept here, and `settleBackground` awaits it.
 *
 * @module
 */

const pending = new Set<Promise<void>>();

/** Reads `EdgeRuntime.waitUntil` at the moment of use: the platform defines it, and tests may. */
function platformWaitUntil(): ((work: Promise<unknown>) => void) | null {
  const runtime: unknown = Reflect.get(globalThis, "EdgeRuntime");
  if (typeof runtime !== "object" || runtime === null) return null;
  const waitUntil: unknown = Reflect.get(runtime, "waitUntil");
  return typeof waitUntil === "function" ? (work) => void waitUntil.call(runtime, work) : null;
}

/**
 * Lets `work` go on after the answer has been sent. Its failure is handed to `onError`, because a rejection that
 * nobody handles ends the whole worker.
 */
export function waitUntil(work: () => Promise<unknown>, onError: (error: unknown) => void): void {
  // Started in a later turn, so that the answer is on its way before the work takes the thread.
  const settled = new Promise<void>((resolve) => setTimeout(resolve, 0))
    .then(work)
    .then(() => undefined, onError);
  const keep = platformWaitUntil();
  if (keep !== null) keep(settled);
  pending.add(settled);
  settled.finally(() => pending.delete(settled));
}

/** Resolves when no background work is left; for tests and for an orderly end. */
export async function settleBackground(): Promise<void> {
  while (pending.size > 0) await Promise.all(pending);
}
