/**
 * 10,000 numbers of ten countries, made of the library's example numbers, in the spellings that people and systems use,
 * held against the library alone. Where the two differ, or both go wrong, a table says where and why.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type CountryCode, parsePhoneNumberFromString } from "libphonenumber-js/max";
import examples from "libphonenumber-js/mobile/examples";
import { getExampleNumber, parsePhoneNumberFromString as parseByLibrary } from "libphonenumber-js/min";
import { normalisePhone } from "../../shared/user_data/phone.ts";
import { seededRandom } from "../seeded_random.ts";

const COUNTRIES = ["ID", "PH", "SG", "MY", "TH", "VN", "HK", "AU", "US", "DE"] as const;
const NUMBERS = 1_000;

interface PhoneNumber {
  country: CountryCode;
  /** E.164 without the plus: the right answer. */
  digits: string;
  national: string;
  international: string;
}

/** How a number is written, and the country that it is read with. */
const SPELLINGS: Record<string, (number: PhoneNumber) => [written: string, phone_country: CountryCode | undefined]> = {
  "plus": ({ digits }) => [`+${digits}`, undefined],
  "plus, in Indonesia": ({ digits }) => [`+${digits}`, "ID"],
  "international": ({ international, country }) => [international, country],
  "national": ({ national, country }) => [national, country],
  "national, digits alone": ({ national, country }) => [national.replace(/\D/g, ""), country],
  "national, no country": ({ national }) => [national, undefined],
  "00": ({ digits, country }) => [`00${digits}`, country],
  "digits, at home": ({ digits, country }) => [digits, country],
  "digits, no country": ({ digits }) => [digits, undefined],
  "digits, in Indonesia": ({ digits }) => [digits, "ID"],
  "digits, in the Philippines": ({ digits }) => [digits, "PH"],
};

/** The library gives none or another number; this product the right one. */
const MENDED: Record<string, string> = {
  // The library knows a country's own prefix for calls abroad alone: 001 in Hong Kong, 011 in the United States.
  "00": "ID SG TH HK AU US",
  // The library puts the country's code before one that is there already.
  "digits, at home": "ID",
  "digits, in Indonesia": "ID PH DE",
  "digits, in the Philippines": "ID MY TH VN AU US DE",
  // Meta's own form; the library asks for a plus. Indonesian numbers are told from those that only look like it.
  "digits, no country": "ID PH MY TH VN AU US DE",
};

/** No number is given, though the library gives a wrong one. */
const LEFT_OUT: Record<string, string> = {
  // Ten or eleven digits that may as well be a mistyped number of the country.
  "digits, in the Philippines": "SG HK",
};

/** Both give the same wrong number: by its shape it is one of the country that it is read with. */
const AMBIGUOUS: Record<string, string> = {
  "digits, at home": "DE",
  "digits, in Indonesia": "SG MY TH VN HK AU US",
};

function makeNumbers(country: CountryCode, random: (below: number) => number): PhoneNumber[] {
  const example = getExampleNumber(country, examples);
  assert(example !== undefined);
  const length = example.nationalNumber.length;
  const numbers = new Map<string, PhoneNumber>();
  for (let drawn = 0; numbers.size < NUMBERS; drawn++) {
    assert(drawn < 1_000 * NUMBERS, `${country} has too few numbers`);
    const kept = 1 + random(length - 4);
    const drawnDigits = Array.from({ length: length - kept }, () => random(10)).join("");
    const number = parsePhoneNumberFromString(
      `+${example.countryCallingCode}${example.nationalNumber.slice(0, kept)}${drawnDigits}`,
    );
    if (number?.isValid() !== true || number.country !== country) continue;
    const digits = number.number.slice(1);
    const [national, international] = [number.formatNational(), number.formatInternational()];
    numbers.set(digits, { country, digits, national, international });
  }
  return [...numbers.values()];
}

function compare(digits: string, library: string | undefined, ours: string | undefined): string | undefined {
  if (ours === digits) return library === digits ? undefined : "mended";
  if (ours === undefined) return library === undefined ? undefined : "left out";
  return ours === library ? "ambiguous" : "another person's";
}

Deno.test("normalisePhone() and the library alone differ where the tables say, and nowhere else", () => {
  const random = seededRandom(95);
  const numbers = COUNTRIES.flatMap((country) => makeNumbers(country, random));
  const found: Record<string, Record<string, Set<string>>> = { mended: {}, "left out": {}, ambiguous: {} };
  for (const [spelling, write] of Object.entries(SPELLINGS)) {
    for (const number of numbers) {
      const [written, phone_country] = write(number);
      const parsed = parseByLibrary(written, phone_country);
      const library = parsed?.isPossible() === true ? parsed.number.slice(1) : undefined;
      const normalised = normalisePhone(written, { phone_country });
      const kind = compare(number.digits, library, "value" in normalised ? normalised.value : undefined);
      if (kind === undefined) continue;
      assert(kind in found, `${written} of ${number.country}, read in ${phone_country}, became ${kind}`);
      ((found[kind] ??= {})[spelling] ??= new Set()).add(number.country);
    }
  }
  const listed = (kind: string) =>
    Object.fromEntries(Object.entries(found[kind] ?? {}).map(([name, countries]) => [name, [...countries].join(" ")]));
  assertEquals(listed("mended"), MENDED);
  assertEquals(listed("left out"), LEFT_OUT);
  assertEquals(listed("ambiguous"), AMBIGUOUS);
});
