/**
 * Installing into a host's repo, or upgrading what is there: plan, refuse or carry out, and say what happened.
 *
 * @module
 */

import { carryOut, checkSharedDirectory, findHost } from "./host_repo.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { type Payload, readPayload } from "./payload.ts";
import { type Conflict, type InstallPlan, planInstallation } from "./plan.ts";

/** How to install. */
export interface InstallOptions {
  /**
   * Directory for the shared modules, for a host whose own `shared/` is in the way. Fixed by the first installation.
   */
  sharedDirectory?: string;
  /** Only say what would be done. */
  dryRun?: boolean;
  /** Overrule the conflicts that may be overruled. */
  force?: boolean;
  /** What to install. Default: this repo. */
  payload?: (sharedDirectory: string) => Payload;
}

/** What became of it. */
export interface InstallResult {
  /** What forbids it. With one of these nothing is done. */
  conflicts: Conflict[];
  /** Whether anything was (or would be) written. */
  changed: boolean;
  /** Version that was there before; null for a first installation. */
  previous_version: string | null;
  /** The plan. */
  plan: InstallPlan;
}

/** Installs into the repo at `path`. */
export async function installInto(path: string, options: InstallOptions = {}): Promise<InstallResult> {
  const host = findHost(path);
  const known: Manifest | null = readManifest(host);
  const sharedDirectory = known?.shared_directory ?? checkSharedDirectory(options.sharedDirectory ?? "shared");
  const payload = (options.payload ?? readPayload)(sharedDirectory);
  const plan = planInstallation(host, payload, known, sharedDirectory);
  const changed = plan.writes.size > 0 || plan.removals.length > 0 || known?.version !== payload.version;
  const conflicts = plan.conflicts.filter(({ forcible }) => !(options.force && forcible));
  if (conflicts.length === 0 && changed && !options.dryRun) await carryOut(host, plan, known);
  return { conflicts, changed, previous_version: known?.version ?? null, plan };
}
