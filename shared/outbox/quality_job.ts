/**
 * Reads how well Meta recognises the people behind a pixel's events: one call a pixel and night, with the token that
 * sends its events. What Meta answers to that token throttles and stops nothing of the other jobs. A refusal for good
 * is kept as a finding of the pixel. A spent quota lets the job wait; whatever else happens ends it, for the next night
 * asks again and no sync is to wait for it.
 *
 * @module
 */

import { storeEventQuality } from "../database/event_quality.ts";
import { isLeaseLost } from "../database/rpc.ts";
import type { JobError, SyncJob } from "../database/sync_jobs.ts";
import { GraphApiError } from "../errors.ts";
import { EVENT_QUALITY_FIELDS, type EventQualityRow, fetchDatasetQuality } from "../meta/dataset_quality.ts";
import { nextDroppedFields } from "../meta/field_list.ts";
import { fingerprintToken } from "../meta/tokens.ts";
import { buildJobError, type PageState } from "../queue/failure.ts";
import { type LoopPage, readPages } from "../queue/page_loop.ts";
import type { SyncRun } from "../queue/run.ts";
import { readPixelCredentials } from "./pixel_credentials.ts";

interface QualityPage extends LoopPage {
  rows: EventQualityRow[];
  refusal: JobError | null;
  is_answered: boolean;
  token_fingerprint: string | null;
}

/** Whether it is worth asking again for less. */
function canDropField(error: GraphApiError, { dropped_fields }: PageState): boolean {
  return error.action === "drop_field" && nextDroppedFields(EVENT_QUALITY_FIELDS, dropped_fields, error.field) !== null;
}

async function fetchQuality(run: SyncRun, pixel_id: string, state: PageState): Promise<QualityPage> {
  const credentials = (await readPixelCredentials(run.database, [pixel_id])).get(pixel_id);
  const page: QualityPage = {
    rows: [],
    refusal: null,
    is_answered: false,
    token_fingerprint: credentials === undefined ? null : fingerprintToken(credentials.token),
    row_count: 0,
    bytes: 0,
    after: null,
    // Usage headers tell of the quotas of another token, maybe of another app: they are nobody's here.
    usage: [],
  };
  // The token is gone since the job was planned: the next night plans none.
  if (credentials === undefined) return page;
  try {
    const { rows, bytes } = await fetchDatasetQuality(
      run.openGraph(credentials),
      pixel_id,
      state.dropped_fields,
    );
    return { ...page, rows, is_answered: true, row_count: rows.length, bytes };
  } catch (error) {
    if (!(error instanceof GraphApiError) || error.retryable || canDropField(error, state)) throw error;
    return { ...page, refusal: buildJobError(error) };
  }
}

/** Ends the job with nothing learned; one that another worker holds by now is that worker's. */
async function endUnanswered(run: SyncRun, job: SyncJob): Promise<void> {
  const nothing = { rows: [], refusal: null, is_answered: false, token_fingerprint: null, row_count: 0, params: {} };
  try {
    await storeEventQuality(run.database, job, nothing);
  } catch (error) {
    if (!isLeaseLost(error)) throw error;
  }
}

/** Works on a job that names a pixel. */
export function readEventQuality(run: SyncRun, job: SyncJob): Promise<SyncJob | null> {
  const [pixel_id] = job.object_ids ?? [];
  if (pixel_id === undefined) throw new TypeError("a job of kind event_quality names its pixel");
  return readPages(run, job, {
    use_case: "ads_management",
    page_size: 1,
    page_size_max: 1,
    nextDroppedFields: (dropped_fields, field) => nextDroppedFields(EVENT_QUALITY_FIELDS, dropped_fields, field),
    fetch: (state) => fetchQuality(run, pixel_id, state),
    store: ({ rows, refusal, is_answered, token_fingerprint }, { row_count, params }) =>
      storeEventQuality(run.database, job, { rows, refusal, is_answered, token_fingerprint, row_count, params }),
    async onFailure(error, state) {
      if (!(error instanceof GraphApiError) || canDropField(error, state)) return null;
      if (error.action.startsWith("throttle")) return { release: { outcome: "retry", error: buildJobError(error) } };
      run.log.warn("match quality was not read", { pixel_id, ...buildJobError(error) });
      await endUnanswered(run, job);
      return { ended: true };
    },
  });
}
