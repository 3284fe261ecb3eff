/**
 * A PostgreSQL installation that the platform can use: the one from npm, or the one that `PG_BIN` names. It must run as
 * a user who is not root and offer pg_cron, pg_net and supabase_vault; where it lacks one, a copy of it gets the
 * stand-in.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { cached, hashOf } from "./cache.ts";
import { exists, findEmbeddedPostgres, platformDirectory, PlatformError } from "./project.ts";
import type { Reaper } from "./reaper.ts";

/** The extensions that a hosted project has and a plain server has not. */
const PLATFORM_EXTENSIONS = ["pg_cron", "pg_net", "supabase_vault"] as const;

/** One of {@linkcode PLATFORM_EXTENSIONS}. */
export type PlatformExtension = typeof PLATFORM_EXTENSIONS[number];

/** A server installation, ready to run. */
export interface Installation {
  /** Directory of `initdb` and `postgres`. */
  bin: string;
  /** Environment that its programs need. */
  env: Record<string, string>;
  /** Major version, such as 17. */
  major: number;
  /** The extensions that are the real thing here; the others are stand-ins. */
  real: ReadonlySet<PlatformExtension>;
  /** Changes when anything of the installation changes. */
  key: string;
}

/** Finds the installation and prepares it; `pgBin` is the directory of its programs, default `PG_BIN`, else npm's. */
export async function prepareInstallation(reaper: Reaper, pgBin = Deno.env.get("PG_BIN")): Promise<Installation> {
  return pgBin ? await prepareNamed(reaper, pgBin) : await prepareEmbedded(reaper);
}

async function prepareEmbedded(reaper: Reaper): Promise<Installation> {
  const source = findEmbeddedPostgres();
  const manifest = await Deno.readTextFile(join(source, "../package.json"));
  const key = await hashOf([manifest, source, ...extensionFiles().map((file) => Deno.readTextFileSync(file))]);
  const root = await cached("postgres", key, (directory) => reaper.own(directory), async (directory) => {
    await copyTree(reaper, source, directory);
    await restoreSymlinks(directory);
    for (const program of Deno.readDirSync(join(directory, "bin"))) {
      await Deno.chmod(join(directory, "bin", program.name), 0o755);
    }
    await addStandIns(join(directory, "share/postgresql/extension"), new Set());
  });
  return describe(join(root, "bin"), { LD_LIBRARY_PATH: join(root, "lib") }, new Set(), key);
}

async function prepareNamed(reaper: Reaper, pgBin: string): Promise<Installation> {
  if (!exists(join(pgBin, "initdb")) || !exists(join(pgBin, "postgres"))) {
    throw new PlatformError(`PG_BIN is ${pgBin}, where there is no initdb and postgres.`);
  }
  pgBin = dirname(await Deno.realPath(join(pgBin, "postgres")));
  const share = await configuredDirectory(pgBin, "--sharedir", "../share");
  const library = await configuredDirectory(pgBin, "--pkglibdir", "../lib");
  const extensions = join(share, "extension");
  const real = new Set(PLATFORM_EXTENSIONS.filter((name) => exists(join(extensions, `${name}.control`))));
  const version = await programOutput(join(pgBin, "postgres"), "--version");
  const controls = [...real].map((name) => Deno.readTextFileSync(join(extensions, `${name}.control`)));
  const files = extensionFiles().map((file) => Deno.readTextFileSync(file));
  const key = await hashOf([pgBin, version, share, library, ...controls, ...files]);
  if (real.size === PLATFORM_EXTENSIONS.length) return describe(pgBin, {}, real, key);

  const root = await cached("postgres", key, (directory) => reaper.own(directory), async (directory) => {
    const layout = relocatableLayout(pgBin, share, library);
    for (const part of [layout.bin, layout.share, layout.library]) {
      await Deno.mkdir(join(directory, part.to, ".."), { recursive: true });
      await copyTree(reaper, part.from, join(directory, part.to));
    }
    await addStandIns(join(directory, layout.share.to, "extension"), real);
    await Deno.writeTextFile(join(directory, "bin-directory"), layout.bin.to);
  });
  return describe(join(root, await Deno.readTextFile(join(root, "bin-directory"))), {}, real, key);
}

