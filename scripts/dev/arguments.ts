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
}

/** Returns the names that were given. Exits 0 after `--help`, and 2 on anything that the command does not know. */
export function readArguments({ call, does, takesNames = false }: Usage): string[] {
  try {
    const { values, positionals } = parseArgs({
      args: Deno.args,
      options: { help: { type: "boolean", short: "h" } },
      allowPositionals: takesNames,
    });
    if (!values.help) return positionals;
    console.log(`${call}\n\n${does}`);
    return Deno.exit(0);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${call}`);
    return Deno.exit(2);
  }
}
