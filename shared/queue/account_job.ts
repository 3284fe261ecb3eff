/**
 * What the jobs of an account have in common: whose they are, and what a page warns of.
 *
 * @module
 */

import type { SyncJob } from "../database/sync_jobs.ts";
import type { SkippedObject } from "../meta/object_page.ts";
import type { SyncRun } from "./run.ts";

/** The account of a job that has one. */
export function accountOf(job: SyncJob): string {
  if (job.fb_account_id === null) throw new TypeError(`a job of kind ${job.kind} names an account`);
  return job.fb_account_id;
}

/** The currency in which budgets of the job's account are read. */
export function currencyOf(job: SyncJob): string {
  if (job.currency === null) throw new TypeError("the account was read before its lists, so its currency is known");
  return job.currency;
}

/** Warns of objects that could not be read, and of a version that Meta is about to end. */
export function warnOfPage(
  run: SyncRun,
  job: SyncJob,
  page: { skipped: readonly SkippedObject[]; api_version_warning?: string },
): void {
  const fb_account_id = job.fb_account_id;
  if (page.skipped.length > 0) {
    const objects = page.skipped.slice(0, 20).map(({ id, reason }) => ({ id, reason }));
    run.warn({
      code: "objects_undecodable",
      message: "Some objects could not be read and keep their old values.",
      fb_account_id,
      facts: { kind: job.kind, count: page.skipped.length, objects },
    });
  }
  if (page.api_version_warning !== undefined) run.warnOfVersion(page.api_version_warning);
}