/**
 * Where the parts of an installation go in a copy. PostgreSQL finds its files by the path from its own program, as far
 * as that path was built in; so the copy repeats the paths below their longest common directory.
 */
function relocatableLayout(bin: string, share: string, library: string) {
  const paths = [bin, share, library].map((path) => Deno.realPathSync(path).split("/"));
  let shared = 0;
  while (paths.every((path) => path[shared] !== undefined && path[shared] === paths[0]?.[shared])) shared++;
  const [binTo, shareTo, libraryTo] = paths.map((path) => path.slice(shared).join("/"));
  if (!binTo || !shareTo || !libraryTo) {
    throw new PlatformError(
      `The installation of PG_BIN (${bin}) has a layout that cannot be copied; add the real ` +
        `extensions (${PLATFORM_EXTENSIONS.join(", ")}) to it, or leave PG_BIN unset.`,
    );
  }
  return {
    bin: { from: bin, to: binTo },
    share: { from: share, to: shareTo },
    library: { from: library, to: libraryTo },
  };
}

async function configuredDirectory(pgBin: string, option: string, fallback: string): Promise<string> {
  const program = join(pgBin, "pg_config");
  if (!exists(program)) return join(pgBin, fallback, "postgresql");
  return await programOutput(program, option);
}

async function programOutput(program: string, option: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [option] }).output();
  if (!success) throw new PlatformError(`${program} ${option} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim();
}

async function describe(
  bin: string,
  env: Record<string, string>,
  real: ReadonlySet<PlatformExtension>,
  key: string,
): Promise<Installation> {
  const { success, stdout, stderr } = await new Deno.Command(join(bin, "postgres"), { args: ["--version"], env })
    .output();
  const major = /\(PostgreSQL\) (\d+)/.exec(new TextDecoder().decode(stdout))?.[1];
  if (!success || !major) {
    throw new PlatformError(`${bin}/postgres does not run on this machine: ${new TextDecoder().decode(stderr)}`);
  }
  return { bin, env, major: Number(major), real, key };
}

/** npm cannot carry links; the package lists them, and its post-install script may have been switched off. */
async function restoreSymlinks(directory: string): Promise<void> {
  const list: unknown = JSON.parse(await Deno.readTextFile(join(directory, "pg-symlinks.json")));
  if (!Array.isArray(list)) throw new PlatformError("pg-symlinks.json of the PostgreSQL package is not a list.");
  for (const { source, target } of list) {
    const link = join(directory, String(target).replace(/^native\//, ""));
    await Deno.remove(link).catch(() => undefined);
    await Deno.symlink(baseOf(String(source)), link);
  }
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function extensionFiles(): string[] {
  const directory = join(platformDirectory, "extensions");
  return [...Deno.readDirSync(directory)].map((entry) => join(directory, entry.name)).sort();
}

async function addStandIns(extensions: string, real: ReadonlySet<PlatformExtension>): Promise<void> {
  for (const file of extensionFiles()) {
    const name = baseOf(file);
    if ([...real].some((extension) => name.startsWith(`${extension}--`) || name === `${extension}.control`)) continue;
    await Deno.copyFile(file, join(extensions, name));
    await Deno.chmod(join(extensions, name), 0o644);
  }
}

async function copyTree(reaper: Reaper, from: string, to: string): Promise<void> {
  const { success, output } = await reaper.run({
    command: ["cp", "-R", exists(to) ? `${from}/.` : from, to],
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    cwd: "/",
  });
  if (!success) throw new PlatformError(`${from} cannot be copied: ${output}`);
}
