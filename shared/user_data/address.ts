/**
 * City, state and postcode (`ct`, `st`, `zp`). American rules apply to American addresses alone: cutting every state to
 * two letters and every postcode at the dash makes addresses elsewhere unmatchable.
 *
 * @module
 */

import type { NormaliseContext, Normalised } from "./normalised.ts";
import { lettersAndDigits, lettersOnly, plainLetters } from "./unicode_text.ts";
import { US_STATE_BY_CODE_OR_NAME } from "./us_states.ts";

/** What the rules of an address must know. */
export type AddressContext = Pick<NormaliseContext, "country">;

/** The countries whose post is the United States Postal Service's. */
const ZIP_CODE_COUNTRIES = new Set(["us", "pr", "gu", "vi", "as", "mp", "um"]);
const MAX_POSTCODE_LENGTH = 12;

/** Normalises a city: the letters of any script. */
export function normaliseCity(text: string): Normalised {
  const value = lettersOnly(text);
  return value === "" ? { refused: "contains no letter" } : { value };
}

/**
 * Normalises a state, province or region: in the United States the two-letter code, elsewhere the whole name. With no
 * country an American state's full name is taken for one; whatever else it may be, it is written like that here alone.
 */
export function normaliseState(text: string, context: AddressContext): Normalised {
  if (context.country === undefined || context.country === "us") {
    const code = findUsState(text, context.country === "us");
    if (code !== undefined) return { value: code };
    if (context.country === "us") return { refused: "is not a state or territory of the United States" };
  }
  const value = lettersAndDigits(text);
  return /\p{L}/u.test(value) ? { value } : { refused: "contains no letter" };
}

function findUsState(text: string, american: boolean): string | undefined {
  const name = plainLetters(text);
  const state = US_STATE_BY_CODE_OR_NAME.get(name);
  if (state !== undefined || !american) return state;
  return US_STATE_BY_CODE_OR_NAME.get(name.replace(/^(?:stateof|commonwealthof|territoryof|us)/, ""));
}

/**
 * Normalises a postcode: the whole code without spaces and dashes; in the United States the first five digits. With no
 * country only the form `12345-6789` is read as American.
 */
export function normalisePostcode(text: string, context: AddressContext): Normalised {
  const written = text.normalize("NFKC");
  const american = context.country === undefined
    ? /^\d{5}-\d{4}$/.test(written)
    : ZIP_CODE_COUNTRIES.has(context.country);
  const code = lettersAndDigits(written);
  if (american) {
    return /^\d{5}(?:\d{4})?$/.test(code)
      ? { value: code.slice(0, 5) }
      : { refused: "is not a ZIP code of five or nine digits" };
  }
  return code.length >= 2 && code.length <= MAX_POSTCODE_LENGTH && /\p{N}/u.test(code)
    ? { value: code }
    : { refused: "is not a postcode" };
}
