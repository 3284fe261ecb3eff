/**
 * Nothing outlives the platform. A small shell process reads from a pipe which processes and directories belong to the
 * platform; when the pipe ends, because the platform stopped, crashed or was killed with SIGKILL, it ends them all.
 *
 * A child starts only after the reaper knows it: it waits for a line on its own standard input, and leaves when there
 * is none. So there is no instant at which a killed parent can leave one behind. Reaper and children are in sessions of
 * their own: Ctrl-C in a terminal and the killing of a whole process group end the platform, and not what has to clear
 * up.
 *
 * @module
 */

import { movedClock } from "./moved_clock.ts";

const REAPER_SCRIPT = `
trap '' INT TERM HUP
survivors=$(awk '
  { argument = substr($0, length($1) + 2) }
  $1 == "gone" { delete kind[argument]; next }
  { kind[argument] = $1 }
  END { for (argument in kind) print kind[argument], argument }
')
gentle= hard= directories=
while IFS=' ' read -r verb argument; do
  case $verb in
    gentle) gentle="$gentle $argument" ;;
    hard) hard="$hard $argument" ;;
    directory) directories="$directories
$argument" ;;
  esac
done <<END
$survivors
END
for pid in $hard; do kill -KILL "$pid" 2>/dev/null; done
for pid in $gentle; do kill -QUIT "$pid" 2>/dev/null; done
for pid in $hard $gentle; do
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ $tries -lt 500 ]; do sleep 0.02; tries=$((tries + 1)); done
  kill -KILL "$pid" 2>/dev/null
done
IFS='
'
for directory in $directories; do rm -rf "$directory"; done
exit 0
`;

/** Deno ends its own children when a test file fails badly; the reaper is therefore nobody's child. */
const LAUNCH = 'exec 3<&0; /bin/sh -c "$1" platform-reaper <&3 3<&- &';

/** What to start. */
export interface SpawnOptions {
  /** The program and its arguments. */
  command: [string, ...string[]];
  /** The whole environment: nothing is inherited but the clock of PLATFORM_CLOCK. */
  env: Record<string, string>;
  /** Directory to start in. */
  cwd: string;
  /** User to run as, when it is not the present one. */
  user?: { uid: number; gid: number } | undefined;
  /** SIGQUIT first (a server that has shared memory to give back), instead of SIGKILL. */
  gentle?: boolean;
}

/** A child that the reaper knows. */
export interface Child {
  /** The process id. */
  pid: number;
  /** Lines that the child printed, standard output and standard error alike; ends when both are closed. */
  output: ReadableStream<string>;
  /** Resolves when the child has ended. */
  ended: Promise<Deno.CommandStatus>;
  /** Writes a line to the child's standard input; a child that is gone does not matter. */
  tell(line: string): Promise<void>;
  /** Sends a signal; a child that is gone does not matter. */
  kill(signal: Deno.Signal): void;
}

/** Owns every process and directory of one platform. */
export class Reaper {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** Its standard output, which ends when it does. */
  readonly #ended: Promise<string>;
  #last: Promise<unknown> = Promise.resolve();

  /** Starts the reaper; call it before anything else is started. */
  constructor() {
    this.#process = new Deno.Command("/bin/sh", {
      args: ["-c", LAUNCH, "platform-reaper", REAPER_SCRIPT],
      cwd: "/",
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      clearEnv: true,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    }).spawn();
    this.#ended = this.#process.stdout.text();
    this.#writer = this.#process.stdin.getWriter();
  }

  /** Has a directory removed at the end, with everything in it. */
  own(directory: string): Promise<void> {
    return this.#tell(`directory ${directory}`);
  }

  /** Starts a child that cannot outlive the platform. */
  async spawn(options: SpawnOptions): Promise<Child> {
    const process = new Deno.Command("/bin/sh", {
      args: ["-c", 'read -r go || exit 0; exec "$@"', "platform-child", ...options.command],
      cwd: options.cwd,
      detached: true,
      clearEnv: true,
      env: { ...movedClock(), ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      ...(options.user ?? {}),
    }).spawn();
    await this.#tell(`${options.gentle ? "gentle" : "hard"} ${process.pid}`);
    const input = process.stdin.getWriter();
    const tell = (line: string) => input.write(new TextEncoder().encode(`${line}\n`)).catch(() => undefined);
    await tell("go");
    const ended = process.status.then(async (status) => {
      await input.close().catch(() => undefined);
      await this.#tell(`gone ${process.pid}`);
      return status;
    });
    return {
      pid: process.pid,
      output: mergeLines(process.stdout, process.stderr),
      ended,
      tell,
      kill(signal) {
        try {
          process.kill(signal);
        } catch (error) {
          if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
        }
      },
    };
  }

  /** Runs a program to its end, which cannot outlive the platform either; what it printed comes back. */
  async run(options: SpawnOptions): Promise<{ success: boolean; code: number; output: string }> {
    const child = await this.spawn(options);
    const lines: string[] = [];
    for await (const line of child.output) lines.push(line);
    const { success, code } = await child.ended;
    return { success, code, output: lines.join("\n") };
  }

  /** Ends every process and removes every directory; resolves when all of it is gone. */
  async end(): Promise<void> {
    await this.#last;
    await this.#writer.close().catch(() => undefined);
    await this.#ended;
    await this.#process.status;
  }

  #tell(line: string): Promise<void> {
    const told = this.#writer.write(new TextEncoder().encode(`${line}\n`)).catch(() => undefined);
    this.#last = told;
    return told;
  }
}

/** Both streams of a child as one stream of lines. */
function mergeLines(...sources: ReadableStream<Uint8Array>[]): ReadableStream<string> {
  return new ReadableStream<string>({
    start(controller) {
      const readings = sources.map(async (source) => {
        let rest = "";
        for await (const text of source.pipeThrough(new TextDecoderStream())) {
          const lines = (rest + text).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) controller.enqueue(line);
        }
        if (rest) controller.enqueue(rest);
      });
      Promise.allSettled(readings).then(() => controller.close());
    },
  });
}
