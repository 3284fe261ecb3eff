/**
 * `meta-ads <verb>`: everything that users of the suite run. Exit code 0: done; 1: it failed, or the doctor found an
 * error; 2: the words or the environment make no sense; 130: interrupted.
 *
 * @module
 */

import { Command, CommanderError } from "@commander-js/extra-typings";
import process from "node:process";
import { addTo } from "./add_to.ts";
import { backfill } from "./backfill.ts";
import { browserClient } from "./browser_client.ts";
import { deploy } from "./deploy.ts";
import { doctor } from "./doctor.ts";
import { CommandError, InterruptedError, UsageError } from "./command_errors.ts";
import { report } from "./report.ts";
import { readSuiteVersion } from "./suite_root.ts";
import { uninstall } from "./uninstall.ts";

const program = new Command("meta-ads")
  .description("Meta advertising in your own Supabase project: spend in, conversions out, every sale linked to its ad.")
  .version(readSuiteVersion())
  .exitOverride()
  .showHelpAfterError("(meta-ads --help shows the verbs)")
  .addHelpText(
    "after",
    `
Exit code: 0 done, 1 failed, 2 words or environment that make no sense, 130 interrupted.

Examples:
  meta-ads add-to .                     copy the suite into the repo you are in
  meta-ads deploy --project-ref <ref>   bring it to the hosted project
  meta-ads doctor --project-ref <ref>   see whether all is well`,
  );
for (const command of [addTo, deploy, doctor, backfill, report, browserClient, uninstall]) program.addCommand(command);

/** Node's errors about files: `/nowhere/report.html: no such file or directory`. Null where it is another error. */
function describeSystemError(error: unknown): string | null {
  if (!(error instanceof Error && "syscall" in error)) return null;
  const [, what, path] = /^[A-Z]+: (.*), \w+ '(.*)'$/.exec(error.message) ?? [];
  return path === undefined ? error.message : `${path}: ${what}`;
}

/** Tells what went wrong; returns the exit code. */
function tell(error: unknown): number {
  // Commander has told it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof InterruptedError) return 130;
  const isOurs = error instanceof CommandError || error instanceof UsageError;
  console.error(isOurs ? error.message : describeSystemError(error) ?? error);
  return error instanceof UsageError ? 2 : 1;
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = tell(error);
}
