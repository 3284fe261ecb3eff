/**
 * Phone numbers (`ph`): E.164 digits without the plus. A number written nationally needs a country; without one it is
 * left out, because a guess is another person's number. Validity is libphonenumber's length check, not its list of
 * ranges in use: ranges are opened every month, and a number refused here is a match lost. In Indonesia and the
 * Philippines it is the shape of the number too: their plans have so many lengths that a half number passes by length.
 *
 * @module
 */

import {
  type CountryCode,
  isSupportedCountry,
  parsePhoneNumberFromString,
  type PhoneNumber,
} from "libphonenumber-js/min";
import type { NormaliseContext, Normalised } from "./normalised.ts";
import { plainE164Digits } from "./phone_plan.ts";

/** The most digits that E.164 allows, country code included. */
const MAX_DIGITS = 15;
/** Fewer digits beside a slash are a part of a number, such as an area code. */
const MIN_DIGITS_OF_ONE_NUMBER = 7;
/** So many digits before a slash are a whole number, whatever follows (`0812-3456-7890/91`). */
const CLEARLY_A_WHOLE_NUMBER = 9;
const NUMBER_SEPARATORS = /[/\\;,|&\n]|\b(?:or|atau|and|dan)\b/i;
/** Extensions in the Philippines ("loc. 12") and in Indonesia ("pes. 12"); the library knows the other spellings. */
const LOCAL_EXTENSION = /\s*\(?\b(?:local|loc|pesawat|pes|ekstensi|ekst)\.?:?\s*\d{1,6}\)?\s*$/i;
const INVISIBLE = /\p{Cf}+/gu;
/** Separators that the library does not know, or takes for the mark of an extension; and long gaps, which cost time. */
const STRANGE_SEPARATORS = /[_·•~*{}]|[^\S\n]+/g;
const DIGIT = /\p{Nd}/gu;
const ARABIC_DIGITS = /[\u0660-\u0669\u06f0-\u06f9]/g;
/** Where the buyers are: numbers of these countries are known by their calling code without a plus, too. */
const MARKETS: ReadonlySet<string> = new Set(["ID", "PH"]);
/** Fewer digits are more often a mistyped number of the country than a foreign one without its plus. */
const MIN_DIGITS_FROM_ABROAD = 11;
/**
 * Indonesian mobile numbers without their zero, which a plus would make strangers' numbers in Japan or Hong Kong.
 * Twelve digits that read as a mobile number of Japan, Korea or Taiwan are not among them: few Indonesian ones are so
 * long.
 */
const INDONESIAN_MOBILE = /^8[1-35-9]\d{9}$|^8(?!1[6-9]0|210|869)[1-35-9]\d{10}$/;

/**
 * Normalises one phone number. Two numbers in one field are the first of them that is possible, never both joined;
 * extensions are dropped; a leading `00` is a plus in every country.
 */
export function normalisePhone(text: string, context: Pick<NormaliseContext, "phone_country">): Normalised {
  const alone = withoutSecondNumber(text);
  if (alone === undefined) return { refused: "ends in a digit that may be another number's" };
  return normaliseOne(alone, context);
}

