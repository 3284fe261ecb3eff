/**
 * The `custom_data` of an event: what was bought, for how much. A text such as "150.000" is a hundred and fifty in one
 * country and a hundred and fifty thousand in another, and is no amount. Fields of one's own pass through where
 * they are plain values and not personal data.
 * Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/custom-data
 *
 * @module
 */

import { z } from "zod";
import type { Note } from "../../user_data/normalised.ts";
import { readCurrency } from "./currency.ts";
import { objectReader } from "./lenient_object.ts";
import { containsEmail, isPersonalName } from "../../user_data/personal_text.ts";
import { mendCustomData } from "./mend_custom_data.ts";
import { joinPath } from "./storable.ts";

const MAX_TEXT = 1_000;
const MAX_ITEMS = 1_000;
/** As for event ids: an order is looked up by its id, and an index has no room for more. */
const MAX_ORDER_ID = 256;
const MAX_OWN_FIELDS = 100;

const text = z.string().max(MAX_TEXT);
/** Ids are text; a number is taken as its digits, because `id: 12` and `id: "12"` are the same product. */
const idOf = (longest: number) =>
  z.union([text.min(1).max(longest), z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)], {
    error: `must be a text of 1 to ${longest} characters or a whole number`,
  }).transform(String);
const id = idOf(MAX_TEXT);
const amount = z.number({ error: "must be a number, not a text" }).nonnegative("must not be negative");
const count = z.number({ error: "must be a number" }).int("must be a whole number").nonnegative("must not be negative");
const delivery_category = z.enum(["in_store", "curbside", "home_delivery"]);

const CONTENT_SCHEMA = z.object({
  id: id.optional(),
  quantity: count.optional(),
  item_price: amount.optional(),
  title: text.optional(),
  description: text.optional(),
  brand: text.optional(),
  category: text.optional(),
  delivery_category: delivery_category.optional(),
});

/** Meta's nine values; its own pages put the field now on the event, now in `custom_data`. */
export const CUSTOMER_SEGMENTATION = z.enum([
  "new_customer_to_business",
  "new_customer_to_business_line",
  "new_customer_to_product_area",
  "new_customer_to_medium",
  "existing_customer_to_business",
  "existing_customer_to_business_line",
  "existing_customer_to_product_area",
  "existing_customer_to_medium",
  "customer_in_loyalty_program",
]);

const CONTENT_TYPES = [
  "product",
  "product_group",
  "destination",
  "flight",
  "home_listing",
  "hotel",
  "vehicle",
] as const;

/** The fields of `custom_data` that are Meta's. */
const CUSTOM_DATA_SCHEMA = z.object({
  value: amount.optional(),
  currency: z.string().transform((code, context) => {
    const currency = readCurrency(code);
    if (currency !== undefined) return currency;
    context.addIssue({ code: "custom", message: "is not a currency code of ISO 4217" });
    return z.NEVER;
  }).optional(),
  order_id: idOf(MAX_ORDER_ID).optional(),
  content_ids: z.array(id).max(MAX_ITEMS).optional(),
  content_type: z.enum(CONTENT_TYPES).optional(),
  contents: z.array(CONTENT_SCHEMA).max(MAX_ITEMS).optional(),
  content_name: text.optional(),
  content_category: text.optional(),
  num_items: count.optional(),
  predicted_ltv: amount.optional(),
  net_revenue: z.number({ error: "must be a number, not a text" }).optional(),
  search_string: text.optional(),
  status: z.union([text, z.boolean()]).optional(),
  delivery_category: delivery_category.optional(),
  customer_segmentation: CUSTOMER_SEGMENTATION.optional(),
});

const readMetasFields = objectReader(CUSTOM_DATA_SCHEMA);
const METAS_FIELDS: ReadonlySet<string> = new Set(Object.keys(CUSTOM_DATA_SCHEMA.shape));
const CONTENT_FIELDS: ReadonlySet<string> = new Set(Object.keys(CONTENT_SCHEMA.shape));
const NOTHING: ReadonlySet<string> = new Set();

