/**
 * One worker of a function: a Deno process with its own permissions and variables, a wall clock, and, where the system
 * tells, a CPU limit. It can be killed at any instant, which a thread inside this process could not.
 *
 * @module
 */

import type { Child } from "./reaper.ts";

const LISTENING = "\u0001platform-listening ";
const CLOCK_TICK_MS = 10;
const CPU_LOOK_MS = 50;

/** How long a worker lives. */
export interface WorkerLimits {
  /** Milliseconds from boot to the end of the worker. */
  wallClockMs: number;
  /** CPU milliseconds of one request; absent means no limit. Needs /proc. */
  cpuMs?: number | undefined;
}

/** Why a worker ended, when the platform ended it. */
export type WorkerEnd = "wall_clock" | "cpu" | "killed";

/** A booted worker. */
export class FunctionProcess {
  /** The process id. */
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  /** Why the platform ended it; undefined while it lives, or when it died by itself. */
  endedBy: WorkerEnd | undefined;
  /** No longer given new requests: it is gone, or past 90 % of a limit. */
  retired = false;

  readonly #child: Child;
  readonly #port: Promise<number>;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  readonly #limits: WorkerLimits;
  #cpuAtRequest = 0;
  #warnedOfCpu = false;

  /** Takes over a child that was just started; its lines go to `log`. */
  constructor(child: Child, limits: WorkerLimits, log: (line: string) => void) {
    this.#child = child;
    this.#limits = limits;
    this.pid = child.pid;
    let listening: (port: number) => void = () => undefined;
    let failed: (error: Error) => void = () => undefined;
    this.#port = new Promise((resolve, reject) => [listening, failed] = [resolve, reject]);
    this.#port.catch(() => undefined);
    const read = (async () => {
      for await (const line of child.output) {
        if (line.startsWith(LISTENING)) listening(Number(line.slice(LISTENING.length)));
        else log(line);
      }
    })();
    this.ended = Promise.all([child.ended, read]).then(() => {
      this.retired = true;
      this.#clearTimers();
      failed(new Error("The function's process ended before it served."));
    });
    this.#timers.push(
      setTimeout(() => this.#warn("wall_clock"), limits.wallClockMs * 0.9),
      setTimeout(() => this.kill("wall_clock"), limits.wallClockMs),
    );
    if (limits.cpuMs !== undefined) {
      this.#timers.push(setInterval(() => this.#lookAtCpu(limits.cpuMs ?? 0), CPU_LOOK_MS));
    }
  }

  /** The port that the worker serves on; rejects when it ended before. */
  get port(): Promise<number> {
    return this.#port;
  }

  /** Whether a request may be sent here: asks the port too, because a process that was just killed is not yet known to be. */
  async isServing(): Promise<boolean> {
    if (this.retired) return false;
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port: await this.#port })).close();
      return !this.retired;
    } catch {
      return false;
    }
  }

  /** Starts the CPU account of a request. */
  beginRequest(): void {
    if (this.#limits.cpuMs === undefined) return;
    this.#cpuAtRequest = cpuMilliseconds(this.pid);
    this.#warnedOfCpu = false;
  }

  /** Ends the process at once. */
  kill(reason: WorkerEnd): void {
    this.retired = true;
    this.endedBy ??= reason;
    this.#child.kill("SIGKILL");
  }

  #warn(reason: "wall_clock" | "cpu"): void {
    this.retired = true;
    this.#child.tell(`beforeunload ${reason}`);
  }

  #lookAtCpu(limit: number): void {
    const used = cpuMilliseconds(this.pid) - this.#cpuAtRequest;
    if (used >= limit) this.kill("cpu");
    else if (used >= limit * 0.9 && !this.#warnedOfCpu) {
      this.#warnedOfCpu = true;
      this.#warn("cpu");
    }
  }

  #clearTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

/** CPU time that a process has used, all threads together; 0 where the system does not tell. */
export function cpuMilliseconds(pid: number): number {
  try {
    const fields = readProcessStatus(pid).replace(/^.*\) /, "").split(" ");
    return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * CLOCK_TICK_MS;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return 0;
    if (error instanceof Error && /no such process/i.test(error.message)) return 0;
    throw error;
  }
}

/** Deno lets nobody read /proc who does not have every permission; who may start programs can ask one. */
function readProcessStatus(pid: number): string {
  const path = `/proc/${pid}/stat`;
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    return new TextDecoder().decode(new Deno.Command("cat", { args: [path], stderr: "null" }).outputSync().stdout);
  }
}
