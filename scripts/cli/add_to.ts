/**
 * `meta-ads add-to <path of the host's repo>`: copies migrations, functions, `shared/` and config entries there, or
 * upgrades what an earlier run copied. The host's own `supabase db push` and `supabase functions deploy` apply them.
 *
 * @module
 */

import process from "node:process";
import { installInto } from "./installer/install.ts";
import { MANIFEST_PATH } from "./installer/manifest.ts";
import { pathFromUser } from "./terminal.ts";
import { verb } from "./verb.ts";

function tellNext(host: string, newMigrations: number): void {
  console.log(`
Next, in ${host}:
  ${newMigrations > 0 ? "supabase db push --remote" : "(no new migration)"}
  supabase functions deploy --use-api
or both and the secrets at once: meta-ads deploy --project-ref <ref> --path ${host}
Commit ${MANIFEST_PATH} with the rest; the next upgrade needs it.`);
}

/** The verb. */
export const addTo = verb("add-to", {
  summary: "copy the suite into the repo of a Supabase project, or upgrade it there",
  examples: ["add-to . --dry-run", "add-to ../shop", "add-to ../shop --shared-dir fb_ads_shared"],
})
  .argument("<repo>", "the repo, which has supabase/config.toml")
  .option("--dry-run", "only say what would be written")
  .option("--shared-dir <directory>", "directory for the shared modules, where a shared/ of your own is in the way")
  .action(async (repo, options) => {
    const dryRun = options.dryRun === true;
    const host = pathFromUser(repo);
    const { plan, changed, previous_version } = await installInto(host, {
      dryRun,
      ...(options.sharedDir === undefined ? {} : { sharedDirectory: options.sharedDir }),
    });
    if (plan.conflicts.length > 0) {
      console.error(`Nothing was written:\n${plan.conflicts.map((conflict) => `  ${conflict}`).join("\n")}
A changed file: take your change elsewhere, delete the file, and run this again. A file of yours in the way: move it${
        previous_version === null ? `, or give the shared modules a directory of their own with --shared-dir` : ""
      }.`);
      process.exitCode = 1;
      return;
    }
    if (!changed) {
      console.log(`Version ${plan.manifest.version} is there already, nothing to do.`);
      return;
    }
    const done = dryRun ? "would be" : "was";
    for (const file of [...plan.writes.keys()].sort()) console.log(`  ${dryRun ? "would write" : "wrote"} ${file}`);
    for (const file of plan.removals) console.log(`  ${dryRun ? "would remove" : "removed"} ${file}`);
    console.log(
      previous_version === null
        ? `Version ${plan.manifest.version} ${done} installed: ${plan.new_migrations.length} migrations.`
        : `Version ${previous_version} ${done} upgraded to ${plan.manifest.version}: ${plan.new_migrations.length} new migrations.`,
    );
    if (!dryRun) tellNext(host, plan.new_migrations.length);
  });
