/**
 * The real Supabase CLI, which needs no Docker for what is done here: `db push`, `db advisors`, `gen types`,
 * `functions deploy --use-api`. It never sees the caller's environment, so no stored log-in can be used by accident.
 *
 * @module
 */

import { join } from "node:path";
import { findSupabaseCli, PlatformError } from "./project.ts";
import type { Reaper } from "./reaper.ts";

/** What a run of the CLI said. */
export interface CliResult {
  /** Exit code. */
  code: number;
  /** Standard output. */
  stdout: string;
  /** Standard error. */
  stderr: string;
}

/** Runs the CLI with these arguments on the project in `projectRoot`; a failure is a result, not an error. */
export async function runSupabaseCli(
  projectRoot: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<CliResult> {
  const home = await Deno.makeTempDir({ prefix: "supabase-cli-" });
  try {
    const { code, stdout, stderr } = await new Deno.Command(findSupabaseCli(), {
      args: ["--workdir", projectRoot, ...args],
      cwd: projectRoot,
      clearEnv: true,
      env: { ...cliEnvironment(home), ...env },
      stdin: "null",
    }).output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

/** Applies the project's migrations as a host would: `supabase db push`. The CLI keeps its files below `directory`. */
export async function pushMigrations(
  reaper: Reaper,
  projectRoot: string,
  databaseUrl: string,
  directory: string,
): Promise<void> {
  const home = join(directory, "cli-home");
  await Deno.mkdir(home);
  const { code, output } = await reaper.run({
    command: [findSupabaseCli(), "--workdir", projectRoot, "db", "push", "--yes", `--remote=${databaseUrl}`],
    env: cliEnvironment(home),
    cwd: projectRoot,
  });
  await Deno.remove(home, { recursive: true });
  if (code !== 0) throw new PlatformError(`supabase db push failed (exit ${code}):\n${output}`);
}

function cliEnvironment(home: string): Record<string, string> {
  return { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin", HOME: home, DO_NOT_TRACK: "1", NO_COLOR: "1" };
}
