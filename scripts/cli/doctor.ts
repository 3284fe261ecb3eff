/**
 * `npm run doctor`: what is wrong, what it costs, how to mend it; on the local platform (`DB_URL`, or `--db-url`) or a hosted
 * project (`--project-ref`). Exits 1 when there is an error. `--json` for programs; `--send-test-event [code]` sends one
 * marked event all the way to Meta.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { examine } from "./doctor/examine.ts";
import { attempt, type Patient } from "./doctor/finding.ts";
import { hasErrors, printFindings } from "./doctor/report.ts";
import { sendTestEvent } from "./doctor/test_event.ts";
import { connectNamed } from "./operator/database.ts";
import { findSecretKey } from "./operator/secret_key.ts";
import { PlatformError } from "../supabase-local/project.ts";

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      "db-url": { type: "string" },
      "project-ref": { type: "string" },
      "send-test-event": { type: "boolean" },
      json: { type: "boolean" },
    },
  });
  await using database = connectNamed({ ref: values["project-ref"], url: values["db-url"] });
  const patient: Patient = { database, env: Deno.env.toObject(), fetch };
  const findings = await examine(patient);
  if (values["send-test-event"]) {
    const code = positionals[0] ?? (Deno.env.get("META_TEST_EVENT_CODE") || null);
    findings.push(
      ...await attempt("test_event", async () => {
        const key = await findSecretKey(values["project-ref"], patient.env);
        return await sendTestEvent(patient, key, code);
      }),
    );
  }
  if (values.json) console.log(JSON.stringify({ ok: !hasErrors(findings), findings }, null, 2));
  else printFindings(findings, console.log);
  return hasErrors(findings) ? 1 : 0;
}

try {
  Deno.exit(await main());
} catch (error) {
  const isExpected = error instanceof PlatformError || error instanceof TypeError;
  console.error(isExpected ? error.message : error);
  Deno.exit(2);
}
