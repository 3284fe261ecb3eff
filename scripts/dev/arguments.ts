/**
 * Arguments of the commands of development, which take names or nothing.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** What a command takes. */
export interface Usage {
  /** How it is called, e.g. `npm test -- [path...]`. */
  call: string;
  /** What it does, in one sentence. */
  does: string;
  /** Whether it takes names. */
  takesNames?: boolean;
  /** Whether it takes `--port`. */
  takesPort?: boolean;
  /** Whether it takes `--path`. */
  takesPath?: boolean;
}

/** What a command was given. */
export interface Arguments {
  /** Its names. */
  names: string[];
  /** `--port`; undefined where none was given. */
  port: number | undefined;
  /** `--path`, as it was typed; undefined where none was given. */
  path: string | undefined;
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1_024 && port <= 65_535) return port;
  throw new TypeError(`--port is "${text}"; a port from 1024 to 65535 is expected`);
}

/** Returns what was given. Exits 0 after `--help`, and 2 on anything that the command does not know. */
export function readArguments(
  { call, does, takesNames = false, takesPort = false, takesPath = false }: Usage,
): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: Deno.args,
      options: {
        help: { type: "boolean", short: "h" },
        ...(takesPort ? { port: { type: "string" } } : {}),
        ...(takesPath ? { path: { type: "string" } } : {}),
      } as const,
      allowPositionals: takesNames,
    });
    if (!values.help) {
      const { port, path } = values;
      return {
        names: positionals,
        port: port === undefined ? undefined : parsePort(String(port)),
        path: path === undefined ? undefined : String(path),
      };
    }
    console.log(`${call}\n\n${does}`);
    return Deno.exit(0);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${call}`);
    return Deno.exit(2);
  }
}
