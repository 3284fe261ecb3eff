/**
 * The cache of prepared server installations and cluster templates. Several processes share it: an entry is built under a
 * lock and a temporary name and appears by one rename, so that nobody ever sees half of one. Old entries go by themselves.
 *
 * @module
 */

import { join } from "node:path";
import { exists, PlatformError } from "./project.ts";
import { serverMayEnter } from "./server_user.ts";

const KEPT_ENTRIES_PER_KIND = 6;
/** An entry used this recently may be in the middle of being copied by another process. */
const UNTOUCHABLE_MS = 15 * 60_000;

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

/** Runs `work` while no other process holds the lock of this name. */
export async function withLock<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const file = await Deno.open(join(cacheDirectory(), `${name}.lock`), { create: true, write: true, read: true });
  try {
    await file.lock(true);
    return await work();
  } finally {
    file.close();
  }
}

/**
 * The cached directory of this kind and key, built by `build` into the given empty directory when it is not there yet.
 * `guard` is told of the temporary directory, so that a killed build leaves nothing.
 */
export async function cached(
  kind: string,
  key: string,
  guard: (directory: string) => Promise<void>,
  build: (directory: string) => Promise<void>,
): Promise<string> {
  const root = cacheDirectory();
  const directory = join(root, `${kind}-${key}`);
  if (exists(directory)) {
    touch(directory);
    return directory;
  }
  return await withLock(kind, async () => {
    if (exists(directory)) return directory;
    const temporary = join(root, `building-${kind}-${crypto.randomUUID()}`);
    await guard(temporary);
    try {
      await Deno.mkdir(temporary, { mode: 0o755 });
      await build(temporary);
      await Deno.rename(temporary, directory);
    } catch (error) {
      await Deno.remove(temporary, { recursive: true }).catch(() => undefined);
      throw error;
    }
    await prune(root, kind, directory);
    return directory;
  });
}

function touch(directory: string): void {
  try {
    Deno.utimeSync(directory, new Date(), new Date());
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

async function prune(root: string, kind: string, kept: string): Promise<void> {
  const entries: { path: string; usedAt: number }[] = [];
  for (const entry of Deno.readDirSync(root)) {
    if (!entry.isDirectory || !(entry.name.startsWith(`${kind}-`) || entry.name.startsWith("building-"))) continue;
    const path = join(root, entry.name);
    const { mtime } = await Deno.stat(path).catch(() => ({ mtime: null }));
    if (path !== kept && mtime) entries.push({ path, usedAt: mtime.getTime() });
  }
  entries.sort((one, other) => other.usedAt - one.usedAt);
  for (const entry of entries.slice(KEPT_ENTRIES_PER_KIND - 1)) {
    if (Date.now() - entry.usedAt < UNTOUCHABLE_MS) continue;
    await Deno.remove(entry.path, { recursive: true }).catch(() => undefined);
  }
}

/** A short stable key of everything that goes into a cache entry. */
export async function hashOf(parts: Iterable<string>): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([...parts]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.slice(0, 10), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
