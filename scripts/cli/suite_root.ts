/**
 * Where this suite and its packages are: the sources of the repository, or the package that npm installed, whose
 * commands are one bundled file.
 *
 * @module
 */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

function findRoot(directory: string): string {
  return existsSync(join(directory, "package.json")) ? directory : findRoot(dirname(directory));
}

/** The root directory of the suite: the nearest one above this module that has a `package.json`. */
export const suiteRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Reads a file of the suite; `path` is below its root. */
export function readSuiteFile(path: string): string {
  return readFileSync(join(suiteRoot, path), "utf8");
}

/** Version of the suite. */
export function readSuiteVersion(): string {
  const described: { version?: unknown } = JSON.parse(readSuiteFile("package.json"));
  return String(described.version);
}

const require = createRequire(import.meta.url);

/** Path of a file of a package that the suite depends on, wherever npm put it. */
export function findPackageFile(specifier: string): string {
  return require.resolve(specifier);
}

/**
 * The Supabase CLI: the binary in its platform package, because the `.bin` link and the post-install copy are missing
 * where install scripts are off; else the `supabase` on the `PATH`.
 */
export function findSupabaseCli(): string {
  const os = process.platform === "win32" ? "windows" : process.platform;
  try {
    const beside = createRequire(require.resolve("supabase/package.json"));
    for (const family of ["", "-musl"]) {
      const name = `@supabase/cli-${os}-${process.arch}${family}`;
      try {
        const binary = join(dirname(beside.resolve(`${name}/package.json`)), "bin", "supabase");
        return os === "windows" ? `${binary}.exe` : binary;
      } catch {
        continue;
      }
    }
  } catch {
    // The package is not installed.
  }
  return "supabase";
}
