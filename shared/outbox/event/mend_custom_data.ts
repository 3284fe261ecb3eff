/**
 * Mends `custom_data` as shops send it, where the meaning is certain: numbers and lists written as texts, one item
 * where a list is expected. What is not certain is left out with a note, so that a descriptive field never costs the
 * event.
 *
 * @module
 */

import type { Note } from "../../user_data/normalised.ts";
import { isObject } from "./lenient_object.ts";

const PATH = "custom_data";
const AMOUNTS = ["value", "predicted_ltv", "net_revenue"];
const COUNTS = ["num_items"];
/** A dot and one or two digits are decimals everywhere. Three digits behind it are thousands in half of the world. */
const CERTAIN_AMOUNT = /^-?\d{1,15}(?:\.\d{1,2})?$/;
const CERTAIN_COUNT = /^\d{1,15}$/;
const DELIVERY_CATEGORIES: ReadonlySet<unknown> = new Set(["in_store", "curbside", "home_delivery"]);
/** A longer text is no list that a shop wrote by hand. */
const MOST_TEXT = 100_000;

/** Returns the fields with what could be mended; notes what was left out. The input stays as it is. */
export function mendCustomData(
  input: Readonly<Record<string, unknown>>,
  notes: Note[],
): Readonly<Record<string, unknown>> {
  const mended: Record<string, unknown> = { ...input };
  const leaveOut = (field: string, message: string) => {
    delete mended[field];
    notes.push({ path: `${PATH}.${field}`, message: `${message} and was left out` });
  };
  for (const field of [...AMOUNTS, ...COUNTS]) {
    const given = input[field];
    if (typeof given !== "string" || given.trim() === "") continue;
    const number = readNumber(given, COUNTS.includes(field) ? CERTAIN_COUNT : CERTAIN_AMOUNT);
    if (number === undefined) leaveOut(field, "is a text that may mean several numbers");
    else mended[field] = number;
  }
  if (isGiven(input.content_ids)) {
    const ids = readList(input.content_ids).filter((id) => typeof id === "string" || typeof id === "number");
    if (ids.length < readList(input.content_ids).length) {
      notes.push({ path: `${PATH}.content_ids`, message: "holds what is no id, which was left out" });
    }
    mended.content_ids = ids.map((id) => typeof id === "string" ? id.trim() : id).filter((id) => id !== "");
  }
  if (isGiven(input.contents)) mended.contents = mendContents(readList(input.contents, false), notes);
  if (typeof input.content_type === "string") mended.content_type = input.content_type.trim().toLowerCase();
  return mended;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function readNumber(text: string, form: RegExp): number | undefined {
  return form.test(text.trim()) ? Number(text.trim()) : undefined;
}

/** A list, given as one, as JSON, as texts between commas, or as its only item. */
function readList(given: unknown, by_commas = true): unknown[] {
  if (Array.isArray(given)) return given;
  if (typeof given !== "string") return [given];
  const text = given.trim().slice(0, MOST_TEXT);
  if (/^[[{]/.test(text)) {
    try {
      const parsed: unknown = JSON.parse(text);
      return Array.isArray(parsed) ? parsed : [parsed];
    } catch {
      // Cut off, or no JSON at all: then it is what it says.
    }
  }
  return by_commas ? text.split(",").map((item) => item.trim()) : [text];
}

/** Items without an id are nothing that Meta knows; the rest of an item stays where one field of it is wrong. */
function mendContents(items: readonly unknown[], notes: Note[]): unknown[] {
  return items.flatMap((given, index) => {
    const path = `${PATH}.contents[${index}]`;
    if (!isObject(given) || !isGiven(given.id)) {
      notes.push({ path, message: "has no id and was left out" });
      return [];
    }
    const item: Record<string, unknown> = { ...given };
    for (const [field, form] of [["quantity", CERTAIN_COUNT], ["item_price", CERTAIN_AMOUNT]] as const) {
      if (!isGiven(item[field])) {
        delete item[field];
        continue;
      }
      const number = typeof item[field] === "string" ? readNumber(item[field], form) : item[field];
      const isRight = typeof number === "number" && number >= 0 && Number.isFinite(number) &&
        (field === "item_price" || Number.isInteger(number));
      if (isRight) {
        item[field] = number;
      } else {
        delete item[field];
        notes.push({ path: `${path}.${field}`, message: "is not a number that can be known and was left out" });
      }
    }
    if (isGiven(item.delivery_category) && !DELIVERY_CATEGORIES.has(item.delivery_category)) {
      delete item.delivery_category;
      notes.push({ path: `${path}.delivery_category`, message: "is not one of Meta's and was left out" });
    }
    return [item];
  });
}
