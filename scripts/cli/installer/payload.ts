/**
 * What is installed into a host's repo: migrations, functions with their settings, and the modules in `shared/`. All of
 * it is read from this repo as it stands, so that nothing has to be listed twice.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suiteRoot } from "../suite_root.ts";

/** Names of migrations: digits, underscore, words. */
export const MIGRATION_NAME: RegExp = /^(\d+)_([a-z0-9_]+\.sql)$/;

/** A file to install. */
export interface PayloadFile {
  /** Path in the host's repo, with slashes. */
  path: string;
  /** Content. */
  text: string;
}

/** A migration to install; its stamp is the host's to choose. */
export interface PayloadMigration {
  /** File name in this repo, which identifies the migration. */
  name: string;
  /** Content. */
  text: string;
}

/** Everything to install. */
export interface Payload {
  /** Version of this suite. */
  version: string;
  /** In the order of their stamps. */
  migrations: PayloadMigration[];
  /** Files of functions and of `shared/`. */
  files: PayloadFile[];
  /** Slugs of the functions. */
  slugs: string[];
}

function listFiles(directory: string, prefix = ""): string[] {
  const paths: string[] = [];
  for (const entry of readdirSync(join(directory, prefix), { withFileTypes: true })) {
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) paths.push(...listFiles(directory, path));
    else if (entry.isFile() && !entry.name.startsWith(".")) paths.push(path);
  }
  return paths.sort();
}

/** Reads the payload of a suite. `sharedDirectory` is where the host has `shared/`, relative to its root. */
export function readPayload(sharedDirectory = "shared", root: string = suiteRoot): Payload {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const described: { version?: unknown } = JSON.parse(read("package.json"));
  const migrations = listFiles(join(root, "supabase/migrations")).filter((name) => MIGRATION_NAME.test(name));
  const functions = listFiles(join(root, "supabase/functions")).filter((path) => path.includes("/"));
  const slugs = [...new Set(functions.map((path) => path.split("/")[0] ?? ""))]
    .filter((slug) => existsSync(join(root, "supabase/functions", slug, "index.ts")));
  return {
    version: String(described.version),
    migrations: migrations.map((name) => ({ name, text: read(`supabase/migrations/${name}`) })),
    files: [
      ...functions.filter((path) => slugs.includes(path.split("/")[0] ?? "")).map((path) => ({
        path: `supabase/functions/${path}`,
        text: read(`supabase/functions/${path}`).replaceAll("../../../shared/", `../../../${sharedDirectory}/`),
      })),
      ...listFiles(join(root, "shared")).map((path) => ({
        path: `${sharedDirectory}/${path}`,
        text: read(`shared/${path}`),
      })),
    ],
    slugs,
  };
}
