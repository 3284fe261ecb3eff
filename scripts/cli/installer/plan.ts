/**
 * What an installation or an upgrade would do, worked out before anything is written: files to write and to remove, and
 * everything that forbids it. One conflict, and nothing at all is done.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { appendSections, buildFunctionSection, readFunctionSection, separatorOf } from "./config_toml.ts";
import { digestOf, type Manifest } from "./manifest.ts";
import type { Payload } from "./payload.ts";
import { nameMigrations } from "./stamps.ts";

/** What is to be done. */
export interface InstallPlan {
  /** Path → new content. */
  writes: Map<string, string>;
  /** Paths of files of ours that this version no longer has. */
  removals: string[];
  /** Why nothing may be done; each names a path. */
  conflicts: string[];
  /** Migrations that the host gets. */
  new_migrations: string[];
  /** What is remembered afterwards. */
  manifest: Manifest;
}

function readIfThere(path: string): string | null {
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

function planFile(plan: InstallPlan, host: string, known: Manifest | null, path: string, text: string) {
  const present = readIfThere(join(host, path));
  plan.manifest.files[path] = digestOf(text);
  if (present === text) return;
  const written = known?.files[path];
  if (present !== null && written === undefined) {
    plan.conflicts.push(`${path} is a file of yours; it stays as it is.`);
  } else if (present !== null && digestOf(present) !== written) {
    plan.conflicts.push(`${path} was changed since it was installed.`);
  } else plan.writes.set(path, text);
}

function planMigrations(plan: InstallPlan, host: string, known: Manifest | null, payload: Payload) {
  const directory = join(host, "supabase/migrations");
  const present = existsSync(directory) ? readdirSync(directory) : [];
  const named = nameMigrations(payload.migrations.map(({ name }) => name), known?.migrations ?? {}, present);
  for (const { name, text } of payload.migrations) {
    const existing = known?.migrations[name];
    const hostName = existing ?? named[name] ?? name;
    const path = `supabase/migrations/${hostName}`;
    plan.manifest.migrations[name] = hostName;
    if (existing === undefined) plan.new_migrations.push(hostName);
    else if (known?.files[path] !== undefined && known.files[path] !== digestOf(text)) {
      plan.conflicts.push(`${path} was installed with other content; a migration that was pushed cannot change.`);
      continue;
    }
    planFile(plan, host, known, path, text);
  }
}

function planConfig(plan: InstallPlan, host: string, known: Manifest | null, slugs: string[]) {
  const path = "supabase/config.toml";
  const config = readFileSync(join(host, path), "utf8");
  const added: string[] = [];
  for (const slug of slugs) {
    const present = readFunctionSection(config, slug);
    const section = known?.config[slug] ?? buildFunctionSection(slug);
    if (present === null) added.push(section);
    else if (present.verify_jwt !== false) {
      plan.conflicts.push(
        `${path}: [functions.${slug}] needs "verify_jwt = false", for the function checks the key itself.`,
      );
    }
    if (present === null || known?.config[slug] !== undefined) plan.manifest.config[slug] = section;
  }
  if (added.length === 0) return;
  plan.writes.set(path, appendSections(config, added));
  if (known === null) plan.manifest.config_separator = separatorOf(config);
}

/** Works out what installing `payload` into the repo at `host` means. */
export function planInstallation(
  host: string,
  payload: Payload,
  known: Manifest | null,
  shared_directory = "shared",
): InstallPlan {
  const plan: InstallPlan = {
    writes: new Map(),
    removals: [],
    conflicts: [],
    new_migrations: [],
    manifest: {
      version: payload.version,
      shared_directory,
      migrations: {},
      files: {},
      config: {},
      config_separator: known?.config_separator ?? "",
    },
  };
  planMigrations(plan, host, known, payload);
  for (const { path, text } of payload.files) planFile(plan, host, known, path, text);
  planConfig(plan, host, known, payload.slugs);
  for (const [path, digest] of Object.entries(known?.files ?? {})) {
    if (plan.manifest.files[path] !== undefined) continue;
    // A pushed migration stays, for the database remembers it.
    if (path.startsWith("supabase/migrations/")) {
      plan.manifest.files[path] = digest;
      const [name] = Object.entries(known?.migrations ?? {}).find(([, there]) => path.endsWith(`/${there}`)) ?? [];
      if (name !== undefined) plan.manifest.migrations[name] = path.slice("supabase/migrations/".length);
      continue;
    }
    const present = readIfThere(join(host, path));
    if (present === null) continue;
    if (digestOf(present) === digest) plan.removals.push(path);
    else plan.conflicts.push(`${path} was changed since it was installed, and is no longer part of the suite.`);
  }
  return plan;
}
