/**
 * The imports of a module as the deployment's scanner sees them: from the text, static, dynamic and for types alone.
 *
 * @module
 */

import { dirname, relative, resolve } from "node:path";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";

/** One import statement. */
export interface Import {
  /** The importing file, relative to the repository. */
  from: string;
  /** The file it names, relative to the repository; null for a package. */
  file: string | null;
  /** What the statement names. */
  specifier: string;
  /** `import type` or `export type`: gone when the program runs. */
  typeOnly: boolean;
}

const IMPORT =
  /^\s*(?:import|export)\s+(type\s)?[^"'`;]*?from\s+["']([^"']+)["']|^\s*import\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;

/** The text of a file without its comments. */
export function codeOf(file: string): string {
  const text = Deno.readTextFileSync(resolve(repositoryRoot, file));
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[\s;])\/\/.*$/gm, "$1");
}

/** The imports of one file. */
export function importsOf(file: string): Import[] {
  return [...codeOf(file).matchAll(IMPORT)].map((found) => {
    const specifier = found[2] ?? found[3] ?? found[4] ?? "";
    const target = specifier.startsWith(".")
      ? relative(repositoryRoot, resolve(repositoryRoot, dirname(file), specifier))
      : null;
    return { from: file, file: target, specifier, typeOnly: found[1] !== undefined };
  });
}

/** Every file that is reached from one, itself included. */
export function reachedFrom(file: string, reached: Set<string> = new Set()): Set<string> {
  if (reached.has(file)) return reached;
  reached.add(file);
  for (const { file: target } of importsOf(file)) {
    if (target !== null) reachedFrom(target, reached);
  }
  return reached;
}

/**
 * The TypeScript files below a directory of the repository, relative to it; without tests unless they are asked for.
 */
export function sourcesBelow(directory: string, with_tests = false): string[] {
  const found: string[] = [];
  const root = resolve(repositoryRoot, directory);
  for (const entry of Deno.readDirSync(root)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) found.push(...sourcesBelow(path, with_tests));
    else if (/\.ts$/.test(entry.name) && (with_tests || !/_test\.ts$/.test(entry.name))) found.push(path);
  }
  return found.sort();
}
