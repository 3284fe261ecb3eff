/**
 * Single values of Meta's JSON, checked by hand: pages hold hundreds of rows and a function has 2 s of CPU. Each
 * function takes whatever stood in a field and returns the value or null; what null means is the row decoder's matter.
 *
 * @module
 */

/** A JSON object. */
export type JsonObject = Record<string, unknown>;

/** Whether a value is a JSON object and not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Text that Postgres takes: without NUL and without halves of characters, which Meta's own cuts leave behind. */
export function readText(value: unknown): string | null {
  if (typeof value !== "string") return null;
  // deno-lint-ignore no-control-regex -- NUL is what must go
  return /[\u0000\uD800-\uDFFF]/.test(value) ? value.replaceAll("\u0000", "").toWellFormed() : value;
}

/** An id as text. Numbers pass only where JSON has not rounded them: ids exceed 2^53. */
export function readId(value: unknown): string | null {
  if (typeof value === "string") return /^\d{1,30}$/.test(value) ? value : null;
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? String(value) : null;
}

const INSTANT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?)(Z|[+-](?:0\d|1[0-5])):?([0-5]\d)?$/;
/** Meta writes the epoch (in the account's time zone) for "never". */
const FIRST_REAL_YEAR = 1971;

/** `2026-11-20T22:41:46-0800` with a colon in its offset; "" where there is none or never will be, null for no time. */
export function readInstant(value: unknown): string | "" | null {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") return null;
  const match = INSTANT.exec(value);
  if (match === null) return null;
  const [, local, zone, minutes] = match;
  const instant = zone === "Z" ? `${local}Z` : `${local}${zone}:${minutes ?? "00"}`;
  // What Date.parse takes and Postgres does not, such as 30 February, comes out as another day.
  const parsed = new Date(`${local}Z`);
  if (Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== local?.slice(0, 10)) return null;
  return Number(instant.slice(0, 4)) < FIRST_REAL_YEAR ? "" : instant;
}

/** A calendar day, `YYYY-MM-DD`. */
export function readDay(value: unknown): string | null {
  return typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : null;
}

/** A count as an integer; Meta sends counts as strings. */
export function readCount(value: unknown): number | null {
  const count = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : null;
}

/**
 * A decimal amount, digit for digit. A JSON number passes only where its shortest form is exact, which holds up to 15
 * significant digits.
 */
export function readDecimal(value: unknown): string | null {
  if (typeof value === "string") return /^\d{1,15}(?:\.\d{1,15})?$/.test(value) ? value : null;
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) return null;
  const text = String(value);
  return /^\d+(?:\.\d+)?$/.test(text) && text.replace(".", "").length <= 15 ? text : null;
}
