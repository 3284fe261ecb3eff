/**
 * `fb-sync-metadata`: reads ad accounts, campaigns, ad sets and ads from the Marketing API into `ad_accounts`,
 * `ad_campaigns`, `ad_adsets` and `ad_ads`, and how well Meta recognises the people behind the events sent into
 * `ad_event_quality`. Called nightly by pg_cron, by the tick while work is left, and by hand.
 *
 * @module
 */

import { z } from "zod";
import type { Answer } from "../../../shared/edge/answer.ts";
import { answerSync, type SyncCall } from "../../../shared/queue/invocation.ts";
import { workOnMetadata } from "../../../shared/catalogue/metadata.ts";
import type { WorkOnJob } from "../../../shared/queue/workers.ts";

/** `account_ids`: Meta's digits; `full`: begin half-read lists anew; `resume`: the tick's, plans nothing. */
export const BodySchema = z.strictObject({
  account_ids: z.array(z.string().regex(/^[0-9]{1,20}$/, "must be digits, without act_")).min(1).max(1_000).optional(),
  full: z.boolean().optional(),
  resume: z.boolean().optional(),
});

const work: WorkOnJob = async (run, job) => {
  if (job.kind !== "event_quality") return await workOnMetadata(run, job);
  // Loaded where there is such a job: the lists, which come first, do not pay for it.
  const { readEventQuality } = await import("../../../shared/outbox/quality_job.ts");
  return await readEventQuality(run, job);
};

/** Answers one request; called twice, the second call helps the first. */
export function handleSyncMetadata(call: SyncCall): Promise<Answer> {
  return answerSync(call, {
    function_slug: "fb-sync-metadata",
    work,
    countRows: (rows) => ({ campaigns: rows.campaigns ?? 0, adsets: rows.adsets ?? 0, ads: rows.ads ?? 0 }),
  });
}
