/**
 * The Supabase CLI on a hosted project, with the log-in of whoever runs this. Arguments never hold a secret; what the CLI
 * prints is shown only where it holds none.
 *
 * @module
 */

import { findSupabaseCli, PlatformError } from "../platform/project.ts";

/** How to run it. */
export interface HostedCliOptions {
  /** Directory that holds `supabase/`. */
  workdir?: string;
  /** Keep what it prints from the terminal and return it. */
  quiet?: boolean;
}

/** Runs the CLI; rejects with its words when it fails. Returns its standard output when `quiet`. */
export async function runHostedCli(args: readonly string[], options: HostedCliOptions = {}): Promise<string> {
  const profile = Deno.env.get("SUPABASE_PROFILE");
  const { code, stdout, stderr } = await new Deno.Command(findSupabaseCli(), {
    args: [
      ...(options.workdir === undefined ? [] : ["--workdir", options.workdir]),
      ...args,
      ...(profile ? ["--profile", profile] : []),
    ],
    env: { DO_NOT_TRACK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: options.quiet ? "piped" : "inherit",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (!options.quiet && text.trim() !== "") console.log(text.trimEnd());
  if (code !== 0) {
    // What a quiet command printed may hold a secret; its complaint is on standard error.
    const complaint = options.quiet ? `: ${new TextDecoder().decode(stderr).trim()}` : "";
    throw new PlatformError(`supabase ${args.slice(0, 2).join(" ")} failed (exit ${code})${complaint}`);
  }
  return text;
}
