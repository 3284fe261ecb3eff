/**
 * The stamps of our migrations in the host's repo. `supabase db push` refuses a migration that is older than one
 * already pushed, so ours come right after the host's newest: then the host's next one, made later, is newer than ours.
 *
 * @module
 */

import { MIGRATION_NAME } from "./payload.ts";

/**
 * Names the migrations that the host does not have yet.
 *
 * @param names Ours, in order.
 * @param known Ours that the host has, with their names there.
 * @param present File names of all migrations at the host.
 * @returns Our name → name at the host, for those that are new.
 */
export function nameMigrations(
  names: readonly string[],
  known: Readonly<Record<string, string>>,
  present: readonly string[],
): Record<string, string> {
  const stampOf = (name: string) => MIGRATION_NAME.exec(name)?.[1] ?? /^(\d+)_/.exec(name)?.[1] ?? "0";
  let newest = "0".repeat(14);
  for (const stamp of [...present, ...Object.values(known)].map(stampOf)) {
    const padded = stamp.padEnd(14, "0");
    if (padded > newest) newest = padded;
  }
  // A repo without migrations has nothing that ours must follow.
  const keepsOurs = newest === "0".repeat(14);
  const named: Record<string, string> = {};
  for (const name of names) {
    if (known[name] !== undefined) continue;
    newest = (BigInt(newest) + 1n).toString().padStart(14, "0");
    named[name] = keepsOurs ? name : `${newest}_${MIGRATION_NAME.exec(name)?.[2] ?? name}`;
  }
  return named;
}
