/**
 * `npm run uninstall -- --db-url <url>` or `--project-ref <ref>`: takes the suite out of a database: tables, views,
 * functions, triggers, cron jobs, the role, its Vault secrets and its rows of the migration history. With `--path` also
 * out of the host's repo; of a hosted project also functions and their secrets. Extensions stay: others may use them.
 *
 * @module
 */

import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { FUNCTION_SECRETS } from "./deploy/names.ts";
import { runHostedCli } from "./operator/supabase_cli.ts";
import { findHost } from "./installer/host_repo.ts";
import { readPayload } from "./installer/payload.ts";
import { PlatformError } from "../supabase-local/project.ts";
import { installedVersions, removeInstalledFiles } from "./uninstaller/files.ts";
import { buildUninstallStatement } from "./uninstaller/statement.ts";

const USAGE = "npm run uninstall -- (--db-url <url> | --project-ref <ref> | --print) [--path <repo>] [--yes]";

async function confirm(what: string): Promise<void> {
  if (!process.stdin.isTTY) throw new PlatformError("Add --yes: this deletes everything that the suite has stored.");
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await lines.question(
    `This deletes everything that the suite has stored in ${what}. Type "uninstall": `,
  );
  lines.close();
  if (answer.trim() !== "uninstall") throw new PlatformError("Nothing was taken away.");
}

async function runOnDatabase(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(statement).simple();
  } finally {
    await sql.end();
  }
}

async function runOnProject(ref: string, statement: string, slugs: string[]): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".sql" });
  try {
    await Deno.writeTextFile(file, statement);
    await runHostedCli(["db", "query", `--remote=${ref}`, "--yes", "--file", file]);
  } finally {
    await Deno.remove(file);
  }
  // The database is free of it by now; a function that was never deployed is no reason to stop here.
  const rest = [
    ...slugs.map((slug) => ["functions", "delete", slug]),
    ["secrets", "unset", ...FUNCTION_SECRETS],
  ];
  for (const args of rest) {
    try {
      await runHostedCli([...args, `--remote=${ref}`, "--yes"]);
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      console.error(`${args.slice(0, 3).join(" ")}: not done, perhaps it was not there`);
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      "db-url": { type: "string" },
      "project-ref": { type: "string" },
      path: { type: "string" },
      print: { type: "boolean" },
      yes: { type: "boolean" },
    },
  });
  const { "db-url": url = Deno.env.get("DB_URL"), "project-ref": ref, print } = values;
  if (ref === undefined && url === undefined && !print) throw new PlatformError(`Usage: ${USAGE}`);
  const host = values.path === undefined ? null : findHost(resolve(Deno.env.get("INIT_CWD") ?? ".", values.path));
  const payload = readPayload();
  const statement = buildUninstallStatement(payload, host === null ? [] : await installedVersions(host));
  if (print) return console.log(statement);
  if (!values.yes) await confirm(ref === undefined ? "this database" : `the project ${ref}`);
  if (ref !== undefined) await runOnProject(ref, statement, payload.slugs);
  else if (url !== undefined) await runOnDatabase(url, statement);
  console.log("The suite is gone from the database. Extensions were left, for others may use them.");
  if (host === null) return;
  const { removed, kept } = await removeInstalledFiles(host);
  console.log(`${removed.length} files are gone from the repo.`);
  for (const path of kept) console.log(`  kept, for it was changed: ${path}`);
}

try {
  await main();
  Deno.exit(0);
} catch (error) {
  const isExpected = error instanceof PlatformError || error instanceof postgres.PostgresError ||
    error instanceof TypeError;
  console.error(isExpected ? error.message : error);
  Deno.exit(1);
}
