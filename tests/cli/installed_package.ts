/**
 * The packed tarball as npm installs it: `meta-ads` on Node, with the packages that it depends on, in a directory that
 * knows nothing of this repository. Its Supabase CLI is the real one behind a script that writes down the arguments.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { dirname, join } from "node:path";
import { withLock } from "../../scripts/supabase-local/cache.ts";
import { repositoryRoot } from "../../scripts/supabase-local/mod.ts";
import { findSupabaseCli } from "../../scripts/supabase-local/project.ts";
import { buildEnv, type Outcome, outcomeOf } from "./meta_ads.ts";

/** The installed package. */
export interface InstalledPackage extends AsyncDisposable {
  /** The directory that it was installed into. */
  path: string;
  /** Files of the package. */
  files: string[];
  /** Runs `npx meta-ads` there, or elsewhere. */
  npx(args: readonly string[], options?: { cwd?: string; env?: Record<string, string> }): Promise<Outcome>;
  /** The arguments of every call of the Supabase CLI so far. */
  cliCalls(): string[][];
}

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const output = await new Deno.Command(command, { args: [...args], cwd, stdin: "null" }).output();
  assertEquals(output.code, 0, new TextDecoder().decode(output.stderr));
  return new TextDecoder().decode(output.stdout);
}

async function link(target: string, path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.symlink(target, path);
}

/** Puts a script in the place of the CLI's binary. It keeps each call's arguments on a line of their own, as JSON. */
async function recordCli(modules: string, log: string): Promise<void> {
  const real = findSupabaseCli();
  const [, family] = /@supabase\/(cli-[^/]+)\//.exec(real) ?? [];
  const binary = join(modules, "@supabase", String(family), "bin/supabase");
  await Deno.mkdir(dirname(binary), { recursive: true });
  await Deno.writeTextFile(join(modules, "@supabase", String(family), "package.json"), "{}");
  await Deno.mkdir(join(modules, "supabase"));
  await Deno.writeTextFile(join(modules, "supabase/package.json"), "{}");
  const write = "require('node:fs').appendFileSync(process.argv[1], JSON.stringify(process.argv.slice(2)) + '\\n')";
  await Deno.writeTextFile(binary, `#!/bin/sh\nnode -e "${write}" '${log}' "$@"\nexec '${real}' "$@"\n`, {
    mode: 0o755,
  });
}

/** Packs and installs. */
export async function installPackage(): Promise<InstalledPackage> {
  const path = await Deno.makeTempDir({ prefix: "installed-" });
  const modules = join(path, "node_modules");
  const own = join(modules, "supabase-meta-ads");
  const log = join(path, "cli_calls");
  await Deno.mkdir(own, { recursive: true });
  // Packing builds dist/, which is one for all.
  const pack = ["pack", "--json", "--ignore-scripts=false", "--pack-destination", path];
  const packed = await withLock("package", () => run("npm", pack, repositoryRoot));
  const [tarball]: { filename: string; files: { path: string }[] }[] = JSON.parse(packed.slice(packed.indexOf("[")));
  await run("tar", ["-xzf", join(path, String(tarball?.filename)), "-C", own, "--strip-components=1"], path);
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
    await Deno.readTextFile(join(own, "package.json")),
  );
  for (const name of Object.keys(dependencies)) {
    await link(join(repositoryRoot, "node_modules", name), join(modules, name));
  }
  await recordCli(modules, log);
  await Deno.chmod(join(own, "dist/meta-ads.mjs"), 0o755);
  await link("../supabase-meta-ads/dist/meta-ads.mjs", join(modules, ".bin/meta-ads"));
  await Deno.writeTextFile(join(path, "package.json"), `{"name": "host", "private": true}\n`);
  return {
    path,
    files: (tarball?.files ?? []).map((file) => file.path),
    npx: (args, { cwd = path, env = {} } = {}) =>
      outcomeOf(
        new Deno.Command(join(modules, ".bin/meta-ads"), {
          args: [...args],
          cwd,
          clearEnv: true,
          env: buildEnv(env),
          stdin: "null",
          stdout: "piped",
          stderr: "piped",
        }).spawn(),
      ),
    cliCalls() {
      const lines = Deno.readTextFileSync(log).split("\n").filter((line) => line !== "");
      return lines.map((line): string[] => JSON.parse(line));
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}
