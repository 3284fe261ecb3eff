/**
 * Names, birth date, gender and our own user id (`fn`, `ln`, `db`, `ge`, `external_id`). Names follow Meta's pixel,
 * which removes spaces and punctuation, not Meta's text, which only speaks of punctuation: what counts is the pixel's
 * digest.
 *
 * @module
 */

import type { NormaliseContext, Normalised } from "./normalised.ts";
import { lowerCase, plainLetters, withoutPunctuation } from "./unicode_text.ts";

const FIRST_YEAR = 1900;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const MALE = new Set(["m", "male", "man", "boy", "mr", "mister", "lakilaki", "pria", "lalaki", "lalake"]);
const FEMALE = new Set([
  ...["f", "female", "woman", "girl", "mrs", "ms", "miss"],
  ...["perempuan", "wanita", "babae"],
]);

/** Normalises a first or last name. */
export function normaliseName(text: string): Normalised {
  const value = withoutPunctuation(text);
  return value === "" ? { refused: "contains only punctuation" } : { value };
}

/**
 * Normalises a birth date to `YYYYMMDD`. Read are `YYYYMMDD`, `YYYY-MM-DD` (any separator; a time of day behind it is
 * ignored), and day and month before a four-digit year: month first unless day first is declared or the number is
 * above 12. The date must exist, from 1900 to today.
 */
export function normaliseBirthDate(text: string, context: Pick<NormaliseContext, "today" | "date_order">): Normalised {
  const parts = readDate(text.normalize("NFKC"), context.date_order);
  if (parts === undefined) return { refused: "is not a date of the form YYYYMMDD or YYYY-MM-DD" };
  const [year, month, day] = parts;
  const length = month === 2 && isLeapYear(year) ? 29 : DAYS_IN_MONTH[month - 1] ?? 0;
  if (day < 1 || day > length) return { refused: "is not a day of the calendar" };
  const value = `${year}${String(month).padStart(2, "0")}${String(day).padStart(2, "0")}`;
  if (year < FIRST_YEAR || value > context.today) return { refused: "is not between 1900 and today" };
  return { value };
}

function readDate(text: string, order: NormaliseContext["date_order"]): [number, number, number] | undefined {
  const yearFirst = /^(\d{4})(\d{2})(\d{2})$/.exec(text) ??
    /^(\d{4})(?:\s*[-/.]\s*|\s+)(\d{1,2})(?:\s*[-/.]\s*|\s+)(\d{1,2})(?:[T\s]\d{2}:\d{2}.*)?$/.exec(text);
  if (yearFirst !== null) return [Number(yearFirst[1]), Number(yearFirst[2]), Number(yearFirst[3])];
  const yearLast = /^(\d{1,2})(?:\s*[-/.]\s*|\s+)(\d{1,2})(?:\s*[-/.]\s*|\s+)(\d{4})$/.exec(text);
  if (yearLast === null) return undefined;
  const [first, second, year] = [Number(yearLast[1]), Number(yearLast[2]), Number(yearLast[3])];
  const dayFirst = order === "day_first" || first > 12;
  return dayFirst ? [year, second, first] : [year, first, second];
}

function isLeapYear(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

/** Normalises a gender to `f` or `m`, from English, Indonesian and Filipino words; others are left out, not guessed. */
export function normaliseGender(text: string): Normalised {
  const word = plainLetters(text);
  if (MALE.has(word)) return { value: "m" };
  if (FEMALE.has(word)) return { value: "f" };
  return { refused: "is neither f nor m" };
}

/** Normalises our own user id; the browser's pixel must be given the same text. */
export function normaliseExternalId(text: string): Normalised {
  return { value: lowerCase(text) };
}
