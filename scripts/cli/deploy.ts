/**
 * `npm run deploy -- --project-ref <ref>`: links, pushes migrations, sets function secrets, stores Vault secrets, deploys
 * the functions and runs the doctor. Run again it does the same again. Secrets come from the environment or are asked
 * for; they are never arguments and are never shown.
 *
 * @module
 */

import { resolve } from "node:path";
import { parseArgs } from "node:util";
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
import { hasErrors, printFindings } from "./doctor/report.ts";
import { findHost } from "./installer/host_repo.ts";
import { readPayload } from "./installer/payload.ts";
import { connectNamed } from "./operator/database.ts";
import { PlatformError, repositoryRoot } from "../supabase-local/project.ts";

const USAGE = `npm run deploy -- --project-ref <ref> [--path <your repo>] [--dry-run]

Secrets and settings come from the environment, under their names in capitals (META_MARKETING_API_TOKEN, META_PIXEL_ID, ...);
in a terminal, secrets that are missing are asked for. SUPABASE_ACCESS_TOKEN, or "supabase login" before. With DB_URL
(Connect > Session pooler) the database is reached directly; else through the CLI.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: { "project-ref": { type: "string" }, path: { type: "string" }, "dry-run": { type: "boolean" } },
  });
  const ref = values["project-ref"];
  if (ref === undefined || !/^[a-z]{20}$/.test(ref)) throw new PlatformError(`Usage: ${USAGE}`);
  const env = Deno.env.toObject();
  const deployment: Deployment = {
    ref,
    workdir: values.path === undefined ? repositoryRoot : findHost(resolve(env.INIT_CWD ?? ".", values.path)),
    db_url: env.DB_URL || null,
    slugs: readPayload().slugs,
    env,
    dry_run: values["dry-run"] === true,
  };
  await using database = connectNamed({ ref });
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
    console.log("      would run npm run doctor");
    return 0;
  }
  const findings = await examine({ database, env, fetch });
  printFindings(findings, console.log);
  return hasErrors(findings) ? 1 : 0;
}

try {
  Deno.exit(await main());
} catch (error) {
  const isExpected = error instanceof PlatformError || error instanceof TypeError ||
    error instanceof Deno.errors.Interrupted;
  console.error(isExpected ? error.message : error);
  Deno.exit(1);
}
