/**
 * The real Supabase CLI, which needs no Docker for what is done here: `db push`, `db advisors`, `gen types`,
 * `functions deploy --use-api`. It never sees the caller's environment, so no stored log-in can be used by accident.
 *
 * @module
 */

import { findSupabaseCli, PlatformError } from "./project.ts";

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
      env: { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin", HOME: home, DO_NOT_TRACK: "1", NO_COLOR: "1", ...env },
      stdin: "null",
    }).output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

/** Applies the project's migrations as a host would: `supabase db push`. */
export async function pushMigrations(projectRoot: string, databaseUrl: string): Promise<void> {
  const { code, stdout, stderr } = await runSupabaseCli(projectRoot, [
    "db",
    "push",
    "--yes",
    `--remote=${databaseUrl}`,
  ]);
  if (code !== 0) throw new PlatformError(`supabase db push failed (exit ${code}):\n${stdout}${stderr}`);
}
