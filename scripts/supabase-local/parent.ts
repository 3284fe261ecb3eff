/**
 * The life of a command of this project: it ends in order at a signal, and also when the process that started it is
 * gone, which no signal tells.
 *
 * @module
 */

const PARENT_LOOK_MS = 300;

/** Resolves when this process is asked to end, or when its parent has ended. */
export function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    const signals: Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) Deno.addSignalListener(signal, () => resolve());
    const parent = Deno.ppid;
    Deno.unrefTimer(setInterval(() => Deno.ppid === parent || resolve(), PARENT_LOOK_MS));
  });
}
