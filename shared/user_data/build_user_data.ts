/**
 * Builds Meta's `user_data` from what a caller knows about a person: every field normalised and hashed by its own rule.
 * A field that cannot be made valid is left out and named in the notes; the event goes on without it.
 *
 * @module
 */

import { containsEmail } from "./personal_text.ts";
import { findCountry, findCountryOrDigest } from "./country.ts";
import { passDigest, recogniseDigest, sha256 } from "./digest.ts";
import {
  CLEAR_FIELD_CHECKS,
  CLEAR_FIELDS,
  type ClearField,
  FIELDS_OF_FEW_VALUES,
  HASHED_FIELDS,
  type HashedField,
  MAX_VALUE_LENGTH,
  NORMALISERS,
  type UserData,
} from "./fields.ts";
import type { NormaliseContext, Note } from "./normalised.ts";
import { isDigestOfPlaceholder, isPlaceholder, undoSpreadsheet } from "./placeholder.ts";
import { readStorable } from "./unicode_text.ts";

/** What the rules must know beside the person's data. */
export interface BuildUserDataOptions {
  /** Country of phone numbers written nationally where the person's own `country` is absent or unusable. */
  readonly default_country?: string | undefined;
  /** Today as `YYYY-MM-DD` (UTC); no birth date is later. */
  readonly today: string;
  /** How `03/04/1990` is meant; Meta's own reading is month first. @default "month_first" */
  readonly date_order?: "month_first" | "day_first" | undefined;
  /** Fields that the caller handles itself and that are therefore no unknown ones. */
  readonly other_fields?: readonly string[] | undefined;
}

/** The outcome: fields in a fixed order, so that equal input gives equal text. */
export interface BuiltUserData {
  /** The valid fields. */
  readonly user_data: UserData;
  /** The fields that were left out, and why. */
  readonly notes: Note[];
}

const ANY_FIELD: ReadonlySet<string> = new Set([...HASHED_FIELDS, ...CLEAR_FIELDS]);
/** Version and variant of a random (4) or time-ordered (7, years 2022 to 2039) UUID written without dashes. */
const PLAIN_UUID = /^(?:[0-9a-f]{12}4|01[89a-f][0-9a-f]{9}7)[0-9a-f]{3}[89ab][0-9a-f]{15}$/i;
const DIGESTS_KEPT = 5_000;
/** Addresses, numbers or ids of one person; a longer list is somebody's whole address book. */
const MOST_VALUES = 100;
const STANDS_FOR_NOTHING = "stands for no value and was left out";
/** Fields that people keep as numbers in spreadsheets. */
const NUMBER_FIELDS: ReadonlySet<HashedField> = new Set(["ph", "zp", "db", "external_id"]);
const digests = new Map<string, string>();

/**
 * Builds `user_data`. Values are texts or whole numbers, for hashed fields also lists of them. SHA-256 digests pass
 * through in lower case, with the parameter builder's suffix untouched; other digests are refused. A hashed phone with
 * Google's leading plus cannot be told from Meta's by its digest: hash without the plus.
 */
export function buildUserData(input: Readonly<Record<string, unknown>>, options: BuildUserDataOptions): BuiltUserData {
  const notes: Note[] = [];
  const user_data: UserData = {};
  const country = ownCountry(input.country);
  const context: NormaliseContext = {
    country,
    phone_country: country ?? findCountry(options.default_country ?? ""),
    today: options.today.replaceAll("-", ""),
    date_order: options.date_order ?? "month_first",
  };
  for (const field of HASHED_FIELDS) {
    const given = input[field];
    if (given === undefined || given === null) continue;
    const value = hashField(field, given, context, notes);
    if (value !== undefined) user_data[field] = value;
  }
  for (const field of CLEAR_FIELDS) {
    const given = input[field];
    if (given === undefined || given === null) continue;
    const value = readClearField(field, given, notes);
    if (value !== undefined) user_data[field] = value;
  }
  for (const field of Object.keys(input)) {
    if (ANY_FIELD.has(field) || options.other_fields?.includes(field)) continue;
    notes.push({ path: fieldPath(field), message: "is not a field of user_data and was left out" });
  }
  return { user_data, notes };
}

/** Names that are no identifiers are a caller's data; they are counted under their parent's path. */
function fieldPath(field: string): string {
  return /^[A-Za-z_]\w{0,39}$/.test(field) ? `user_data.${field}` : "user_data";
}

