/**
 * The doctor on projects that are whole, and whose settings keep the suite from working: each is told apart.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { examine } from "../../../scripts/cli/doctor/examine.ts";
import type { Finding, Patient } from "../../../scripts/cli/doctor/finding.ts";
import { connectDatabase } from "../../../scripts/cli/operator/database.ts";
import { startSuite } from "../../../scripts/dev/testing/suite.ts";

const OWN_REF = "abcdefghijklmnopqrst";
const OTHER_URL = "https://zyxwvutsrqponmlkjihg.supabase.co";

function assertTold(findings: Finding[], check: string, found: string, remedy: string): void {
  const finding = findings.find((one) => one.check === check);
  assertEquals(finding?.severity, "error", JSON.stringify(findings.filter(({ severity }) => severity !== "ok")));
  assertStringIncludes(String(finding?.found), found);
  assertStringIncludes(String(finding?.remedy), remedy);
}

Deno.test("the doctor tells a Data API that is off", async () => {
  await using suite = await startSuite({ platform: { exposedSchemas: [] } });
  const { platform, graph } = suite;
  await using database = connectDatabase(platform.dbUrl);
  const findings = await examine({ database, env: { META_GRAPH_URL: graph.url }, fetch });
  for (const slug of ["fb-sync-metadata", "fb-sync-insights", "capi-event", "attribute-purchase"]) {
    assertTold(findings, `function:${slug}`, "the Data API is off", "Project Settings > Data API");
  }
});

Deno.test("the doctor tells a copy of another project", async () => {
  await using suite = await startSuite();
  const { platform, graph } = suite;
  const { sql } = platform;
  await sql`insert into fb_ads.function_project (project_ref) values (${OWN_REF})
    on conflict (id) do update set project_ref = excluded.project_ref`;
  await sql`select vault.update_secret(id, ${OTHER_URL}) from vault.secrets where name = 'fb_ads_project_url'`;
  await using database = connectDatabase(platform.dbUrl);
  // The other project's functions answer whoever has its key, and a copy has it.
  const answering: typeof fetch = (input, init) =>
    String(input).startsWith(OTHER_URL) ? Promise.resolve(Response.json({})) : fetch(input, init);
  const patient: Patient = { database, env: { META_GRAPH_URL: graph.url }, fetch: answering };
  assertTold(await examine(patient), "alert:project_copy", "This is a copy of project", "fb_ads.adopt_project");
});
