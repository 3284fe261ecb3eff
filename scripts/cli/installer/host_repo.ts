/**
 * The host's repo: checked before it is touched, written as planned.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../command_errors.ts";
import { suiteRoot } from "../suite_root.ts";
import { formatManifest, type Manifest, MANIFEST_PATH } from "./manifest.ts";
import type { InstallPlan } from "./plan.ts";

/** Finds the root of the host's repo; throws when there is no Supabase project, or when it is this repo itself. */
export function findHost(path: string): string {
  const host = resolve(path);
  if (host === suiteRoot) throw new UsageError("This is the suite's own repo; name the repo of your project.");
  if (!existsSync(join(host, "supabase/config.toml"))) {
    throw new UsageError(
      `${path} has no supabase/config.toml: name the root of a Supabase project ("supabase init" makes one).`,
    );
  }
  return host;
}

/** Checks the name of the directory for shared modules. */
export function checkSharedDirectory(name: string): string {
  if (/^[a-z0-9_][a-z0-9_.-]*(\/[a-z0-9_][a-z0-9_.-]*)*$/i.test(name)) return name;
  throw new UsageError(`"${name}" is no relative directory inside the repo.`);
}

async function removeEmptyParents(host: string, path: string): Promise<void> {
  for (let directory = dirname(path); directory.includes("/") || directory !== "."; directory = dirname(directory)) {
    try {
      await rmdir(join(host, directory));
    } catch {
      return;
    }
  }
}

/** Removes files and the directories that become empty by it. */
export async function removeFiles(host: string, paths: Iterable<string>): Promise<void> {
  for (const path of paths) {
    if (!existsSync(join(host, path))) continue;
    await rm(join(host, path));
    await removeEmptyParents(host, path);
  }
}

/**
 * Writes what was planned. The manifest comes first, with the old digests of what is about to be replaced, and once
 * more at the end: whenever this is interrupted, another run goes on with it.
 */
export async function carryOut(host: string, plan: InstallPlan, known: Manifest | null): Promise<void> {
  const write = async (path: string, text: string) => {
    await mkdir(join(host, dirname(path)), { recursive: true });
    await writeFile(join(host, path), text);
  };
  const files = { ...plan.manifest.files, ...known?.files };
  await write(MANIFEST_PATH, formatManifest({ ...plan.manifest, files }));
  for (const [path, text] of plan.writes) await write(path, text);
  await removeFiles(host, plan.removals);
  await write(MANIFEST_PATH, formatManifest(plan.manifest));
}
