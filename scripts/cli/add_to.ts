/**
 * `meta-ads add-to <path of the host's repo>`: copies migrations, functions, `shared/` and config entries there, or
 * upgrades what an earlier run copied. The host's own `supabase db push` and `supabase functions deploy` apply them.
 *
 * @module
 */

import process from "node:process";
import { describeDifference } from "./installer/differences.ts";
import { installInto, type InstallResult } from "./installer/install.ts";
import { MANIFEST_PATH } from "./installer/manifest.ts";
import type { InstallPlan } from "./installer/plan.ts";
import { countOf, pathFromUser } from "./terminal.ts";
import { verb } from "./verb.ts";

/** Files by the folder that they are counted under; a file elsewhere stands for itself. */
function countByFolder(paths: Iterable<string>, sharedDirectory: string): Map<string, number> {
  const folders = [sharedDirectory, "supabase/functions", "supabase/migrations"].map((folder) => `${folder}/`);
  const counts = new Map<string, number>();
  for (const path of [...paths].sort()) {
    const name = folders.find((folder) => path.startsWith(folder)) ?? path;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** Says what is copied, a line a folder, or a line a file. */
function tellFiles({ writes, removals, manifest }: InstallPlan, dryRun: boolean, verbose: boolean): void {
  const tell = (what: string, paths: Iterable<string>) => {
    const counts = verbose
      ? new Map([...paths].sort().map((path) => [path, 1]))
      : countByFolder(paths, manifest.shared_directory);
    for (const [name, count] of counts) {
      console.log(`  ${what} ${name}${name.endsWith("/") ? `  ${countOf(count, "file")}` : ""}`);
    }
  };
  tell(dryRun ? "would write" : "wrote", writes.keys());
  tell(dryRun ? "would remove" : "removed", removals);
  const lines = [...writes.values()].reduce((sum, text) => sum + text.split("\n").length - 1, 0);
  console.log(`  ${lines.toLocaleString("en")} lines in all; no tests, and nothing of the local platform.`);
}

function tellNext(host: string, { manifest, new_migrations }: InstallPlan): void {
  const { shared_directory } = manifest;
  console.log(`
Next, in ${host}:
  ${new_migrations.length > 0 ? "supabase db push --remote" : "(no new migration)"}
  supabase functions deploy --use-api
or both and the secrets at once: meta-ads deploy --project-ref <ref> --path ${host}
Commit ${MANIFEST_PATH} with the rest; the next upgrade needs it.
Where Prettier, a linter or tsc look at every file, let them leave out ${shared_directory}/ and supabase/functions/. In
.gitattributes, "${shared_directory}/** linguist-generated" folds them in reviews; so does one for supabase/functions/**.`);
}

function tellConflicts(host: string, { conflicts, plan, previous_version }: InstallResult, showsDiff: boolean): void {
  if (showsDiff) { for (const file of plan.changed) console.log(`${describeDifference(host, file)}\n`); }
  console.error(`Nothing was written:\n${conflicts.map(({ says }) => `  ${says}`).join("\n")}`);
  if (plan.changed.length > 0 && !showsDiff) console.error("--diff shows what differs in the changed files.");
  if (conflicts.some(({ forcible }) => forcible)) {
    console.error(
      "--force goes on all the same: changed files are replaced, and the database checks the names.",
    );
  }
  if (conflicts.some(({ forcible }) => !forcible) && previous_version === null) {
    console.error("A file of yours in the way: move it, or give the shared modules a directory with --shared-dir.");
  }
}

/** The verb. */
export const addTo = verb("add-to", {
  summary: "copy the suite into the repo of a Supabase project, or upgrade it there",
  examples: ["add-to . --dry-run", "add-to ../shop", "add-to ../shop --shared-dir fb_ads_shared", "add-to . --diff"],
  more: `
Copied are the migrations, the functions, the modules that they share, and a section of config.toml for each function.
Installed files that a formatter or core.autocrlf has re-written count as they were installed; an upgrade replaces them.
Files that you have changed are named, and nothing is written.
`,
})
  .argument("<repo>", "the repo, which has supabase/config.toml")
  .option("--dry-run", "only say what would be written")
  .option("--diff", "show what you changed in installed files, and what this version changes there")
  .option("--force", "replace installed files that you have changed; commit first")
  .option("--shared-dir <directory>", "directory for the shared modules, where a shared/ of your own is in the way")
  .option("--verbose", "name every file")
  .action(async (repo, options) => {
    const dryRun = options.dryRun === true;
    const host = pathFromUser(repo);
    const result = await installInto(host, {
      dryRun,
      force: options.force === true,
      ...(options.sharedDir === undefined ? {} : { sharedDirectory: options.sharedDir }),
    });
    const { conflicts, plan, changed, previous_version } = result;
    if (conflicts.length > 0) {
      tellConflicts(host, result, options.diff === true);
      process.exitCode = 1;
      return;
    }
    if (!changed) {
      console.log(`Version ${plan.manifest.version} is there already, nothing to do.`);
      return;
    }
    tellFiles(plan, dryRun, options.verbose === true);
    const done = dryRun ? "would be" : "was";
    const { version } = plan.manifest;
    console.log(
      previous_version === null
        ? `Version ${version} ${done} installed: ${countOf(plan.new_migrations.length, "migration")}.`
        : `Version ${previous_version} ${done} upgraded to ${version}: ${
          countOf(plan.new_migrations.length, "new migration")
        }.`,
    );
    if (!dryRun) tellNext(host, plan);
  });
