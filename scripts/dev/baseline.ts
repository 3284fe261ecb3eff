/**
 * `npm run baseline`: writes the first release's migration from the schema files, in the order that `schema_paths` in
 * `supabase/config.toml` says, and the data that the schema needs behind them. Comments stay.
 *
 * It replaces every migration that is not released: until 0.1.0 is out, the schema files are edited and this is run
 * again. From then on a migration is drafted from the difference, and this refuses to run.
 *
 * @module
 */

import { parse } from "@std/toml";
import { join } from "node:path";
import { readPublicNames } from "../cli/installer/public_names.ts";
import { repositoryRoot } from "../supabase-local/mod.ts";
import { readArguments } from "./arguments.ts";
import { buildPreflight } from "./preflight.ts";

/** The migration that this writes; its stamp is the day of the release. */
export const BASELINE = "20261127000000_fb_ads_0_1_0.sql";

/** Applied once behind the schema files, and no part of what is compared. */
export const DATA_FILE = "schemas/data.sql";

/** Names of released migrations with the SHA-256 of their text. */
const RELEASED_FILE = "supabase/released.json";

interface Config {
  db: { migrations: { schema_paths: string[] } };
}

/** Paths of the schema files below `supabase/`, in the order in which they are applied. */
export function listSchemaFiles(root: string = repositoryRoot): string[] {
  const config = parse(Deno.readTextFileSync(join(root, "supabase/config.toml"))) as unknown as Config;
  return config.db.migrations.schema_paths.map((path) => path.replace(/^\.\//, ""));
}

/** Released migrations: file name → SHA-256 of its text in hex. */
export function readReleased(root: string = repositoryRoot): Record<string, string> {
  return JSON.parse(Deno.readTextFileSync(join(root, RELEASED_FILE)));
}

/** The text of the baseline: what looks for taken names, every schema file behind its path, then the data. */
export function buildBaseline(root: string = repositoryRoot): string {
  const files = [...listSchemaFiles(root), DATA_FILE].map((path) => ({
    path,
    text: Deno.readTextFileSync(join(root, "supabase", path)).trim(),
  }));
  return [buildPreflight(readPublicNames(files)), ...files.map(({ path, text }) => `-- ${path}\n\n${text}\n`)].join(
    "\n",
  );
}

if (import.meta.main) {
  readArguments({ call: "npm run baseline", does: "Writes the first release's migration from the schema files." });
  const released = Object.keys(readReleased());
  if (released.length > 0) throw new Error(`${released[0]} is released: draft a new migration from the difference.`);
  const directory = join(repositoryRoot, "supabase/migrations");
  for (const { name } of [...Deno.readDirSync(directory)]) {
    if (name.endsWith(".sql")) Deno.removeSync(join(directory, name));
  }
  Deno.writeTextFileSync(join(directory, BASELINE), buildBaseline());
  console.log(`wrote supabase/migrations/${BASELINE}`);
}
