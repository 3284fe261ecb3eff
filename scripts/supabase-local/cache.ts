/**
 * The cache of prepared server installations and cluster templates. Several processes share it: an entry is built under
 * a lock and a temporary name and appears by one rename, so that nobody ever sees half of one. Whoever uses an entry
 * holds it until the process ends, however it ends. Old entries that nobody holds are deleted.
 *
 * @module
 */

import { join } from "node:path";
import { exists, PlatformError } from "./project.ts";
import { serverMayEnter } from "./server_user.ts";

const KEPT_ENTRIES_PER_KIND = 6;
/** Whoever waits for longer says what for. */
const SILENT_WAIT_MS = 2_000;
/** In every entry; who uses the entry holds a shared lock of it. The system releases it when the process dies. */
const HOLD_FILE = ".hold";

/** Never closed: a process holds what it has used until it ends. */
const held = new Map<string, Deno.FsFile>();

/**
 * The cache directory: the one named in `PLATFORM_CACHE`, else the user's cache directory. For root it is below
 * `/var/cache`, because the server then runs as another user, who may not enter root's home.
 */
export function cacheDirectory(): string {
  const name = "supabase-meta-ads";
  const home = Deno.env.get("HOME");
  const candidates = [
    Deno.env.get("PLATFORM_CACHE"),
    Deno.uid() === 0 ? "/var/cache" : Deno.env.get("XDG_CACHE_HOME") ?? (home && join(home, ".cache")),
    Deno.env.get("TMPDIR") ?? "/tmp",
  ];
  for (const [index, candidate] of candidates.entries()) {
    if (!candidate) continue;
    const directory = index === 0
      ? candidate
      : index === 2
      ? join(candidate, `${name}-${Deno.uid()}`)
      : join(candidate, name);
    try {
      Deno.mkdirSync(directory, { recursive: true, mode: 0o755 });
      Deno.removeSync(Deno.makeTempFileSync({ dir: directory, prefix: "probe-" }));
      if (Deno.statSync(directory).uid !== Deno.uid() || !serverMayEnter(directory)) continue;
      return directory;
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotFound) continue;
      if (error instanceof Error && /read-only/i.test(error.message)) continue;
      throw error;
    }
  }
  throw new PlatformError("No directory for the platform's cache can be written; name one in PLATFORM_CACHE.");
}

/** Runs `work` while no other process holds the lock of this name; says so when it has to wait. */
export async function withLock<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const path = join(cacheDirectory(), `${name}.lock`);
  const file = await Deno.open(path, { create: true, write: true, read: true });
  const notice = setTimeout(
    () => console.error(`Another process is preparing "${name}" in ${cacheDirectory()}; waiting for it …`),
    SILENT_WAIT_MS,
  );
  try {
    await file.lock(true);
    clearTimeout(notice);
    return await work();
  } finally {
    clearTimeout(notice);
    file.close();
  }
}

/** Holds an entry until this process ends. False where there is none, or it was deleted at this moment. */
async function hold(directory: string): Promise<boolean> {
  const path = join(directory, HOLD_FILE);
  if (held.has(directory)) return exists(path);
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  await file.lock(false);
  // Who deletes an entry moves it away first.
  if (!exists(path)) {
    file.close();
    return false;
  }
  held.set(directory, file);
  return true;
}

/**
 * The cached directory of this kind and key, built by `build` into the given empty directory when it is not there yet.
 * `guard` is told of the temporary directory, so that a killed build leaves nothing. The entry stays until this process
 * ends.
 */
export async function cached(
  kind: string,
  key: string,
  guard: (directory: string) => Promise<void>,
  build: (directory: string) => Promise<void>,
): Promise<string> {
  const root = cacheDirectory();
  const directory = join(root, `${kind}-${key}`);
  if (await hold(directory)) {
    touch(directory);
    return directory;
  }
  return await withLock(kind, async () => {
    if (await hold(directory)) return directory;
    const temporary = join(root, `building-${kind}-${crypto.randomUUID()}`);
    await guard(temporary);
    try {
      await Deno.mkdir(temporary, { mode: 0o755 });
      await build(temporary);
      await Deno.writeTextFile(join(temporary, HOLD_FILE), "");
      // What nobody can hold is no entry.
      await removeUnheld(directory, join(root, `deleted-${kind}-`));
      await Deno.rename(temporary, directory);
    } catch (error) {
      await Deno.remove(temporary, { recursive: true }).catch(() => undefined);
      throw error;
    }
    if (!await hold(directory)) throw new PlatformError(`${directory} vanished as soon as it was built.`);
    await prune(root, kind);
    return directory;
  });
}

/** Notes that an entry is in use, by the file system's own clock: ours may be another day's (`PLATFORM_CLOCK`). */
function touch(directory: string): void {
  try {
    Deno.removeSync(Deno.makeTempFileSync({ dir: directory, prefix: "used-" }));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

/**
 * Deletes the entries of a kind beyond the newest few, except those that somebody holds. Called under the kind's lock.
 */
async function prune(root: string, kind: string): Promise<void> {
  const entries: { path: string; usedAt: number }[] = [];
  for (const entry of Deno.readDirSync(root)) {
    if (!entry.isDirectory) continue;
    const path = join(root, entry.name);
    // What a killed build or deletion left behind; nobody else builds this kind now.
    if (entry.name.startsWith(`building-${kind}-`) || entry.name.startsWith(`deleted-${kind}-`)) {
      await Deno.remove(path, { recursive: true }).catch(() => undefined);
    } else if (entry.name.startsWith(`${kind}-`)) {
      const { mtime } = await Deno.stat(path).catch(() => ({ mtime: null }));
      if (mtime) entries.push({ path, usedAt: mtime.getTime() });
    }
  }
  entries.sort((one, other) => other.usedAt - one.usedAt);
  for (const { path } of entries.slice(KEPT_ENTRIES_PER_KIND)) await removeUnheld(path, join(root, `deleted-${kind}-`));
}

async function removeUnheld(path: string, prefix: string): Promise<void> {
  const file = await Deno.open(join(path, HOLD_FILE), { read: true }).catch(() => null);
  try {
    if (file !== null && !await file.tryLock(true)) return;
    const away = `${prefix}${crypto.randomUUID()}`;
    await Deno.rename(path, away).catch(() => undefined);
    await Deno.remove(away, { recursive: true }).catch(() => undefined);
  } finally {
    file?.close();
  }
}

/** A short stable key of everything that goes into a cache entry. */
export async function hashOf(parts: Iterable<string>): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([...parts]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.slice(0, 10), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
