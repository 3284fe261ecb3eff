/**
 * The steps of a deployment, each of which may be done again: link, migrations, function secrets, Vault secrets,
 * functions.
 *
 * @module
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "../command_errors.ts";
import { type OperatorDatabase, quoteLiteral } from "../operator/database.ts";
import { runHostedCli } from "../operator/supabase_cli.ts";
import { askHidden, canAsk } from "../terminal.ts";
import { FUNCTION_SECRETS, VAULT_SECRETS } from "./names.ts";

/** What a deployment works on. */
export interface Deployment {
  /** The project's ref. */
  ref: string;
  /** Directory that holds `supabase/`. */
  workdir: string;
  /** Connection string without password; null: through the CLI's own access. */
  db_url: string | null;
  /** The database's password; undefined where none is set. */
  password: string | undefined;
  /** Push migrations too that are older than the newest one pushed. */
  include_all: boolean;
  /** Slugs to deploy. */
  slugs: string[];
  /** Where values come from. */
  env: Record<string, string | undefined>;
  /** Say what would be done, and do nothing. */
  dry_run: boolean;
}

/** A step: what it is called, and what it does; it returns what to say. */
export interface Step {
  /** What it is called. */
  title: string;
  /** Does it and returns what to say. */
  run(): Promise<string>;
}

/** The value of a Vault secret in the environment, under its name in capitals. */
function secretInEnvironment(env: Deployment["env"], name: string): string | undefined {
  return env[name.toUpperCase()] || undefined;
}

/** Links the repo to the project. */
export async function linkProject({ ref, workdir, dry_run }: Deployment): Promise<string> {
  if (dry_run) return `would link ${workdir} to ${ref}`;
  await runHostedCli(["link", "--project-ref", ref], { workdir });
  return "linked";
}

/** Pushes the migrations that the database does not have. */
export async function pushMigrations(deployment: Deployment): Promise<string> {
  const { ref, workdir, db_url, password, include_all, dry_run } = deployment;
  const args = ["db", "push", "--yes", `--remote=${db_url ?? ref}`];
  if (include_all) args.push("--include-all");
  if (dry_run) args.push("--dry-run");
  await runHostedCli(args, { workdir, password });
  return dry_run ? "nothing was pushed" : "migrations are up to date";
}

/** Sets the function secrets that the environment names. */
export async function setFunctionSecrets({ ref, env, dry_run, workdir }: Deployment): Promise<string> {
  const set = FUNCTION_SECRETS.filter((name) => env[name]);
  const missing = ["META_PIXEL_ID", "FB_ADS_ACCOUNT_IDS"].filter((name) => !env[name]);
  const note = missing.length === 0 ? "" : `; left as they are, for the environment has none: ${missing.join(", ")}`;
  if (set.length === 0) return `none in the environment${note}`;
  if (dry_run) return `would set ${set.join(", ")}${note}`;
  const directory = await mkdtemp(join(tmpdir(), "meta-ads-"));
  const file = join(directory, "secrets.env");
  try {
    await writeFile(file, set.map((name) => `${name}=${JSON.stringify(env[name])}\n`).join(""), { mode: 0o600 });
    await runHostedCli(["secrets", "set", "--env-file", file, `--remote=${ref}`, "--yes"], { workdir, quiet: true });
  } finally {
    await rm(directory, { recursive: true });
  }
  return `set ${set.join(", ")}${note}`;
}

/**
 * Tells the database which project it belongs to. A copy of another project (a branch with data, a restored backup)
 * holds the other's tokens: it begins to work only when it is given tokens with it.
 */
async function adoptProject({ ref, env }: Deployment, database: OperatorDatabase): Promise<string> {
  const address = secretInEnvironment(env, "fb_ads_project_url") ?? `https://${ref}.supabase.co`;
  const [stored] = await database.sql<{ url: string | null; ref: string | null }[]>`
    select url, fb_ads.project_ref(url) as ref from fb_ads.read_vault_text('fb_ads_project_url') as url`;
  const isCopy = typeof stored?.ref === "string" && stored.ref !== ref;
  const tokens = VAULT_SECRETS.filter(({ required }) => required).map(({ name }) => name);
  if (isCopy && !tokens.every((name) => secretInEnvironment(env, name))) {
    return `left as a copy of project ${stored.ref}, which neither syncs nor sends: to make it work by itself, set ` +
      `${tokens.map((name) => name.toUpperCase()).join(" and ")} to tokens of its own; `;
  }
  if (stored?.url === address) return "";
  await database.execute(`select fb_ads.adopt_project(${quoteLiteral(address)})`);
  return `this project is ${address}; `;
}

/**
 * Stores Vault secrets: the project's address, and those that a person brings. The migrations made the schedule's key.
 */
export async function storeVaultSecrets(deployment: Deployment, database: OperatorDatabase): Promise<string> {
  const { env, dry_run } = deployment;
  if (dry_run) {
    const given = VAULT_SECRETS.filter(({ name }) => secretInEnvironment(env, name)).map(({ name }) => name);
    return `would store fb_ads_project_url${given.map((name) => `, ${name}`).join("")}`;
  }
  const present = new Set(
    (await database.query("select name from vault.secrets where name is not null")).map((row) => row.name),
  );
  const adopted = await adoptProject(deployment, database);
  const values = new Map<string, string>();
  const missing: string[] = [];
  const kept: string[] = [];
  for (const [variable, value] of Object.entries(env)) {
    if (/^META_CAPI_ACCESS_TOKEN_\d+$/.test(variable) && value) values.set(variable.toLowerCase(), value);
  }
  for (const { name, is, required } of VAULT_SECRETS) {
    let value = secretInEnvironment(env, name);
    if (value === undefined && present.has(name)) kept.push(name);
    else if (value === undefined && canAsk()) value = await askHidden(`${name}, ${is} (it is not shown)`);
    if (value) values.set(name, value);
    else if (required && !present.has(name)) missing.push(name.toUpperCase());
  }
  for (const [name, value] of values) await database.storeSecret(name, value);
  if (missing.length > 0) {
    throw new CommandError(
      `Vault has no ${missing.join(" and no ").toLowerCase()}. Set ${
        missing.join(" and ")
      } in the environment, or run ` +
        `this in a terminal, which asks.`,
    );
  }
  return `${adopted}stored ${[...values.keys()].join(", ") || "nothing"}${
    kept.length > 0 ? `; kept ${kept.join(", ")}` : ""
  }`;
}

/** Deploys the functions, bundled by Supabase. */
export async function deployFunctions({ ref, slugs, workdir, dry_run }: Deployment): Promise<string> {
  if (dry_run) return `would deploy ${slugs.join(", ")}`;
  await runHostedCli(["functions", "deploy", ...slugs, "--use-api", "--yes", `--remote=${ref}`], { workdir });
  return `deployed ${slugs.join(", ")}`;
}
