/**
 * Whom the server's processes run as, and where that user can go: PostgreSQL refuses to run as root.
 *
 * @module
 */

import { dirname } from "node:path";

/** The user that the server's processes run as: nobody for root, whom PostgreSQL refuses, else the present user. */
export function serverUser(): { uid: number; gid: number } | undefined {
  if (Deno.uid() !== 0) return undefined;
  for (const line of Deno.readTextFileSync("/etc/passwd").split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === "nobody" && uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  return { uid: 65534, gid: 65534 };
}

/**
 * Whether the server's user may enter a directory. Root's temporary directory may be root's alone, and then the server,
 * who is neither its owner nor of its group, cannot reach what is inside.
 */
export function serverMayEnter(directory: string): boolean {
  if (Deno.uid() !== 0) return true;
  for (let path = Deno.realPathSync(directory);; path = dirname(path)) {
    const { mode } = Deno.statSync(path);
    if (mode !== null && (mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
