/**
 * Coalesces dispatches: in one isolate at most one runs, and what comes in meanwhile is sent by one more after it. So a
 * burst of two hundred requests becomes a few calls to Meta instead of two hundred.
 *
 * @module
 */

/** Runs a piece of work, never twice at once. */
export interface Coalescer<Result> {
  /**
   * Runs `work` soon, or has it run again when it is running; resolves with the result of a run that began after the
   * call. When several calls wait for the same run, the last one's `work` is run.
   */
  run(work: () => Promise<Result>): Promise<Result>;
}

/**
 * Makes a coalescer.
 *
 * @param gather Resolves when a run may begin; what comes in until then belongs to it.
 */
export function createCoalescer<Result>(gather: () => Promise<void>): Coalescer<Result> {
  let running: Promise<unknown> = Promise.resolve();
  let next: { work: () => Promise<Result>; result: Promise<Result> } | null = null;

  function begin(): Promise<Result> {
    const result = running.then(gather).then(() => {
      const taken = next;
      next = null;
      if (taken === null) throw new Error("a run without work");
      return taken.work();
    });
    // The next run begins whatever becomes of this one.
    running = result.then(() => undefined, () => undefined);
    return result;
  }

  return {
    run(work) {
      if (next !== null) {
        next.work = work;
        return next.result;
      }
      const planned: { work: () => Promise<Result>; result: Promise<Result> } = { work, result: Promise.reject() };
      planned.result.catch(() => undefined);
      next = planned;
      planned.result = begin();
      return planned.result;
    },
  };
}
