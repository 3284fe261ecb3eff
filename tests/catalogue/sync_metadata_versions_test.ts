/**
 * What `fb-sync-metadata` makes of the age of its Graph API version.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { startSuite, sync } from "../../scripts/dev/testing/suite.ts";

const SLUG = "fb-sync-metadata";

Deno.test("fb-sync-metadata fails loudly on a dead API version and keeps Meta's warning of an old one", async () => {
  for (const [marketing_until, ends] of [["2000-01-01", "failed"], ["9999-12-31", "done"]] as const) {
    await using suite = await startSuite({ functionEnv: { META_API_VERSION: "v97.0" } });
    suite.graph.settings.versions = [{ name: "v97.0", marketing_until, graph_until: null }];
    await sync(suite.platform, SLUG);
    const [job] = await suite.platform
      .sql`select state, last_error ->> 'meta_code' as code from fb_ads.sync_jobs where kind = 'accounts'`;
    assertEquals([job?.state, job?.code ?? null], [ends, ends === "failed" ? "2635" : null]);
    const [run] = await suite.platform.sql`select warnings from fb_ads.sync_runs`;
    if (ends === "done") assertEquals(run?.warnings[0]?.code, "api_version");
  }
});
