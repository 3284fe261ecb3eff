/**
 * CPU time of a process's first thread, which is the one that runs a function, and thresholds of it. It is looked at
 * when it can have reached the next threshold at the earliest: a thread uses no more CPU than time passes.
 *
 * @module
 */

const SHORTEST_LOOK_MS = 20;

/** A threshold in milliseconds, and what to do when it is reached. */
export type CpuThreshold = [atMs: number, reached: () => void];

/** Counts from now on. */
export class CpuMeter {
  readonly #pid: number;
  readonly #startMs: number | null;
  readonly #ahead: CpuThreshold[];
  #usedMs: number | null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts at 0. Thresholds are called once each, in their order. */
  constructor(pid: number, thresholds: CpuThreshold[]) {
    this.#pid = pid;
    this.#startMs = threadCpuMilliseconds(pid);
    this.#usedMs = this.#startMs === null ? null : 0;
    this.#ahead = thresholds.filter(([atMs]) => Number.isFinite(atMs)).toSorted(([one], [other]) => one - other);
    if (this.#startMs !== null) this.#arm(0);
  }

  /** Milliseconds used; of a process that is gone, at the last look at it. Null where the system does not tell. */
  used(): number | null {
    const now = threadCpuMilliseconds(this.#pid);
    if (now !== null && this.#startMs !== null) this.#usedMs = now - this.#startMs;
    return this.#usedMs;
  }

  /** Looks no more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#ahead.length = 0;
  }

  #arm(used: number): void {
    const [next] = this.#ahead;
    if (next !== undefined) this.#timer = setTimeout(() => this.#look(), Math.max(next[0] - used, SHORTEST_LOOK_MS));
  }

  #look(): void {
    const used = this.used();
    if (used === null) return;
    while (this.#ahead[0] !== undefined && this.#ahead[0][0] <= used) this.#ahead.shift()?.[1]();
    this.#arm(used);
  }
}

/** CPU time that the first thread of a process has used; null where the system does not tell. */
function threadCpuMilliseconds(pid: number): number | null {
  const nanoseconds = Number(readProcessFile(`${pid}/task/${pid}/schedstat`)?.split(" ")[0] ?? NaN);
  return Number.isFinite(nanoseconds) ? nanoseconds / 1e6 : null;
}

/** Deno lets nobody read /proc who does not have every permission; who may start programs can ask one. */
function readProcessFile(name: string): string | null {
  const path = `/proc/${name}`;
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) return null;
    const { success, stdout } = new Deno.Command("cat", { args: [path], stderr: "null" }).outputSync();
    return success ? new TextDecoder().decode(stdout) : null;
  }
}
