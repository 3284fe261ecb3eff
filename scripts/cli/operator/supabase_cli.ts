/**
 * The Supabase CLI on a hosted project, with the log-in of whoever runs this. Arguments never hold a secret; what the CLI
 * prints is shown only where it holds none.
 *
 * @module
 */

import { findSupabaseCli, PlatformError } from "../../supabase-local/project.ts";

/** How to run it. */
export interface HostedCliOptions {
  /** Directory that holds `supabase/`. */
  workdir?: string;
  /** Keep what it prints from the terminal and return it. */
  quiet?: boolean;
  /** A secret that a complaint must not repeat. */
  hide?: string;
}

/** Runs the CLI; rejects with its words when it fails. Returns its standard output when `quiet`. */
export async function runHostedCli(args: readonly string[], options: HostedCliOptions = {}): Promise<string> {
  const profile = Deno.env.get("SUPABASE_PROFILE");
  const child = new Deno.Command(findSupabaseCli(), {
    args: [
      ...(options.workdir === undefined ? [] : ["--workdir", options.workdir]),
      ...args,
      ...(profile ? ["--profile", profile] : []),
    ],
    env: { DO_NOT_TRACK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: options.quiet ? "piped" : "inherit",
  }).spawn();
  // Read beside the status, so that a long answer cannot fill its pipe.
  const [status, text, complaint] = await Promise.all([
    child.status,
    new Response(child.stdout).text(),
    options.quiet ? new Response(child.stderr).text() : "",
  ]);
  if (!options.quiet && text.trim() !== "") console.log(text.trimEnd());
  if (status.success) return text;
  // What a quiet command printed may hold a secret; its complaint is on standard error.
  const told = options.hide ? complaint.replaceAll(options.hide, "***") : complaint;
  throw new PlatformError(
    `supabase ${args.slice(0, 2).join(" ")} failed (exit ${status.code})${told === "" ? "" : `: ${told.trim()}`}`,
  );
}
