/**
 * What the installer remembers in the host's repo, in `supabase/fb-ads.json`: which files are ours and what was in them,
 * and the name that each migration got there. With it an upgrade knows what it may replace.
 *
 * @module
 */

import { join } from "node:path";
import { z } from "zod";
import { exists } from "../../supabase-local/project.ts";

/** Where the manifest is, below the host's root. It belongs in the host's version control. */
export const MANIFEST_PATH = "supabase/fb-ads.json";

const ManifestSchema = z.object({
  /** Version that was installed last. */
  version: z.string(),
  /** Directory of the shared modules. */
  shared_directory: z.string(),
  /** Our name of a migration → its file name at the host. */
  migrations: z.record(z.string(), z.string()),
  /** Path → SHA-256 of what was written. */
  files: z.record(z.string(), z.string()),
  /** Slug → section of `config.toml` that was written. */
  config: z.record(z.string(), z.string()),
  /** What was put between the host's `config.toml` and the first of these sections. */
  config_separator: z.string(),
});

/** What was installed. */
export type Manifest = z.infer<typeof ManifestSchema>;

/** SHA-256 of a text. */
export async function digestOf(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads the host's manifest; null where nothing was installed. Throws when it is not ours. */
export async function readManifest(host: string): Promise<Manifest | null> {
  const path = join(host, MANIFEST_PATH);
  if (!exists(path)) return null;
  return ManifestSchema.parse(JSON.parse(await Deno.readTextFile(path)));
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
