/**
 * Runs `meta-ads` from its sources, as `npm run <verb>` does.
 *
 * @module
 */

import { movedClock, repositoryRoot } from "../../scripts/supabase-local/mod.ts";

/** What became of a command. */
export interface Outcome {
  /** Its exit code. */
  code: number;
  /** What it printed on standard output. */
  stdout: string;
  /** What it printed on standard error. */
  stderr: string;
  /** Both. */
  output: string;
}

/** The environment of a command that must know nothing of the one that the tests run in. */
const BARE = ["PATH", "HOME", "TMPDIR"];

/** An environment with the search path and the tests' clock, and beside them these variables alone. */
export function buildEnv(env: Record<string, string>): Record<string, string> {
  const kept = BARE.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(kept), ...movedClock(), NO_COLOR: "1", DO_NOT_TRACK: "1", ...env };
}

/** Starts `meta-ads` with these arguments and, beside the search path, this environment alone. */
export function startMetaAds(args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${repositoryRoot}/scripts/cli/main.ts`, ...args],
    cwd: repositoryRoot,
    clearEnv: true,
    env: buildEnv(env),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Waits for a started command. */
export async function outcomeOf(child: Deno.ChildProcess): Promise<Outcome> {
  const output = await child.output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: output.code, stdout: stdout ?? "", stderr: stderr ?? "", output: `${stdout}${stderr}` };
}

/** Runs `meta-ads` to its end. */
export function metaAds(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  return outcomeOf(startMetaAds(args, env));
}
