/**
 * One worker of a function: a Deno process with its own permissions and variables, and the limits of the edge runtime
 * on its whole life. It can be killed at any instant, which a thread inside this process could not.
 *
 * CPU is what the thread of the isolate has used since the function began to load, all requests together: the runtime's
 * own boot and its helper threads (compiler, garbage collector, network) are nobody's. Where the system does not tell
 * (no /proc), there is no limit.
 *
 * @module
 */

import { CpuMeter } from "./cpu_meter.ts";
import type { Child } from "./reaper.ts";

const BOOTED = "\u0001platform-booted";
const LISTENING = "\u0001platform-listening ";

/**
 * How long a worker lives. At half of its wall clock, and at the soft limit of its CPU, it gets no more requests and
 * ends when it has finished what it has; at the whole, and at the hard limit, it is killed. At 90 % of either end it is
 * told by `beforeunload`.
 */
export interface WorkerLimits {
  /** Milliseconds from boot to the end of the worker. */
  wallClockMs: number;
  /** CPU milliseconds after which it gets no more requests. */
  cpuSoftMs: number;
  /** CPU milliseconds at which it is killed. */
  cpuHardMs: number;
}

/** Why a worker ended, when the platform ended it. */
export type WorkerEnd = "wall_clock" | "cpu" | "killed";

/** A booted worker. */
export class FunctionProcess {
  /** The process id. */
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  /** Why the platform ended it; undefined while it lives, or when it ended by itself. */
  endedBy: WorkerEnd | undefined;

  readonly #child: Child;
  readonly #port: Promise<number>;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #retired = false;
  #inFlight = 0;
  #meter: CpuMeter | undefined;

  /** Takes over a child that was just started; its lines go to `log`. */
  constructor(child: Child, limits: WorkerLimits, log: (line: string) => void) {
    this.#child = child;
    this.pid = child.pid;
    let listening: (port: number) => void = () => undefined;
    let failed: (error: Error) => void = () => undefined;
    this.#port = new Promise((resolve, reject) => [listening, failed] = [resolve, reject]);
    this.#port.catch(() => undefined);
    const read = (async () => {
      for await (const line of child.output) {
        if (line === BOOTED) this.#load(limits);
        else if (line.startsWith(LISTENING)) listening(Number(line.slice(LISTENING.length)));
        else log(line);
      }
    })();
    this.ended = Promise.all([child.ended, read]).then(() => {
      this.#retired = true;
      this.#meter?.stop();
      for (const timer of this.#timers) clearTimeout(timer);
      failed(new Error("The function's process ended before it served."));
    });
    this.#timers.push(
      setTimeout(() => this.#retire(), limits.wallClockMs * 0.5),
      setTimeout(() => this.#warn("wall_clock"), limits.wallClockMs * 0.9),
      setTimeout(() => this.kill("wall_clock"), limits.wallClockMs),
    );
  }

  /** The port that the worker serves on; rejects when it ended before. */
  get port(): Promise<number> {
    return this.#port;
  }

  /** No longer given new requests: it is gone, or past a limit. */
  get retired(): boolean {
    return this.#retired;
  }

  /**
   * CPU milliseconds used so far, of an ended worker at the last look; null before the function loads, and where the
   * system does not tell.
   */
  get cpuMs(): number | null {
    return this.#meter?.used() ?? null;
  }

  /**
   * Whether a request may be sent here: asks the port too, because a process that was just killed is not yet known to
   * be.
   */
  async isServing(): Promise<boolean> {
    if (this.#retired) return false;
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port: await this.#port })).close();
      return !this.#retired;
    } catch {
      return false;
    }
  }

  /** Begins a request, unless the worker is retired; it does not end by itself before `endRequest`. */
  beginRequest(): boolean {
    if (this.#retired) return false;
    this.#inFlight++;
    return true;
  }

  /** Ends a request, when the whole of its answer has been passed on. */
  endRequest(): void {
    this.#inFlight--;
    this.#leaveWhenFinished();
  }

  /** Ends the process at once. */
  kill(reason: WorkerEnd): void {
    this.#retired = true;
    this.endedBy ??= reason;
    this.#meter?.used();
    this.#child.kill("SIGKILL");
  }

  /** The runtime has booted and waits: what follows is the function's own. */
  #load({ cpuSoftMs, cpuHardMs }: WorkerLimits): void {
    this.#meter = new CpuMeter(this.pid, [
      [cpuSoftMs, () => this.#retire()],
      [cpuHardMs * 0.9, () => this.#warn("cpu")],
      [cpuHardMs, () => this.kill("cpu")],
    ]);
    this.#child.tell("load");
  }

  #retire(): void {
    this.#retired = true;
    this.#leaveWhenFinished();
  }

  /** Work that the function still awaits in the background keeps it; the worker itself knows of that. */
  #leaveWhenFinished(): void {
    if (!this.#retired || this.#inFlight > 0) return;
    this.#meter?.used();
    this.#child.tell("leave");
  }

  #warn(reason: "wall_clock" | "cpu"): void {
    this.#retired = true;
    this.#child.tell(`beforeunload ${reason}`);
  }
}