function normaliseOne(text: string, context: Pick<NormaliseContext, "phone_country">): Normalised {
  const country = context.phone_country?.toUpperCase();
  const plain = plainE164Digits(inFull(text, country), country);
  if (plain !== undefined) return { value: plain };
  const written = text.normalize("NFKC").replace(INVISIBLE, "").replace(STRANGE_SEPARATORS, " ")
    .replace(ARABIC_DIGITS, (digit) => String(digit.charCodeAt(0) & 15));
  const known = country !== undefined && isSupportedCountry(country) ? country : undefined;
  for (const candidate of numbersIn(written)) {
    const digits = e164Digits(candidate, known);
    if (digits !== undefined) return { value: digits };
  }
  if (!/\p{Nd}/u.test(written)) return { refused: "is not a phone number" };
  const whole = known === undefined ? internationalDigits(written) : undefined;
  if (whole !== undefined) return { value: whole };
  return known === undefined && !/^\s*\(?\s*(?:\+|00)/.test(written)
    ? { refused: "is a national phone number and the country is unknown" }
    : { refused: "is not a possible phone number" };
}

/**
 * Takes off a second number of one or two digits behind a whole one: `081234567890-2`, `081234567890 (2)`. Undefined
 * where a single digit stands behind groups that may not be a whole number: with it or without it is somebody else's.
 */
function withoutSecondNumber(text: string): string | undefined {
  const [, whole] = /^(\+?\d{9,15})\s*[-\s(]\s*\d{1,2}\)?$/.exec(text) ?? [];
  if (whole !== undefined) return whole;
  return /^\+?[\d\s.-]{9,}[-\s(]\s*\d\)?$/.test(text) ? undefined : text;
}

/** Digits that begin with a country code and have no plus, which is Meta's own form; where no country is known. */
function internationalDigits(written: string): string | undefined {
  if (!/^[1-9][\d .()-]*$/.test(written) || countDigits(written) < MIN_DIGITS_FROM_ABROAD) return undefined;
  const number = possibleNumber(`+${written}`, undefined);
  if (number?.isValid() !== true || number.country === undefined) return undefined;
  // An Indonesian mobile number without its zero is a stranger's number in Japan.
  return INDONESIAN_MOBILE.test(digitsOf(number)) ? undefined : digitsOf(number);
}

/** Writes out what is left away at home and would be read as another number. */
function inFull(written: string, country: string | undefined): string {
  // Only the numbers of Metro Manila have eight digits, and there nobody writes the area code.
  if (country === "PH" && /^[3-8]\d{3}[ .-]?\d{4}$/.test(written)) return `02${written}`;
  // With a number behind them the area codes 0620 to 0629 have ten digits at most, and they do not go without their
  // zero.
  if (country === "ID" && written.startsWith("62") && countDigits(written) >= 11) return `+${written}`;
  return written;
}

/** Cuts a field that holds several numbers; a single number that contains a slash stays whole. */
function numbersIn(written: string): string[] {
  if (!NUMBER_SEPARATORS.test(written)) return [written];
  const numbers: string[] = [];
  let begun = "";
  for (const part of written.split(NUMBER_SEPARATORS)) {
    begun += ` ${part}`;
    if (countDigits(part) < MIN_DIGITS_OF_ONE_NUMBER) continue;
    numbers.push(begun);
    begun = "";
  }
  const [first] = numbers;
  if (first !== undefined && (numbers.length > 1 || countDigits(first) >= CLEARLY_A_WHOLE_NUMBER)) return numbers;
  return [written.replace(/[/\\;,|&\n]/g, " ")];
}

function countDigits(text: string): number {
  return text.match(DIGIT)?.length ?? 0;
}

function e164Digits(written: string, country: CountryCode | undefined): string | undefined {
  const alone = written.replace(LOCAL_EXTENSION, "").trim();
  const number = inFull(alone, country).replace(/^\+{2,}/, "+").replace(/^\+\s*\(?(?=0)/, "");
  if (/^\(?\s*00(?!0)/.test(number)) {
    const international = possibleNumber(number.replace(/^\(?\s*00\s*\)?/, "+"), undefined);
    if (international !== undefined) return digitsOf(international);
  }
  const national = possibleNumber(number, country);
  if (country !== undefined && national?.isValid() !== true && /^0?[1-9]/.test(number)) {
    const abroad = possibleNumber(`+${number.replace(/^0/, "")}`, undefined);
    if (abroad?.isValid() === true && (MARKETS.has(abroad.country ?? "") || isFromAbroad(number, abroad))) {
      return digitsOf(abroad);
    }
  }
  return national && digitsOf(national);
}

/** Whether digits without a plus are the foreign number that they would be with one. */
function isFromAbroad(written: string, abroad: PhoneNumber): boolean {
  const digits = digitsOf(abroad);
  return !written.startsWith("0") && abroad.country !== undefined && digits.length >= MIN_DIGITS_FROM_ABROAD &&
    !INDONESIAN_MOBILE.test(digits);
}

function digitsOf(number: PhoneNumber): string {
  return number.number.slice(1);
}

function possibleNumber(number: string, country: CountryCode | undefined): PhoneNumber | undefined {
  const parsed = parsePhoneNumberFromString(number, country);
  if (parsed === undefined || !parsed.isPossible() || digitsOf(parsed).length > MAX_DIGITS) return undefined;
  // Place holders such as 0000000000: possible by their length alone, and shared by strangers.
  if (/^(\d)\1*$/.test(parsed.nationalNumber)) return undefined;
  // A zero in front belongs to the number in Italy and a few other countries alone.
  if (parsed.nationalNumber.startsWith("0") && !parsed.isValid()) return undefined;
  // Too short or too long for its area or network, and possible only because other numbers there have that length.
  // A zero there is the beginning of 00, a broken number of another country.
  if (MARKETS.has(parsed.country ?? "") && (!parsed.isValid() || parsed.nationalNumber.startsWith("0"))) {
    return undefined;
  }
  return parsed;
}
