/**
 * Cluster templates: a data directory with roles and extensions, and one with the migrations on top. Making them takes
 * seconds, copying them a moment; the cache key holds everything that goes in, so a template is never stale.
 *
 * @module
 */

import { join } from "node:path";
import { cached, hashOf } from "./cache.ts";
import { pushMigrations } from "./cli.ts";
import type { Installation } from "./installation.ts";
import { exists, platformDirectory, PlatformError } from "./project.ts";
import type { Reaper } from "./reaper.ts";
import { type Server, startServer } from "./server.ts";
import { serverUser } from "./server_user.ts";

/** A server that crashes again and again must not hold the cache's lock for ever. */
const TEMPLATE_WITHIN_MS = 180_000;

const FILES = { data: "data", password: "password" } as const;

/** A template in the cache. */
export interface Template {
  /** The data directory to copy. */
  dataDirectory: string;
  /** Password of the roles in it. */
  password: string;
  /** Its cache key. */
  key: string;
}

/** The template with roles and extensions, made when the cache has none. */
export async function baseTemplate(reaper: Reaper, installation: Installation): Promise<Template> {
  const sql = await Promise.all(
    ["roles", "extensions"].map((name) => Deno.readTextFile(join(platformDirectory, "sql", `${name}.sql`))),
  );
  const key = await hashOf([installation.key, ...sql, "3"]);
  const directory = await cached("cluster", key, (path) => reaper.own(path), async (path) => {
    await Deno.chmod(path, 0o711);
    const password = crypto.randomUUID().replaceAll("-", "");
    await Deno.writeTextFile(join(path, FILES.password), password, { mode: 0o600 });
    await initialise(reaper, installation, join(path, FILES.data), password);
    await withServer(reaper, installation, join(path, FILES.data), password, async (server) => {
      const client = server.connect({ max: 1 });
      for (const text of sql) await client.unsafe(text.replaceAll(":password", `'${password}'`)).simple();
      await client.end();
    });
  });
  return await readTemplate(directory, key);
}

/** The template with the project's migrations applied by the real CLI, made when the cache has none. */
export async function migratedTemplate(
  reaper: Reaper,
  installation: Installation,
  projectRoot: string,
): Promise<Template> {
  const base = await baseTemplate(reaper, installation);
  const migrations = join(projectRoot, "supabase/migrations");
  const names = exists(migrations) ? [...Deno.readDirSync(migrations)].map((entry) => entry.name).sort() : [];
  const files = names.filter((name) => name.endsWith(".sql"));
  if (files.length === 0) return base;
  const texts = files.map((name) => Deno.readTextFileSync(join(migrations, name)));
  // What migrations store is dated: on a later day it is only old, but on an earlier one it would be of the future.
  const day = Deno.env.get("PLATFORM_CLOCK") ?? "";
  const key = await hashOf([base.key, "migrated 3", day, ...files, ...texts]);
  const directory = await cached("cluster", key, (path) => reaper.own(path), async (path) => {
    await Deno.chmod(path, 0o711);
    await Deno.writeTextFile(join(path, FILES.password), base.password, { mode: 0o600 });
    const data = await copyData(reaper, base, path);
    await withServer(reaper, installation, data, base.password, async (server) => {
      await pushMigrations(reaper, projectRoot, server.url("postgres"), path);
    });
  });
  return await readTemplate(directory, key);
}

/** Copies a template's data directory into `directory` and returns the copy's path. */
export async function copyData(reaper: Reaper, template: Template, directory: string): Promise<string> {
  const { success, output } = await reaper.run({
    command: ["cp", "-Rp", template.dataDirectory, directory],
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    cwd: directory,
  });
  if (!success) throw new PlatformError(`The cluster cannot be copied: ${output}`);
  return join(directory, FILES.data);
}

async function readTemplate(directory: string, key: string): Promise<Template> {
  return {
    dataDirectory: join(directory, FILES.data),
    password: await Deno.readTextFile(join(directory, FILES.password)),
    key,
  };
}

async function initialise(
  reaper: Reaper,
  installation: Installation,
  data: string,
  password: string,
): Promise<void> {
  const user = serverUser();
  await Deno.mkdir(data, { mode: 0o700 });
  const passwordFile = `${data}-initial`;
  await Deno.writeTextFile(passwordFile, password, { mode: 0o600 });
  if (user) {
    await Deno.chown(data, user.uid, user.gid);
    await Deno.chown(passwordFile, user.uid, user.gid);
  }
  const { success, output } = await reaper.run({
    command: [
      join(installation.bin, "initdb"),
      ...["-D", data, "-U", "supabase_admin", "-A", "scram-sha-256", `--pwfile=${passwordFile}`],
      // Small segments of the log: a copy of the data directory is half as large.
      ...["-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--wal-segsize=1"],
    ],
    env: { ...installation.env, PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C.UTF-8" },
    cwd: data,
    user,
  });
  await Deno.remove(passwordFile);
  if (!success) throw new PlatformError(`initdb failed: ${output}`);
  await writeVaultKey(data, user);
}

/** Vault's root key: a file for the stand-in, a program that prints it for the real one. */
async function writeVaultKey(data: string, user: { uid: number; gid: number } | undefined): Promise<void> {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const files: [string, string, number][] = [
    ["vault_root_key", key, 0o600],
    ["vault_getkey", `#!/bin/sh\necho ${key}\n`, 0o700],
  ];
  for (const [name, text, mode] of files) {
    await Deno.writeTextFile(join(data, name), text, { mode });
    if (user) await Deno.chown(join(data, name), user.uid, user.gid);
  }
}

async function withServer(
  reaper: Reaper,
  installation: Installation,
  dataDirectory: string,
  password: string,
  work: (server: Server) => Promise<void>,
): Promise<void> {
  const server = await startServer(reaper, { installation, dataDirectory, password, schedule: false });
  let giveUp: ReturnType<typeof setTimeout> | undefined;
  const isLate = new Promise<never>((_, reject) => {
    giveUp = setTimeout(
      () => reject(new PlatformError(`The template was not made in time. The server says:\n${lastWords()}`)),
      TEMPLATE_WITHIN_MS,
    );
  });
  const lastWords = () => server.lastLines().join("\n");
  try {
    await Promise.race([work(server), isLate]);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw new PlatformError(`The template cannot be made: ${String(error)}\nThe server says:\n${lastWords()}`);
  } finally {
    clearTimeout(giveUp);
    await server.shutDown();
  }
}
