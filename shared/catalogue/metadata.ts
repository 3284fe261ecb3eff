/**
 * The work of `fb-sync-metadata`: one function a kind of job. Lists go through the common page loop; what a list read
 * completely does not show is looked up by id, because only that tells a deleted object from one that lists leave out.
 *
 * @module
 */

import { storeAdTreePage } from "../database/ad_tree.ts";
import type { SyncJob } from "../database/sync_jobs.ts";
import { GraphApiError } from "../errors.ts";
import { type AdAccountRow, fetchAdAccount, fetchAdAccountsPage } from "../meta/ad_accounts.ts";
import { AD_FIELDS, fetchAdsPage } from "../meta/ads.ts";
import { ADSET_FIELDS, fetchAdsetsPage } from "../meta/adsets.ts";
import { CAMPAIGN_FIELDS, fetchCampaignsPage } from "../meta/campaigns.ts";
import { type FieldList, nextDroppedFields, optionalFields } from "../meta/field_list.ts";
import type { ObjectAnswer, ObjectPage } from "../meta/object_page.ts";
import type { PageState } from "../queue/failure.ts";
import { accountOf, currencyOf, warnOfPage } from "../queue/account_job.ts";
import { readObjects } from "./objects.ts";
import { readPages } from "../queue/page_loop.ts";
import type { SyncRun } from "../queue/run.ts";

/** Size of the first page where the plan gives none. */
const DEFAULT_PAGE_SIZE = 100;

/** How one kind of list is read. */
interface ListDefinition {
  fields: FieldList;
  /** Column with Meta's id. */
  idOf: (row: object) => string;
  fetch: (run: SyncRun, job: SyncJob, state: PageState) => Promise<ObjectPage<object>>;
}

function readText(row: object, column: string): string {
  const id: unknown = Reflect.get(row, column);
  if (typeof id !== "string") throw new TypeError(`a decoded row has its ${column}`);
  return id;
}

/** Adds whether the configuration names the account. */
export function configure(run: SyncRun, row: AdAccountRow): AdAccountRow & { configured: boolean } {
  const { mode, ids } = run.configured;
  return { ...row, configured: mode === "all" || (mode === "list" && ids.includes(row.fb_account_id)) };
}

async function fetchAccounts(run: SyncRun, state: PageState): Promise<ObjectPage<object>> {
  const page = await fetchAdAccountsPage(run.graph, { after: state.cursor, limit: state.page_size });
  return { ...page, rows: page.rows.map((row) => configure(run, row)) };
}

/** One account by its id, as a list of one page. */
async function fetchOneAccount(run: SyncRun, job: SyncJob): Promise<ObjectPage<object>> {
  const answer: ObjectAnswer<AdAccountRow> = await fetchAdAccount(run.graph, accountOf(job));
  return {
    ...answer,
    rows: answer.row === null ? [] : [configure(run, answer.row)],
    skipped: answer.skipped === null ? [] : [answer.skipped],
    after: null,
  };
}

const NO_FIELDS: FieldList = { required: [], optional: [] };

const pageOf = (job: SyncJob, state: PageState) => ({
  fb_account_id: accountOf(job),
  after: state.cursor,
  limit: state.page_size,
  dropped_fields: state.dropped_fields,
});

const LISTS: Readonly<Record<"accounts" | "account" | "campaigns" | "adsets" | "ads", ListDefinition>> = {
  accounts: {
    fields: NO_FIELDS,
    idOf: (row) => readText(row, "fb_account_id"),
    fetch: (run, _job, state) => fetchAccounts(run, state),
  },
  account: {
    fields: NO_FIELDS,
    idOf: (row) => readText(row, "fb_account_id"),
    fetch: (run, job) => fetchOneAccount(run, job),
  },
  campaigns: {
    fields: CAMPAIGN_FIELDS,
    idOf: (row) => readText(row, "fb_campaign_id"),
    fetch: (run, job, state) => fetchCampaignsPage(run.graph, pageOf(job, state)),
  },
  adsets: {
    fields: ADSET_FIELDS,
    idOf: (row) => readText(row, "fb_adset_id"),
    fetch: (run, job, state) => fetchAdsetsPage(run.graph, { ...pageOf(job, state), currency: currencyOf(job) }),
  },
  ads: {
    fields: AD_FIELDS,
    idOf: (row) => readText(row, "fb_ad_id"),
    fetch: (run, job, state) => fetchAdsPage(run.graph, pageOf(job, state)),
  },
};

/** A page, and the fields that it was asked for without. */
type ListPage = ObjectPage<object> & { dropped_fields: string[] };

/**
 * Fetches a page. One broken creative spoils it whole: then that page, and no other, is read without what can be
 * missed.
 */
async function fetchListPage(
  run: SyncRun,
  job: SyncJob,
  list: ListDefinition,
  state: PageState,
): Promise<ListPage> {
  try {
    return { ...await list.fetch(run, job, state), dropped_fields: state.dropped_fields };
  } catch (error) {
    const dropped_fields = optionalFields(list.fields);
    const is_broken = error instanceof GraphApiError && error.reason === "creative_incomplete";
    if (!is_broken || dropped_fields.every((field) => state.dropped_fields.includes(field))) throw error;
    run.warn({
      code: "creative_incomplete",
      message: "Meta refuses a page for a broken creative; it is read without creatives.",
      fb_account_id: job.fb_account_id,
      facts: { kind: job.kind },
    });
    return { ...await list.fetch(run, job, { ...state, dropped_fields }), dropped_fields };
  }
}

function readList(run: SyncRun, job: SyncJob, list: ListDefinition): Promise<SyncJob | null> {
  return readPages(run, job, {
    use_case: "ads_management",
    page_size: DEFAULT_PAGE_SIZE,
    page_size_max: run.settings.metadata_page_size_max,
    plans_jobs: job.kind === "accounts",
    nextDroppedFields: (dropped_fields, field) => nextDroppedFields(list.fields, dropped_fields, field),
    async fetch(state) {
      const page = await fetchListPage(run, job, list, state);
      return { ...page, row_count: page.rows.length + page.skipped.length };
    },
    store(page, checkpoint) {
      warnOfPage(run, job, page);
      return storeAdTreePage(run.database, job, {
        ...checkpoint,
        rows: page.rows,
        // An object that could not be decoded was there all the same: it is not deleted.
        fb_ids: [
          ...page.rows.map(list.idOf),
          ...page.skipped.flatMap(({ id }) => id === null ? [] : [id.replace(/^act_/, "")]),
        ],
        dropped_fields: page.dropped_fields,
      });
    },
  });
}

/** Works on one job of the metadata sync. */
export function workOnMetadata(run: SyncRun, job: SyncJob): Promise<SyncJob | null> {
  switch (job.kind) {
    case "accounts":
    case "account":
    case "campaigns":
    case "adsets":
    case "ads":
      return readList(run, job, LISTS[job.kind]);
    case "objects":
      return readObjects(run, job);
    default:
      throw new TypeError(`not a job of the metadata sync: ${job.kind}`);
  }
}
