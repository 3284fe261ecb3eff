/**
 * The character classes of the normalisers. NFC first everywhere: "é" typed on a phone and "é" typed on a Mac are
 * different bytes, hence different digests.
 *
 * @module
 */

const ASCII = /^[\x20-\x7e]*$/;
/** White space of any script, controls, and invisible marks that travel with copied text. */
const EDGES = /^[\s\p{Z}\p{Cc}\p{Cf}]+|[\s\p{Z}\p{Cc}\p{Cf}]+$/gu;
/**
 * Spaces, punctuation of any script, the ASCII symbols that Meta's pixel removes, and the letters and accents that
 * stand in for an apostrophe (U+02B9 to U+02BC, U+02BD, U+00B4, U+02B9). Joiners (U+200C, U+200D) stay: they spell
 * words.
 */
const SPACE_AND_PUNCTUATION =
  /[\s\p{Z}\p{Cc}\p{P}$+<=>^`|~\u00b4\u02b9-\u02bd\u02c8\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+/gu;
/** Everything but letters and the marks that belong to them. */
const NOT_LETTERS = /[^\p{L}\p{M}]+|[\u02b9-\u02bd\u02c8]+/gu;
const NOT_LETTERS_OR_DIGITS = /[^\p{L}\p{M}\p{N}]+|[\u02b9-\u02bd\u02c8]+/gu;
const MARKS = /\p{M}+/gu;
/** The same classes where a text is ASCII throughout: expressions with Unicode classes cost several times as much. */
const ASCII_SPACE_AND_PUNCTUATION = /[^0-9A-Za-z]+/g;
const ASCII_NOT_LETTERS = /[^A-Za-z]+/g;

/** Tells whether a text can be hashed and stored: no half of a surrogate pair, no NUL (which Postgres refuses). */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** Trims white space and invisible characters of any script and composes to NFC. */
export function trimText(text: string): string {
  if (ASCII.test(text)) return text.trim();
  return text.replace(EDGES, "").normalize("NFC");
}

/** Trims and composes as `trimText` does; undefined where the text cannot be stored. */
export function readStorable(text: string): string | undefined {
  if (ASCII.test(text)) return text.trim();
  return isStorable(text) ? trimText(text) : undefined;
}

/** Lower-cases by Unicode, independent of any locale. */
export function lowerCase(text: string): string {
  return ASCII.test(text) ? text.toLowerCase() : text.toLowerCase().normalize("NFC");
}

/**
 * Lower-cases, then removes: a Greek sigma is written by where its word ends. Composed again, because neighbours are
 * new.
 */
function lowerCaseWithout(text: string, removed: RegExp): string {
  return text.toLowerCase().replace(removed, "").normalize("NFC");
}

/** Removes spaces and punctuation and lower-cases: what Meta's pixel does to names. */
export function withoutPunctuation(text: string): string {
  if (ASCII.test(text)) return text.replace(ASCII_SPACE_AND_PUNCTUATION, "").toLowerCase();
  return lowerCaseWithout(text, SPACE_AND_PUNCTUATION);
}

/** Keeps the letters of any script, in lower case. */
export function lettersOnly(text: string): string {
  if (ASCII.test(text)) return text.replace(ASCII_NOT_LETTERS, "").toLowerCase();
  return lowerCaseWithout(text, NOT_LETTERS);
}

/** Keeps letters and digits of any script, in lower case. */
export function lettersAndDigits(text: string): string {
  if (ASCII.test(text)) return text.replace(ASCII_SPACE_AND_PUNCTUATION, "").toLowerCase();
  return lowerCaseWithout(text, NOT_LETTERS_OR_DIGITS);
}

/** Reduces a name to plain a to z: accents dropped, "&" written out; for looking up tables, never for hashing. */
export function plainLetters(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase().replaceAll("&", "and").replace(/[^a-z]+/g, "");
  return text.normalize("NFKD").replace(MARKS, "").toLowerCase().replaceAll("&", "and").replace(/[^a-z]+/g, "");
}
