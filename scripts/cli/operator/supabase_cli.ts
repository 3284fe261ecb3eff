/**
 * The Supabase CLI on a hosted project, with the log-in of whoever runs this. Arguments never hold a secret; what the
 * CLI prints is shown only where it holds none.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { CommandError } from "../command_errors.ts";
import { findSupabaseCli } from "../suite_root.ts";
import { networkCause } from "./network.ts";

/** How to run it. */
export interface HostedCliOptions {
  /** Directory that holds `supabase/`. */
  workdir?: string;
  /** Keep what it prints from the terminal and return it. */
  quiet?: boolean;
  /** Forms of a secret that a complaint must not repeat. */
  hide?: readonly string[];
  /** Password of the database, which the CLI takes from its environment. */
  password?: string | undefined;
}

/** Options of the CLI that it recommends, and what they are called here. */
const OWN_WORDS: readonly [RegExp, string][] = [
  [/--remote=<pooler db-url>/g, "--db-url <address of the session pooler> (and PGPASSWORD in the environment)"],
  [/Rerun the command with --include-all flag/g, "Run this command again with --include-all"],
];

/** A line about an option that is not one of ours. */
const THEIR_OPTION = /^Try rerunning the command with --debug/;

/** How the CLI says that it did not reach Supabase's API; it leaves out why, and at times where. */
const UNREACHED = /Transport ?error/i;

/** Shows lines as they come; returns all of them. A line that this module says better is not shown. */
async function show(stream: Readable): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: stream })) {
    const told = OWN_WORDS.reduce((words, [theirs, ours]) => words.replace(theirs, ours), line);
    if (!THEIR_OPTION.test(line) && !UNREACHED.test(line)) console.error(`      ${told}`);
    lines.push(told);
  }
  return lines.join("\n");
}

/** Where the CLI finds the API: in the profile that the environment names, else at Supabase's own address. */
function findApi(): URL {
  const profile = process.env.SUPABASE_PROFILE;
  const [, named] = profile && existsSync(profile)
    ? /^api_url:\s*(\S+)/m.exec(readFileSync(profile, "utf8")) ?? []
    : [];
  return new URL(named ?? "https://api.supabase.com");
}

/** Says that the API was not reached and why, by going there once more; null where the words are of something else. */
async function describeUnreached(words: string): Promise<string | null> {
  if (!UNREACHED.test(words)) return null;
  const api = findApi();
  const cause = await fetch(api, { method: "HEAD", signal: AbortSignal.timeout(10_000) })
    .then(() => "it answers now, so try again", (error: unknown) => networkCause(error) ?? "unknown reason");
  return `${api.host} cannot be reached: ${cause}.`;
}

/** What a failed command says: in JSON mode an object on its standard output, else lines on standard error. */
function complaintOf(output: string, errors: string): string {
  try {
    const { error }: { error?: { message?: string; suggestion?: string } } = JSON.parse(output);
    if (error?.message) return [error.message, error.suggestion].filter(Boolean).join(" ");
  } catch {
    // Not in JSON mode.
  }
  return errors.trim();
}

/** Runs the CLI; rejects with its words when it fails. Returns its standard output when `quiet`. */
export async function runHostedCli(args: readonly string[], options: HostedCliOptions = {}): Promise<string> {
  const { workdir, quiet = false, hide = [], password } = options;
  const profile = process.env.SUPABASE_PROFILE;
  const child = spawn(
    findSupabaseCli(),
    [...(workdir === undefined ? [] : ["--workdir", workdir]), ...args, ...(profile ? ["--profile", profile] : [])],
    {
      env: { ...process.env, DO_NOT_TRACK: "1", ...(password === undefined ? {} : { PGPASSWORD: password }) },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  // Read beside the status, so that a long answer cannot fill its pipe.
  const read = quiet ? text : show;
  const [code, output, errors] = await Promise.all([ended, read(child.stdout), read(child.stderr)]).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      throw new CommandError("There is no Supabase CLI: npm install --save-dev supabase (3.1.0 or newer)");
    },
  );
  if (code === 0) return output;
  const complaint = await describeUnreached(`${output}\n${errors}`) ?? (quiet ? complaintOf(output, errors) : "");
  const told = hide.reduce((words, secret) => words.replaceAll(secret, "***"), complaint);
  const words = args.slice(0, args.findIndex((arg) => arg.startsWith("-")));
  throw new CommandError(
    `supabase ${words.join(" ")} failed (exit ${code})${told === "" ? "" : `: ${told}`}`,
  );
}
