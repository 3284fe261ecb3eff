/**
 * `meta-ads deploy --project-ref <ref>`: links, pushes migrations, sets function secrets, stores Vault secrets, deploys
 * the functions and runs the doctor. Run again it does the same again. Secrets come from the environment or are asked
 * for; they are never arguments and are never shown.
 *
 * @module
 */

import process from "node:process";
import {
  deployFunctions,
  type Deployment,
  linkProject,
  pushMigrations,
  setFunctionSecrets,
  type Step,
  storeVaultSecrets,
} from "./deploy/steps.ts";
import { examine } from "./doctor/examine.ts";
import { hasErrors, printFindings } from "./doctor/findings_text.ts";
import { UsageError } from "./command_errors.ts";
import { findHost } from "./installer/host_repo.ts";
import { readManifest } from "./installer/manifest.ts";
import { readPayload } from "./installer/payload.ts";
import { connect, CONNECTION_HELP, DB_URL, PROJECT_REF, readTarget } from "./operator/connection.ts";
import { suiteRoot } from "./suite_root.ts";
import { pathFromUser } from "./terminal.ts";
import { verb } from "./verb.ts";

/** The repo to deploy from: one that the suite was added to, or the suite's own. */
function findInstalled(path: string): string {
  if (path === suiteRoot) return path;
  const host = findHost(path);
  if (readManifest(host) !== null) return host;
  throw new UsageError(`The suite is not in ${path} yet: meta-ads add-to ${path}`);
}

/** The verb. */
export const deploy = verb("deploy", {
  summary: "bring a hosted project from nothing to running, or up to date",
  examples: [
    "deploy --project-ref abcdefghijklmnopqrst --dry-run",
    "deploy --project-ref abcdefghijklmnopqrst --path ../shop",
  ],
  more:
    `${CONNECTION_HELP}With --db-url or DB_URL (dashboard > Connect > Session pooler) migrations and Vault go over that connection.

Secrets and settings come from the environment, under their names in capitals (META_MARKETING_API_TOKEN, META_PIXEL_ID,
...); in a terminal, secrets that are missing are asked for.
`,
})
  .addOption(PROJECT_REF)
  .addOption(DB_URL)
  .option("--path <repo>", "the repo that the suite was added to", ".")
  .option("--include-all", "push migrations of yours too that are older than the newest one pushed")
  .option("--dry-run", "say what would be done, and change nothing")
  .action(async (options) => {
    if (options.projectRef === undefined) throw new UsageError("Which project? Give --project-ref <ref>.");
    const { env } = process;
    const { url, password } = readTarget(options, env);
    const deployment: Deployment = {
      ref: options.projectRef,
      workdir: findInstalled(pathFromUser(options.path)),
      db_url: url,
      password,
      include_all: options.includeAll === true,
      slugs: readPayload().slugs,
      env,
      dry_run: options.dryRun === true,
    };
    await using database = connect(options);
    const steps: Step[] = [
      { title: "link the repo to the project", run: () => linkProject(deployment) },
      { title: "push migrations", run: () => pushMigrations(deployment) },
      { title: "set function secrets", run: () => setFunctionSecrets(deployment) },
      { title: "store Vault secrets", run: () => storeVaultSecrets(deployment, database) },
      { title: "deploy the functions", run: () => deployFunctions(deployment) },
    ];
    for (const [index, { title, run }] of steps.entries()) {
      console.log(`[${index + 1}/${steps.length + 1}] ${title}`);
      console.log(`      ${await run()}`);
    }
    console.log(`[${steps.length + 1}/${steps.length + 1}] doctor`);
    if (deployment.dry_run) {
      console.log("      would run the doctor");
      return;
    }
    const findings = await examine({ database, env, fetch });
    printFindings(findings, console.log);
    if (hasErrors(findings)) process.exitCode = 1;
  });
