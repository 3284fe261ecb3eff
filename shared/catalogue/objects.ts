/**
 * Reading objects by id, a slice of ids at a time: what a complete list did not show, and what an insight or a sale
 * speaks of before any list did. `GET /?ids=` is gone, so each id is one call.
 *
 * @module
 */

import { storeAdTreeObjects } from "../database/ad_tree.ts";
import type { SyncJob } from "../database/sync_jobs.ts";
import { GraphApiError, type UsageReading } from "../errors.ts";
import { AD_FIELDS, fetchAd } from "../meta/ads.ts";
import { ADSET_FIELDS, fetchAdset } from "../meta/adsets.ts";
import { CAMPAIGN_FIELDS, fetchCampaign } from "../meta/campaigns.ts";
import { type FieldList, nextDroppedFields, optionalFields } from "../meta/field_list.ts";
import { fetchOwner } from "../meta/object_owner.ts";
import type { ObjectAnswer, SkippedObject } from "../meta/object_page.ts";
import type { PageState } from "../queue/failure.ts";
import { accountOf, currencyOf, warnOfPage } from "../queue/account_job.ts";
import { type LoopPage, readPages } from "../queue/page_loop.ts";
import type { SyncRun } from "../queue/run.ts";
import { decideThrottle } from "../queue/usage.ts";

/** Ids a slice: what is read again at most when the worker is killed. */
const IDS_PER_SLICE = 20;

/** A slice ends after that long, for the lease of 90 s is renewed only when it is stored. */
const LONGEST_SLICE_MS = 20_000;

interface ObjectSlice extends LoopPage {
  rows: object[];
  skipped: SkippedObject[];
  missing_ids: string[];
  /** Account of the rows, where the job does not know whose they are; its one id makes one slice. */
  fb_account_id?: string;
}

const FIELDS = { campaign: CAMPAIGN_FIELDS, adset: ADSET_FIELDS, ad: AD_FIELDS } as const;

const levelOf = (job: SyncJob) => job.object_level ?? "ad";
const fieldsOf = (job: SyncJob): FieldList => FIELDS[levelOf(job)];

async function fetchObject(
  run: SyncRun,
  job: SyncJob,
  id: string,
  state: PageState,
): Promise<ObjectAnswer<object>> {
  const options = { fb_account_id: accountOf(job), dropped_fields: state.dropped_fields };
  switch (levelOf(job)) {
    case "campaign":
      return await fetchCampaign(run.graph, id, options);
    case "adset":
      return await fetchAdset(run.graph, id, { ...options, currency: currencyOf(job) });
    default:
      return await fetchAd(run.graph, id, options);
  }
}

/** Meta's answer to an id that does not exist (any more). */
function isMissing(error: GraphApiError): boolean {
  return error.reason === "object_missing";
}

/** Whether a refusal is of this one object, so that the others can still be read. */
function isOfObject(error: GraphApiError, job: SyncJob, state: PageState): boolean {
  if (error.action === "fail") return error.reason !== "version_dead";
  if (error.action === "drop_field") {
    return nextDroppedFields(fieldsOf(job), state.dropped_fields, error.field) === null;
  }
  // It may be an optional field that the permission is missing for. That the account may be read, its lists or its
  // insights have shown.
  if (
    error.reason === "permission_missing" &&
    optionalFields(fieldsOf(job)).some((field) => !state.dropped_fields.includes(field))
  ) {
    return false;
  }
  return error.action === "stop_account" && error.reason !== "policy_block";
}

/**
 * Reads a slice. An error in its middle is put off: what was read before it is kept, and the next slice begins with it.
 */
async function fetchSlice(
  run: SyncRun,
  job: SyncJob,
  ids: string[],
  state: PageState,
  putOff: (error: unknown) => void,
): Promise<ObjectSlice> {
  const begin = state.cursor === null ? 0 : Number(state.cursor);
  const started_ms = run.clock.now().getTime();
  const rows: object[] = [];
  const skipped: SkippedObject[] = [];
  const missing_ids: string[] = [];
  const owner: { fb_account_id?: string } = {};
  let usage: UsageReading[] = [];
  let bytes = 0;
  let end = begin;
  for (const id of ids.slice(begin, begin + state.page_size)) {
    try {
      if (job.params.find_owner === true) owner.fb_account_id = await fetchOwner(run.graph, id, accountOf(job));
      const answer = await fetchObject(run, job, id, state);
      if (answer.row !== null) rows.push(answer.row);
      if (answer.skipped !== null) skipped.push(answer.skipped);
      usage = answer.usage;
      bytes += answer.bytes;
    } catch (error) {
      if (!(error instanceof GraphApiError)) throw error;
      if (isMissing(error)) missing_ids.push(id);
      else if (isOfObject(error, job, state)) skipped.push({ id, reason: "is refused by id" });
      else if (end === begin) throw error;
      else {
        putOff(error);
        break;
      }
      // A whole slice of them is the account's own error after all.
      if (job.kind === "objects" && error.action === "stop_account" && skipped.length === IDS_PER_SLICE) throw error;
      usage = error.usage;
    }
    end += 1;
    const now = run.clock.now();
    const threshold = run.settings.usage_brake_percent;
    const brake = decideThrottle(usage, {
      fb_account_id: job.fb_account_id,
      use_case: "ads_management",
      now,
      threshold,
    });
    if (brake !== null || now.getTime() - started_ms >= LONGEST_SLICE_MS) break;
  }
  return {
    rows,
    skipped,
    missing_ids,
    ...owner,
    usage,
    bytes,
    row_count: end - begin,
    after: end < ids.length ? String(end) : null,
  };
}

/** Works on a job that names objects by id. Ids that Meta does not know become `DELETED`; their rows stay. */
export function readObjects(run: SyncRun, job: SyncJob): Promise<SyncJob | null> {
  const ids = job.object_ids ?? [];
  const level = levelOf(job);
  const put_off: unknown[] = [];
  return readPages(run, job, {
    use_case: "ads_management",
    page_size: IDS_PER_SLICE,
    page_size_max: IDS_PER_SLICE,
    nextDroppedFields: (dropped_fields, field) => nextDroppedFields(fieldsOf(job), dropped_fields, field),
    fetch: (state) => {
      if (put_off.length > 0) return Promise.reject(put_off.pop());
      return fetchSlice(run, job, ids, state, (error) => put_off.push(error));
    },
    store(page, checkpoint, state) {
      warnOfPage(run, job, page);
      return storeAdTreeObjects(run.database, job, {
        ...checkpoint,
        ...(page.fb_account_id === undefined ? {} : { fb_account_id: page.fb_account_id }),
        campaigns: level === "campaign" ? page.rows : [],
        adsets: level === "adset" ? page.rows : [],
        ads: level === "ad" ? page.rows : [],
        missing_ids: page.missing_ids,
        dropped_fields: state.dropped_fields,
      });
    },
  });
}
