/**
 * What an installation or an upgrade would do, worked out before anything is written: files to write and to remove, and
 * everything that forbids it. One conflict, and nothing at all is done, unless it is one that `--force` overrules.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { appendSections, buildFunctionSection, readFunctionSection, separatorOf } from "./config_toml.ts";
import type { ChangedFile } from "./differences.ts";
import { digestOf, type Manifest } from "./manifest.ts";
import type { Payload } from "./payload.ts";
import { readPublicNames } from "./public_names.ts";
import { nameMigrations } from "./stamps.ts";
import { findTakenNames } from "./taken_names.ts";

/** Why nothing may be done. */
export interface Conflict {
  /** What is wrong, with its path. */
  says: string;
  /** Whether `--force` does it all the same. */
  forcible: boolean;
}

/** What is to be done. */
export interface InstallPlan {
  /** Path → new content. */
  writes: Map<string, string>;
  /** Paths of files of ours that this version no longer has. */
  removals: string[];
  /** Files that the host has changed since they were installed. */
  changed: ChangedFile[];
  /** Why nothing may be done. */
  conflicts: Conflict[];
  /** Migrations that the host gets. */
  new_migrations: string[];
  /** What is remembered afterwards. */
  manifest: Manifest;
}

/** What a plan starts from. */
interface Situation {
  plan: InstallPlan;
  host: string;
  known: Manifest | null;
}

function readIfThere(path: string): string | null {
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

function planFile({ plan, host, known }: Situation, path: string, text: string) {
  const present = readIfThere(join(host, path));
  const installed = known?.files[path];
  plan.manifest.files[path] = digestOf(text);
  // In the host's own form it is left alone.
  if (present !== null && digestOf(present) === digestOf(text)) return;
  if (present !== null && installed === undefined) {
    plan.conflicts.push({ says: `${path} is a file of yours; it stays as it is.`, forcible: false });
    return;
  }
  plan.writes.set(path, text);
  if (present === null || installed === undefined || digestOf(present) === installed) return;
  plan.changed.push({ path, installed, present, next: text });
  plan.conflicts.push({ says: `${path} was changed since it was installed.`, forcible: true });
}

function planMigrations(situation: Situation, payload: Payload) {
  const { plan, host, known } = situation;
  const directory = join(host, "supabase/migrations");
  const present = existsSync(directory) ? readdirSync(directory) : [];
  const named = nameMigrations(payload.migrations.map(({ name }) => name), known?.migrations ?? {}, present);
  for (const { name, text } of payload.migrations) {
    const existing = known?.migrations[name];
    const hostName = existing ?? named[name] ?? name;
    const path = `supabase/migrations/${hostName}`;
    const installed = known?.files[path];
    plan.manifest.migrations[name] = hostName;
    if (existing === undefined) plan.new_migrations.push(hostName);
    else if (installed !== undefined && installed !== digestOf(text)) {
      const says = `${path} was installed with other content; a migration that was pushed cannot change.`;
      plan.conflicts.push({ says, forcible: false });
      continue;
    }
    // Pushed or not, it is the host's to keep.
    if (existing !== undefined && installed !== undefined && present.includes(hostName)) {
      plan.manifest.files[path] = installed;
    } else planFile(situation, path, text);
  }
  const ours = new Set(Object.values(plan.manifest.migrations));
  const theirs = present.filter((name) => name.endsWith(".sql") && !ours.has(name))
    .map((name) => ({ name, text: readFileSync(join(directory, name), "utf8") }));
  for (const { what, migration } of findTakenNames(readPublicNames(payload.migrations), theirs)) {
    const says = `${what}, made by supabase/migrations/${migration}, has a name that the suite needs.`;
    plan.conflicts.push({ says, forcible: true });
  }
}

function planConfig({ plan, host, known }: Situation, slugs: string[]) {
  const path = "supabase/config.toml";
  const config = readFileSync(join(host, path), "utf8");
  const added: string[] = [];
  for (const slug of slugs) {
    const present = readFunctionSection(config, slug);
    const section = known?.config[slug] ?? buildFunctionSection(slug);
    if (present === null) added.push(section);
    else if (present.verify_jwt !== false) {
      const says = `${path}: [functions.${slug}] needs "verify_jwt = false", for the function checks the key itself.`;
      plan.conflicts.push({ says, forcible: false });
    }
    if (present === null || known?.config[slug] !== undefined) plan.manifest.config[slug] = section;
  }
  if (added.length === 0) return;
  plan.writes.set(path, appendSections(config, added));
  if (known === null) plan.manifest.config_separator = separatorOf(config);
}

function planRemovals({ plan, host, known }: Situation) {
  for (const [path, installed] of Object.entries(known?.files ?? {})) {
    if (plan.manifest.files[path] !== undefined) continue;
    // A pushed migration stays, for the database remembers it.
    if (path.startsWith("supabase/migrations/")) {
      plan.manifest.files[path] = installed;
      const [name] = Object.entries(known?.migrations ?? {}).find(([, there]) => path.endsWith(`/${there}`)) ?? [];
      if (name !== undefined) plan.manifest.migrations[name] = path.slice("supabase/migrations/".length);
      continue;
    }
    const present = readIfThere(join(host, path));
    if (present === null) continue;
    plan.removals.push(path);
    if (digestOf(present) === installed) continue;
    plan.changed.push({ path, installed, present, next: null });
    const says = `${path} was changed since it was installed, and is no longer part of the suite.`;
    plan.conflicts.push({ says, forcible: true });
  }
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
    changed: [],
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
  const situation: Situation = { plan, host, known };
  planMigrations(situation, payload);
  for (const { path, text } of payload.files) planFile(situation, path, text);
  planConfig(situation, payload.slugs);
  planRemovals(situation);
  return plan;
}
