/**
 * Builds the Purchase of a completed transaction from its row in `fb_ads.purchases` and the browser data of its
 * checkout. Its `event_id` is the transaction's reference: the Pixel on a thank-you page that sends Purchase too gives
 * the same text as `eventID`, and Meta counts one.
 *
 * @module
 */

import type { PurchaseRow } from "../../database/purchases.ts";
import { buildUserData } from "../../user_data/build_user_data.ts";
import { hasEnoughCustomerInformation } from "../../user_data/customer_information.ts";
import { CLEAR_FIELDS, HASHED_FIELDS, type UserData } from "../../user_data/fields.ts";
import type { Note } from "../../user_data/normalised.ts";
import { readCustomData } from "./custom_data.ts";
import { exactNumber } from "./decimal.ts";
import { checkEventTime, oldestEventTime } from "./event_time.ts";
import { isObject } from "./lenient_object.ts";
import { buildServerEvent, type ServerEvent } from "./server_event.ts";

/** What the rules must know beside the sale. */
export interface BuildPurchaseOptions {
  /** The time of building, in milliseconds. */
  readonly now_ms: number;
  /** `FB_ADS_DEFAULT_COUNTRY`. */
  readonly default_country?: string | undefined;
  /** The checkout event of this sale with its browser data, where one is linked. */
  readonly checkout?: ServerEvent | undefined;
}

/** A Purchase to send, one that is too old, or one that Meta would refuse. */
export type BuiltPurchase =
  | { readonly outcome: "built"; readonly event: ServerEvent; readonly notes: Note[] }
  | { readonly outcome: "expired" | "refused"; readonly problems: Note[]; readonly notes: Note[] };

/** What a sale without contents of its own may take from its checkout. */
const CONTENT_FIELDS = ["content_ids", "contents", "content_type", "content_name", "content_category"] as const;

/**
 * Derives the `event_id` of a transaction's Purchase. It is the reference itself, in SQL as in the browser: references
 * are unique over all attached tables, and de-duplication compares the event's name as well.
 */
export function purchaseEventId(transaction_ref: string): string {
  return transaction_ref;
}

/** Builds a Purchase. The sale decides what was bought and by whom; the checkout adds the browser. */
export function buildPurchaseEvent(row: PurchaseRow, options: BuildPurchaseOptions): BuiltPurchase {
  const { checkout, now_ms } = options;
  const problems: Note[] = [];
  const person = buildUserData({
    em: row.email,
    ph: row.phone,
    fn: row.first_name,
    ln: row.last_name,
    ct: row.city,
    st: row.state,
    zp: row.zip,
    country: row.country,
    external_id: row.user_ref,
  }, { default_country: options.default_country, today: new Date(now_ms).toISOString().slice(0, 10) });
  const user_data = mergeUserData(person.user_data, checkout?.user_data ?? {});
  const notes = [...person.notes];

  const fromWebsite = checkout?.event_source_url !== undefined && user_data.client_user_agent !== undefined;
  const action_source = fromWebsite ? "website" : "system_generated";
  const paid_at = Math.floor(Date.parse(row.completed_at ?? "") / 1_000);
  if (Number.isNaN(paid_at)) {
    problems.push({ path: "event_time", message: "the transaction has no time of completion" });
  } else if (paid_at < oldestEventTime(action_source, now_ms)) {
    const message = "the transaction was completed more than 7 days ago, which Meta refuses";
    return { outcome: "expired", problems: [{ path: "event_time", message }], notes };
  }
  const now = Math.floor(now_ms / 1_000);
  const checked = checkEventTime(Math.min(paid_at, now), action_source, now_ms);
  if (paid_at > now) notes.push({ path: "event_time", message: "is ahead of the server's clock and was set to now" });

  const custom_data = purchaseCustomData(row, checkout, problems, notes);
  if (!hasEnoughCustomerInformation(user_data)) {
    problems.push({
      path: "user_data",
      message: "does not tell enough about the customer for Meta to match the event",
    });
  }
  if (problems.length > 0 || "refused" in checked) return { outcome: "refused", problems, notes };
  const event = buildServerEvent({
    event_name: "Purchase",
    event_time: checked.event_time,
    event_id: purchaseEventId(row.transaction_ref),
    action_source,
    event_source_url: checkout?.event_source_url,
    referrer_url: checkout?.referrer_url,
    user_data,
    custom_data,
    opt_out: checkout?.opt_out,
    data_processing_options: checkout?.data_processing_options,
    data_processing_options_country: checkout?.data_processing_options_country,
    data_processing_options_state: checkout?.data_processing_options_state,
  });
  return { outcome: "built", event, notes };
}

/** The sale's own digests win; what it does not know comes from the checkout, as does all that only a browser knows. */
function mergeUserData(sale: UserData, checkout: UserData): UserData {
  const merged: UserData = { ...sale };
  for (const field of HASHED_FIELDS) {
    const value = sale[field] ?? checkout[field];
    if (value !== undefined) merged[field] = value;
  }
  for (const field of CLEAR_FIELDS) {
    const value = checkout[field];
    if (value !== undefined) merged[field] = value;
  }
  return merged;
}

function purchaseCustomData(
  row: PurchaseRow,
  checkout: ServerEvent | undefined,
  problems: Note[],
  notes: Note[],
): Record<string, unknown> | undefined {
  const content_ids = row.content_ids?.filter((id) => id !== null && id !== "") ?? [];
  const contents = Array.isArray(row.contents) ? row.contents.map(exactContent) : [];
  const sold: Record<string, unknown> = { content_ids, contents, content_type: "product" };
  if (content_ids.length === 0 && contents.length === 0) {
    for (const field of CONTENT_FIELDS) sold[field] = checkout?.custom_data?.[field];
  }
  const read = readCustomData({
    value: toNumber(row.value),
    currency: row.currency,
    order_id: row.order_id?.trim() || row.transaction_ref,
    ...sold,
  });
  for (const field of ["value", "currency"]) {
    if (read.custom_data?.[field] !== undefined || read.wrong.has(field)) continue;
    problems.push({ path: `custom_data.${field}`, message: "is required for Purchase" });
  }
  for (const problem of read.problems) {
    const decisive = problem.path === "custom_data.value" || problem.path === "custom_data.currency";
    if (decisive) problems.push(problem);
    else notes.push({ path: problem.path, message: `${problem.message} and was left out` });
  }
  notes.push(...read.notes);
  return read.custom_data;
}

/** Prices in `contents` may be decimal texts; whatever else is wrong there is found by the schema. */
function exactContent(item: unknown): unknown {
  if (!isObject(item)) return item;
  const exact = { ...item };
  for (const field of ["item_price", "quantity"]) {
    const given = item[field];
    if (typeof given === "string") exact[field] = exactNumber(given) ?? given;
    if (given === null) delete exact[field];
  }
  return exact;
}

function toNumber(given: string | number | null | undefined): number | undefined {
  return typeof given === "string" ? exactNumber(given) : given ?? undefined;
}
