/**
 * Taking the suite out of the host's repo: files as they were installed go, changed ones stay and are named.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { removeSections } from "../installer/config_toml.ts";
import { removeFiles } from "../installer/host_repo.ts";
import { digestOf, MANIFEST_PATH, readManifest } from "../installer/manifest.ts";

/** What became of the files. */
export interface FileRemoval {
  /** Paths that are gone. */
  removed: string[];
  /** Paths that were changed since they were installed, and stay. */
  kept: string[];
}

/** Stamps of our migrations in this repo. */
export function installedVersions(host: string): string[] {
  const manifest = readManifest(host);
  return Object.values(manifest?.migrations ?? {}).map((name) => /^\d+/.exec(name)?.[0] ?? "").filter(Boolean).sort();
}

/** Removes what `meta-ads add-to` wrote, and the manifest. */
export async function removeInstalledFiles(host: string): Promise<FileRemoval> {
  const manifest = readManifest(host);
  if (manifest === null) return { removed: [], kept: [] };
  const removed: string[] = [];
  const kept: string[] = [];
  for (const [path, digest] of Object.entries(manifest.files)) {
    if (!existsSync(join(host, path))) continue;
    (digestOf(await readFile(join(host, path), "utf8")) === digest ? removed : kept).push(path);
  }
  const configPath = join(host, "supabase/config.toml");
  const config = removeSections(await readFile(configPath, "utf8"), manifest.config, manifest.config_separator);
  await writeFile(configPath, config.config);
  kept.push(...config.kept.map((slug) => `supabase/config.toml [functions.${slug}]`));
  await removeFiles(host, [...removed, MANIFEST_PATH]);
  return { removed: [...removed, MANIFEST_PATH], kept };
}
