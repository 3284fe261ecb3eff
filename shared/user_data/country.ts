/**
 * Countries (`country`): ISO 3166-1 alpha-2 in lower case, from alpha-2, alpha-3 or an English name. What the table
 * does not know is refused: two letters cut from a name are another country.
 *
 * @module
 */

import { COUNTRY_BY_CODE_OR_NAME, COUNTRY_CODES } from "./country_table.ts";
import { passDigest, recogniseDigest, sha256 } from "./digest.ts";
import type { Normalised } from "./normalised.ts";
import { plainLetters, trimText } from "./unicode_text.ts";

let codeByDigest: Map<string, string> | undefined;

/** Finds the alpha-2 code of a country written as a code or an English name. */
export function findCountry(text: string): string | undefined {
  // Nearly all are plain codes.
  if (text.length === 2) {
    const known = COUNTRY_BY_CODE_OR_NAME.get(text.toLowerCase());
    if (known !== undefined) return known;
  }
  const trimmed = trimText(text);
  const code = trimmed.replace(/[.\s]+/g, "");
  if (code.length <= 3) return /^[a-z]+$/i.test(code) ? COUNTRY_BY_CODE_OR_NAME.get(code.toLowerCase()) : undefined;
  const name = plainLetters(trimmed);
  if (name.length <= 3) return undefined;
  return COUNTRY_BY_CODE_OR_NAME.get(name) ?? COUNTRY_BY_CODE_OR_NAME.get(name.replace(/^the/, ""));
}

/** Finds the country behind a value that may be hashed already: there are only 249 digests to compare with. */
export function findCountryOrDigest(text: string): string | undefined {
  const trimmed = trimText(text);
  if (recogniseDigest(trimmed) !== "digest") return findCountry(trimmed);
  codeByDigest ??= new Map(COUNTRY_CODES.map((code) => [sha256(code), code]));
  return codeByDigest.get(passDigest(trimmed).slice(0, 64));
}

/** Normalises a country. */
export function normaliseCountry(text: string): Normalised {
  const value = findCountry(text);
  return value === undefined
    ? { refused: "is not an ISO 3166-1 country code or the English name of a country" }
    : { value };
}
