/**
 * Written-out nothing: what programs and templates put where a value is missing. Hashed, it would make one person of
 * everybody who has it.
 *
 * @module
 */

import { sha256 } from "./digest.ts";

/** What languages and reports write for no value. Not `na`: that is somebody's name. */
const WORDS: ReadonlySet<string> = new Set([
  ...["undefined", "null", "(null)", "nil", "nan", "none", "(none)", "n/a", "n.a.", "#n/a"],
  ...["not set", "(not set)", "not provided", "(not provided)", "[object object]", "[object undefined]"],
]);
/** Fields of templates that nothing was filled into, and nothing around them. */
const TEMPLATE_FIELD =
  /^(?:\{\{.*\}\}|\{[\w.-]+\}|\$\{.*\}|#\{.*\}|%%.*%%|%[A-Za-z_][\w.-]*%|\[\[.*\]\]|<%.*%>|\*\|.*\|\*|__[A-Z_]+__)$/s;
/** What an id of nobody looks like, beside the words. */
const NO_ID = /^(?:0+|-1|true|false)$/i;

/** Digests of these words as they are and as a name is normalised; nobody's name is among them. */
const DIGESTS: ReadonlySet<string> = new Set(
  [...WORDS, "notset", "objectobject", "notprovided"].map(sha256),
);
const DIGEST_OF_ZERO = sha256("0");

/** Tells whether a trimmed text stands for no value. */
export function isPlaceholder(text: string, is_id: boolean): boolean {
  if (text.length > 200) return false;
  return WORDS.has(text.toLowerCase()) || TEMPLATE_FIELD.test(text) || (is_id && NO_ID.test(text));
}

/** Tells whether a digest is that of a text that stands for no value. */
export function isDigestOfPlaceholder(digest: string, is_id: boolean): boolean {
  const plain = digest.slice(0, 64).toLowerCase();
  return DIGESTS.has(plain) || (is_id && plain === DIGEST_OF_ZERO);
}

/** A spreadsheet's number: whole, with one or two zeros behind its decimal sign. */
const WITH_DECIMALS = /^(\+?\d{2,30})[.,]0{1,2}$/;
/** A number that lost its last digits: nothing brings them back. */
const SHORTENED = /^\d+(?:[.,]\d+)?e\+?\d+$/i;

/** Takes off the decimals that a spreadsheet puts behind whole numbers; undefined where digits are lost. */
export function undoSpreadsheet(text: string): string | undefined {
  if (SHORTENED.test(text)) return undefined;
  return WITH_DECIMALS.exec(text)?.[1] ?? text;
}
