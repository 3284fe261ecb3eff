/**
 * The functions' sections in the host's `supabase/config.toml`. The file is the host's: sections are added at its end
 * and taken away as they were written; not a character of anything else changes.
 *
 * @module
 */

import { parse } from "@std/toml";

/** What the host's file says of a function; null where it says nothing. */
export function readFunctionSection(config: string, slug: string): { verify_jwt: unknown } | null {
  const { functions } = parse(config) as { functions?: Record<string, unknown> };
  const section = functions?.[slug];
  if (typeof section !== "object" || section === null) return null;
  return { verify_jwt: (section as { verify_jwt?: unknown }).verify_jwt };
}

/** The section of one of our functions. Each checks the caller's key by itself, so the platform must let it through. */
export function buildFunctionSection(slug: string): string {
  return [
    `[functions.${slug}]`,
    "enabled = true",
    "verify_jwt = false",
    `import_map = "./functions/${slug}/deno.json"`,
    `entrypoint = "./functions/${slug}/index.ts"`,
    "",
  ].join("\n");
}

function lineEndOf(config: string): string {
  return config.includes("\r\n") ? "\r\n" : "\n";
}

/** What must stand between the file and sections at its end. */
export function separatorOf(config: string): string {
  const end = lineEndOf(config);
  if (config === "" || config.endsWith(end + end)) return "";
  return config.endsWith("\n") ? end : end + end;
}

/** Adds sections at the end, in the file's own kind of lines. */
export function appendSections(config: string, sections: readonly string[]): string {
  if (sections.length === 0) return config;
  return config + separatorOf(config) + sections.join("\n").replaceAll("\n", lineEndOf(config));
}

/** Takes sections away that stand there as they were written, and what separated them from the rest. */
export function removeSections(
  config: string,
  sections: Readonly<Record<string, string>>,
  separator: string,
): { config: string; kept: string[] } {
  const end = lineEndOf(config);
  const asWritten = (text: string) => text.replaceAll("\n", end);
  const together = separator + asWritten(Object.values(sections).join("\n"));
  if (config.includes(together)) return { config: config.replace(together, () => ""), kept: [] };
  const kept: string[] = [];
  let rest = config;
  for (const [slug, section] of Object.entries(sections)) {
    const parts = rest.split(asWritten(section));
    if (parts.length === 2) rest = parts.join("");
    else kept.push(slug);
  }
  return { config: rest, kept };
}
