/**
 * `meta-ads doctor`: what is wrong, what it costs, how to mend it; on the local platform or a hosted project. Exits 1
 * when there is an error.
 *
 * @module
 */

import process from "node:process";
import { examine } from "./doctor/examine.ts";
import { attempt, type Patient } from "./doctor/finding.ts";
import { hasErrors, printFindings } from "./doctor/findings_text.ts";
import { sendTestEvent } from "./doctor/test_event.ts";
import { connect, CONNECTION_HELP, DB_URL, PROJECT_REF } from "./operator/connection.ts";
import { findSecretKey } from "./operator/secret_key.ts";
import { verb } from "./verb.ts";

/** The verb. */
export const doctor = verb("doctor", {
  summary: "look at everything that can be wrong: what it costs, and how to mend it",
  examples: [
    "doctor --project-ref abcdefghijklmnopqrst",
    "doctor --project-ref abcdefghijklmnopqrst --send-test-event TEST12345",
    "doctor --db-url postgresql://postgres@127.0.0.1:54322/postgres --json",
  ],
  more: `${CONNECTION_HELP}
Settings that cannot be read back from a project (META_PIXEL_ID, META_API_VERSION) are taken from the environment.
Exit code 1 when something is being lost.
`,
})
  .addOption(PROJECT_REF)
  .addOption(DB_URL)
  .option("--json", "findings for programs")
  .option("--verbose", "name everything in long lists")
  .option("--send-test-event [code]", "send one marked event all the way to Meta, which counts it")
  .action(async (options) => {
    await using database = connect(options);
    const patient: Patient = { database, env: process.env, fetch };
    const { sendTestEvent: asked } = options;
    const key = asked === undefined ? null : await findSecretKey(options.projectRef, process.env);
    const findings = await examine(patient);
    if (key !== null) {
      const code = typeof asked === "string" ? asked : process.env.META_TEST_EVENT_CODE || null;
      findings.push(...await attempt("test_event", () => sendTestEvent(patient, key, code)));
    }
    if (options.json) console.log(JSON.stringify({ ok: !hasErrors(findings), findings }, null, 2));
    else printFindings(findings, console.log, { verbose: options.verbose === true });
    if (hasErrors(findings)) process.exitCode = 1;
  });
