/**
 * What the tests of match quality share: events that are sent, nights that pass, and what was read.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { dispatchAll, nowSeconds } from "../../scripts/dev/testing/shop_suite.ts";
import type { Suite } from "../../scripts/dev/testing/suite.ts";

/** The sync that reads it. */
export const SLUG = "fb-sync-metadata";

/** A view of a page, told by the shop's server. */
export function view(event_id: string, user_data: Record<string, unknown>): Record<string, unknown> {
  return {
    event_name: "ViewContent",
    event_id,
    event_time: nowSeconds(),
    action_source: "website",
    event_source_url: "https://shop.example/",
    user_data: { client_user_agent: "Mozilla/5.0 (test)", ...user_data },
    consent: "granted",
  };
}

/** Has these events sent to Meta. */
export async function sendEvents({ platform }: Suite, events: Record<string, unknown>[]): Promise<void> {
  const response = await platform.invoke("capi-event", { events });
  assertEquals(response.status, 202, await response.text());
  await dispatchAll(platform);
}

/** What is stored, as numbers. */
export async function qualityRows({ platform }: Suite) {
  const rows = await platform.sql`
    select pixel_id, event_name, composite_score::float8, match_key_coverage, event_coverage::float8,
      event_coverage_goal::float8, dedupe_key_feedback, upload_frequency, diagnostics
    from public.ad_event_quality order by pixel_id, event_name`;
  return rows.map((row) => ({ ...row }));
}

/** The calls that read it. */
export const qualityCalls = ({ graph }: Suite) => graph.ledger.calls.filter(({ route }) => route === "dataset_quality");

/** The next night: what was planned today is a day old. */
export async function nightPasses({ platform, graph }: Suite): Promise<void> {
  // In two steps, so that no day meets its neighbour.
  await platform.sql`update public.ad_event_quality set date = date - 1000`;
  await platform.sql`update public.ad_event_quality set date = date + 999`;
  await platform.sql`update fb_ads.sync_jobs set created_at = created_at - interval '1 day'`;
  graph.ledger.reset();
}

/** States of the reads that are not at their end. */
export const openJobs = async ({ platform }: Suite) =>
  (await platform
    .sql`select state from fb_ads.sync_jobs where kind = 'event_quality' and state in ('pending', 'running')`)
    .map((row) => String(row.state));
