/**
 * What the installer remembers in the host's repo, in `supabase/fb-ads.json`: which files are ours and what was in
 * them, and the name that each migration got there. With it an upgrade knows what it may replace.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CommandError } from "../command_errors.ts";

/** Where the manifest is, below the host's root. It belongs in the host's version control. */
export const MANIFEST_PATH = "supabase/fb-ads.json";

const ManifestSchema = z.object({
  /** Version that was installed last. */
  version: z.string(),
  /** Directory of the shared modules. */
  shared_directory: z.string(),
  /** Our name of a migration → its file name at the host. */
  migrations: z.record(z.string(), z.string()),
  /** Path → digest of what was written, see `digestOf()`. */
  files: z.record(z.string(), z.string()),
  /** Slug → section of `config.toml` that was written. */
  config: z.record(z.string(), z.string()),
  /** What was put between the host's `config.toml` and the first of these sections. */
  config_separator: z.string(),
});

/** What was installed. */
export type Manifest = z.infer<typeof ManifestSchema>;

/**
 * What formatters and version controls change of their own accord: white space, quotes and their backslashes,
 * semicolons, commas, parentheses, and the sign before the first of several types.
 */
const FORM = /[\s"'`;,()]|\\(?=["'`])|(?<=(?:[=:(<,?[]|=>|keyof|extends)\s*)[|&](?![|&])/g;

/**
 * SHA-256 of what a text says: an installed file with other line ends, quotes or line breaks is still as it was
 * installed. A change of these signs alone goes unseen.
 */
export function digestOf(text: string): string {
  return createHash("sha256").update(text.replace(FORM, "")).digest("hex");
}

/** Reads the host's manifest; null where nothing was installed. Throws when it is not ours. */
export function readManifest(host: string): Manifest | null {
  const path = join(host, MANIFEST_PATH);
  if (!existsSync(path)) return null;
  try {
    return ManifestSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    throw new CommandError(
      `${MANIFEST_PATH} is not as the suite wrote it. Take it back from your version control, and run this again.`,
    );
  }
}

/** The manifest as text, in an order that makes small differences. */
export function formatManifest(manifest: Manifest): string {
  const sorted = (record: Record<string, string>) =>
    Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${
    JSON.stringify(
      {
        version: manifest.version,
        shared_directory: manifest.shared_directory,
        migrations: sorted(manifest.migrations),
        files: sorted(manifest.files),
        config: sorted(manifest.config),
        config_separator: manifest.config_separator,
      },
      null,
      2,
    )
  }\n`;
}
