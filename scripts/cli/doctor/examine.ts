/**
 * Every check, in the order in which one would mend things.
 *
 * @module
 */

import { checkUrlTags } from "./ads_checks.ts";
import { checkAuth } from "./auth_checks.ts";
import {
  checkAlerts,
  checkExtensions,
  checkGrants,
  checkHost,
  checkQueues,
  checkSchedule,
  checkSecrets,
  isInstalled,
} from "./database_checks.ts";
import { attempt, type Finding, type Patient } from "./finding.ts";
import { checkFunctions } from "./function_checks.ts";
import { checkMeta } from "./meta_checks.ts";
import { checkPgNet } from "./pg_net_checks.ts";
import { checkQuality } from "./quality_checks.ts";

const CHECKS: [string, (patient: Patient) => Promise<Finding[]>][] = [
  ["secrets", checkSecrets],
  ["grants", checkGrants],
  ["cron", checkSchedule],
  ["host", checkHost],
  ["pg_net", checkPgNet],
  ["functions", checkFunctions],
  ["auth", checkAuth],
  ["meta", checkMeta],
  ["url_tags", checkUrlTags],
  ["match_quality", checkQuality],
  ["queues", checkQueues],
  ["alerts", checkAlerts],
];

/** Examines everything; starts nothing that the tick does not start every minute. */
export async function examine(patient: Patient): Promise<Finding[]> {
  try {
    await patient.database.query("select 1 as one");
  } catch (error) {
    return [{
      check: "database",
      severity: "error",
      found: error instanceof Error ? error.message : "It cannot be reached.",
      cost: "Nothing can be looked at; if the functions cannot reach it either, nothing works.",
      remedy: "See whether the project is paused, and whether the address or log-in is right.",
    }];
  }
  const findings = await attempt("extensions", () => checkExtensions(patient));
  if (!await isInstalled(patient)) {
    return [...findings, {
      check: "installed",
      severity: "error",
      found: "The suite's tables are not there.",
      cost: "Nothing works.",
      remedy: "supabase db push",
    }];
  }
  for (const [name, look] of CHECKS) findings.push(...await attempt(name, () => look(patient)));
  return findings;
}
