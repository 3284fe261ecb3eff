/**
 * `meta-ads uninstall`: takes the suite out of a database: tables, views, functions, triggers, cron jobs, the role, its
 * Vault secrets and its rows of the migration history. With `--path` also out of the host's repo; of a hosted project
 * also functions and their secrets. Extensions stay: others may use them.
 *
 * @module
 */

import { FUNCTION_SECRETS } from "./deploy/names.ts";
import { CommandError, UsageError } from "./command_errors.ts";
import { findHost } from "./installer/host_repo.ts";
import { readPayload } from "./installer/payload.ts";
import { connect, CONNECTION_HELP, DB_URL, PROJECT_REF } from "./operator/connection.ts";
import { runHostedCli } from "./operator/supabase_cli.ts";
import { askLine, canAsk, pathFromUser } from "./terminal.ts";
import { installedVersions, removeInstalledFiles } from "./uninstaller/files.ts";
import { buildUninstallStatement } from "./uninstaller/statement.ts";
import { verb } from "./verb.ts";

async function confirm(what: string): Promise<void> {
  if (!canAsk()) throw new UsageError("Add --yes: this deletes everything that the suite has stored.");
  const answer = await askLine(`This deletes everything that the suite has stored in ${what}. Type "uninstall":`);
  if (answer !== "uninstall") throw new CommandError("Nothing was taken away.");
}

/** The database is free of the suite by now; a function that was never deployed is no reason to stop here. */
async function removeFunctions(ref: string, slugs: readonly string[]): Promise<void> {
  const commands = [...slugs.map((slug) => ["functions", "delete", slug]), ["secrets", "unset", ...FUNCTION_SECRETS]];
  for (const args of commands) {
    try {
      await runHostedCli([...args, `--remote=${ref}`, "--yes"]);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      console.error(`${args.slice(0, 3).join(" ")}: not done, perhaps it was not there`);
    }
  }
}

/** The verb. */
export const uninstall = verb("uninstall", {
  summary: "take the suite out of a database, a project and a repo again",
  examples: [
    "uninstall --print",
    "uninstall --project-ref abcdefghijklmnopqrst --path .",
    "uninstall --db-url postgresql://postgres@127.0.0.1:54322/postgres --yes",
  ],
  more: CONNECTION_HELP,
})
  .addOption(PROJECT_REF)
  .addOption(DB_URL)
  .option("--path <repo>", "the repo that the suite was added to; its files go too")
  .option("--print", "only print the SQL")
  .option("--yes", "do not ask")
  .action(async (options) => {
    const host = options.path === undefined ? null : findHost(pathFromUser(options.path));
    const payload = readPayload();
    const statement = buildUninstallStatement(payload, host === null ? [] : installedVersions(host));
    if (options.print) {
      console.log(statement);
      return;
    }
    await using database = connect(options);
    if (!options.yes) await confirm(database.name);
    await database.execute(statement);
    if (database.ref !== null) await removeFunctions(database.ref, payload.slugs);
    console.log("The suite is gone from the database. Extensions were left, for others may use them.");
    if (host === null) return;
    const { removed, kept } = await removeInstalledFiles(host);
    console.log(`${removed.length} files are gone from the repo.`);
    for (const path of kept) console.log(`  kept, for it was changed: ${path}`);
  });
