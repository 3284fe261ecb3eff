/**
 * A project whose Data API is off, or does not expose `public`: every function says so, and where to put it right.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { checkFunctions } from "../../scripts/cli/doctor/function_checks.ts";
import { connectDatabase } from "../../scripts/cli/operator/database.ts";
import { createDatabase } from "../../shared/database/rpc.ts";
import { AppError } from "../../shared/errors.ts";
import { pageView, postAsBrowser, startCapiSuite } from "../../scripts/dev/testing/shop_suite.ts";

const ANSWERS: [code: string | null, status: number, becomes: string][] = [
  ["PGRST106", 406, "data_api_closed"],
  ["PGRST202", 404, "data_api_closed"],
  ["PGRST205", 404, "data_api_closed"],
  ["PGRST002", 503, "database_unavailable"],
  ["PT409", 409, "database_conflict"],
  ["42501", 403, "database_rejected"],
  [null, 503, "database_unavailable"],
  [null, 302, "database_rejected"],
];
for (const [code, status, becomes] of ANSWERS) {
  Deno.test(`an answer ${status} with ${code} is ${becomes}`, async () => {
    const database = createDatabase({
      url: "http://127.0.0.1",
      secret_key: "sb_secret_a",
      fetch: () =>
        Promise.resolve(code === null ? new Response("<html>", { status }) : Response.json({ code }, { status })),
    });
    const error = await assertRejects(() => database.call("fb_finish_sync_run", {}), AppError);
    assertEquals(error.code, becomes);
    if (becomes === "data_api_closed") assertStringIncludes(error.message, "public.fb_finish_sync_run");
  });
}

const BODIES: Record<string, unknown> = {
  "attribute-purchase": {},
  "capi-event": pageView("a"),
  "fb-sync-insights": {},
  "fb-sync-metadata": {},
};

for (const [what, exposedSchemas] of [["off", []], ["closed to public", ["extensions"]]] as const) {
  Deno.test(`with the Data API ${what} every function names the page of the dashboard`, async (t) => {
    await using suite = await startCapiSuite({ platform: { exposedSchemas } });
    const { platform } = suite;

    for (const [slug, body] of Object.entries(BODIES)) {
      await t.step(slug, async () => {
        const response = await platform.invoke(slug, body);
        const { error } = await response.json();
        assertEquals([response.status, error.code], [500, "data_api_closed"]);
        assertStringIncludes(error.message, "Project Settings > Data API > Exposed schemas");
        const health = await fetch(`${platform.functionsUrl}/${slug}`, { headers: { apikey: platform.secretKey } });
        assertEquals([health.status, (await health.json()).error.code], [500, "data_api_closed"]);
      });
    }

    await t.step("a browser is told the code alone", async () => {
      const response = await postAsBrowser(platform, pageView("b"));
      const { error } = await response.json();
      assertEquals([response.status, error.code, error.details], [500, "data_api_closed", undefined]);
      assertEquals(error.message.includes("Data API"), false);
    });

    await t.step("the doctor finds it in each function", async () => {
      await using database = connectDatabase(platform.dbUrl);
      const findings = await checkFunctions({ database, env: {}, fetch });
      assertEquals(findings.map(({ severity }) => severity), ["error", "error", "error", "error"]);
      for (const { remedy } of findings) assertStringIncludes(remedy ?? "", "Exposed schemas");
    });
  });
}