function ownCountry(given: unknown): string | undefined {
  for (const value of Array.isArray(given) ? given : [given]) {
    const country = typeof value === "string" ? findCountryOrDigest(value) : undefined;
    if (country !== undefined) return country;
  }
  return undefined;
}

function hashField(
  field: HashedField,
  given: unknown,
  context: NormaliseContext,
  notes: Note[],
): string | string[] | undefined {
  if (!Array.isArray(given)) return hashValue(field, given, context, undefined, notes);
  const values = new Set<string>();
  if (given.length > MOST_VALUES) {
    notes.push({
      path: `user_data.${field}`,
      message: `holds more than ${MOST_VALUES} values; the others were left out`,
    });
  }
  given.slice(0, MOST_VALUES).forEach((item: unknown, index) => {
    const value = hashValue(field, item, context, index, notes);
    if (value !== undefined) values.add(value);
  });
  return values.size === 0 ? undefined : [...values];
}

function hashValue(
  field: HashedField,
  given: unknown,
  context: NormaliseContext,
  index: number | undefined,
  notes: Note[],
): string | undefined {
  const leaveOut = (message: string): undefined => {
    notes.push({ path: `user_data.${field}${index === undefined ? "" : `[${index}]`}`, message });
  };
  const read = readText(given, MAX_VALUE_LENGTH.hashed);
  if (typeof read !== "string") return read === undefined ? undefined : leaveOut(read.refused);
  const is_id = field === "external_id";
  if (isPlaceholder(read, is_id)) return leaveOut(STANDS_FOR_NOTHING);
  const kind = recogniseDigest(read);
  if (kind === "digest") return isDigestOfPlaceholder(read, is_id) ? leaveOut(STANDS_FOR_NOTHING) : passDigest(read);
  const text = NUMBER_FIELDS.has(field) ? undoSpreadsheet(read) : read;
  if (text === undefined) return leaveOut("is a number that a spreadsheet has shortened and was left out");
  if (kind === "digest_of_nothing") return leaveOut("is the digest of an empty text and was left out");
  if (kind === "unusable_digest" && !(is_id && PLAIN_UUID.test(text))) {
    return leaveOut("is a digest other than SHA-256, which Meta cannot match, and was left out");
  }
  const normalised = NORMALISERS[field](text, context);
  if ("refused" in normalised) return leaveOut(`${normalised.refused} and was left out`);
  return FIELDS_OF_FEW_VALUES.has(field) ? rememberedDigest(normalised.value) : sha256(normalised.value);
}

/** Cities, states, countries and genders repeat; a full store starts afresh rather than grow. */
function rememberedDigest(text: string): string {
  const known = digests.get(text);
  if (known !== undefined) return known;
  const digest = sha256(text);
  if (digests.size >= DIGESTS_KEPT) digests.clear();
  digests.set(text, digest);
  return digest;
}

function readClearField(field: ClearField, given: unknown, notes: Note[]): string | undefined {
  const leaveOut = (message: string): undefined => {
    notes.push({ path: `user_data.${field}`, message });
  };
  const limit = field === "client_user_agent" ? MAX_VALUE_LENGTH.client_user_agent : MAX_VALUE_LENGTH.clear;
  const text = readText(Array.isArray(given) && given.length === 1 ? given[0] : given, limit);
  if (typeof text !== "string") return text === undefined ? undefined : leaveOut(text.refused);
  if (isPlaceholder(text, false)) return leaveOut(STANDS_FOR_NOTHING);
  if (containsEmail(text)) return leaveOut("contains an e-mail address and was left out");
  const check = CLEAR_FIELD_CHECKS[field];
  return check === undefined || check.is(text) ? text : leaveOut(`${check.not} and was left out`);
}

/** Reads a text or whole number, trimmed; undefined when there is nothing in it. */
function readText(given: unknown, limit: number): string | { refused: string } | undefined {
  if (given === undefined || given === null || (Array.isArray(given) && given.length === 0)) return undefined;
  if (typeof given === "number" && Number.isSafeInteger(given) && given >= 0) return String(given);
  if (typeof given !== "string") return { refused: "is neither a text nor a whole number and was left out" };
  if (given.length > limit) return { refused: "is too long and was left out" };
  const text = readStorable(given);
  if (text === undefined) return { refused: "is not well-formed text and was left out" };
  return text === "" ? undefined : text;
}