/** The outcome of reading `custom_data`. */
export interface ReadCustomData {
  /** Undefined when nothing is in it. */
  readonly custom_data: Record<string, unknown> | undefined;
  /** What is wrong with fields that were left out; whether that costs the event is the caller's to say. */
  readonly problems: Note[];
  /** What was left out. */
  readonly notes: Note[];
  /** Fields that were given, but wrong: they are not missing as well. */
  readonly wrong: ReadonlySet<string>;
}

/** Checks and orders `custom_data`. */
export function readCustomData(given: Readonly<Record<string, unknown>>): ReadCustomData {
  const notes: Note[] = [];
  const input = mendCustomData(given, notes);
  const { fields, problems, wrong } = readMetasFields(input, "custom_data");
  const own = readPlainValues(input, "custom_data", notes, METAS_FIELDS);
  const custom_data = withoutPersonalData(fields, notes);
  Object.assign(custom_data, own);
  if (Array.isArray(input.contents)) noteUnknownContentFields(input.contents, notes);
  return { custom_data: Object.keys(custom_data).length === 0 ? undefined : custom_data, problems, notes, wrong };
}

function withoutPersonalData(fields: Readonly<Record<string, unknown>>, notes: Note[]): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const field of Object.keys(fields)) {
    const value = fields[field];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    if (holdsEmail(value)) {
      notes.push({ path: `custom_data.${field}`, message: "contains an e-mail address and was left out" });
    } else {
      kept[field] = value;
    }
  }
  return kept;
}

/**
 * Looks for e-mail addresses in texts, lists and the objects of `contents`; what is nested deeper is refused elsewhere.
 */
function holdsEmail(value: unknown, depth = 0): boolean {
  if (typeof value === "string") return containsEmail(value);
  if (typeof value !== "object" || value === null || depth > 3) return false;
  return Object.values(value).some((item) => holdsEmail(item, depth + 1));
}

function noteUnknownContentFields(contents: readonly unknown[], notes: Note[]): void {
  contents.forEach((item, index) => {
    if (typeof item !== "object" || item === null) return;
    for (const key of Object.keys(item)) {
      if (CONTENT_FIELDS.has(key)) continue;
      const path = joinPath(`custom_data.contents[${index}]`, key);
      notes.push({ path, message: "is not a field of contents and was left out" });
    }
  });
}

/**
 * Takes the texts, numbers, booleans and lists of them out of an object whose fields are not ours to know. What is
 * named like personal data, contains an e-mail address, or is an object is left out and noted.
 *
 * @param skip Fields that somebody else reads.
 */
export function readPlainValues(
  input: Readonly<Record<string, unknown>>,
  path: string,
  notes: Note[],
  skip: ReadonlySet<string> = NOTHING,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  let taken = 0;
  for (const key of Object.keys(input)) {
    if (skip.has(key)) continue;
    const value = input[key];
    if (value === null || value === undefined || value === "") continue;
    if (taken === MAX_OWN_FIELDS) {
      notes.push({ path, message: `has more than ${MAX_OWN_FIELDS} fields of its own; the others were left out` });
      break;
    }
    if (!/^[A-Za-z_]\w{0,63}$/.test(key) || key === "__proto__") {
      notes.push({ path, message: "has a field whose name is not a word, which was left out" });
    } else if (isPersonalName(key) || holdsEmail(value)) {
      notes.push({
        path: `${path}.${key}`,
        message: "is personal data and was left out; user_data is the place for it",
      });
    } else if (isPlain(value) || (Array.isArray(value) && value.length <= MAX_ITEMS && value.every(isPlain))) {
      values[key] = value;
      taken += 1;
    } else {
      notes.push({ path: `${path}.${key}`, message: "is not a plain value and was left out" });
    }
  }
  return values;
}

function isPlain(value: unknown): boolean {
  return typeof value === "boolean" || Number.isFinite(value) ||
    (typeof value === "string" && value.length <= MAX_TEXT);
}
