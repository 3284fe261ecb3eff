/**
 * `npm run add-to -- <path of the host's repo>`: copies migrations, functions, `shared/` and config entries there, or
 * upgrades what an earlier run copied. The host's own `supabase db push` and `supabase functions deploy` apply them.
 *
 * @module
 */

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { installInto } from "./installer/install.ts";
import { MANIFEST_PATH } from "./installer/manifest.ts";
import { PlatformError } from "../supabase-local/project.ts";

const USAGE = `npm run add-to -- <path of your project's repo> [--dry-run] [--shared-dir <directory>]`;

function tellNext(host: string, newMigrations: number): void {
  console.log(`
Next, in ${host}:
  ${newMigrations > 0 ? "supabase db push --remote" : "(no new migration)"}
  supabase functions deploy --use-api
or both and the secrets from here: npm run deploy -- --project-ref <ref> --path ${host}
Commit ${MANIFEST_PATH} with the rest; the next upgrade needs it.`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { "dry-run": { type: "boolean" }, "shared-dir": { type: "string" } },
  });
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw new PlatformError(`Usage: ${USAGE}`);
  const dryRun = values["dry-run"] === true;
  // npm runs this in the suite's directory; a relative path is meant from where the caller is.
  const host = resolve(Deno.env.get("INIT_CWD") ?? ".", path);
  const { plan, changed, previous_version } = await installInto(host, {
    dryRun,
    ...(values["shared-dir"] === undefined ? {} : { sharedDirectory: values["shared-dir"] }),
  });
  if (plan.conflicts.length > 0) {
    console.error(`Nothing was written:\n${plan.conflicts.map((conflict) => `  ${conflict}`).join("\n")}
A changed file: take your change elsewhere, delete the file, and run this again. A file of yours in the way: move it${
      previous_version === null ? `, or give the shared modules a directory of their own with --shared-dir` : ""
    }.`);
    return 1;
  }
  if (!changed) {
    console.log(`Version ${plan.manifest.version} is there already, nothing to do.`);
    return 0;
  }
  const verb = dryRun ? "would be" : "was";
  for (const file of [...plan.writes.keys()].sort()) console.log(`  ${dryRun ? "would write" : "wrote"} ${file}`);
  for (const file of plan.removals) console.log(`  ${dryRun ? "would remove" : "removed"} ${file}`);
  console.log(
    previous_version === null
      ? `Version ${plan.manifest.version} ${verb} installed: ${plan.new_migrations.length} migrations.`
      : `Version ${previous_version} ${verb} upgraded to ${plan.manifest.version}: ${plan.new_migrations.length} new migrations.`,
  );
  if (!dryRun) tellNext(host, plan.new_migrations.length);
  return 0;
}

try {
  Deno.exit(await main());
} catch (error) {
  const isUsage = error instanceof PlatformError || error instanceof TypeError;
  console.error(isUsage ? error.message : error);
  Deno.exit(1);
}
