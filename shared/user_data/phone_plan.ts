/**
 * The short way for phone numbers written as most are: digits with common separators, of a country that has its calling
 * code to itself. It reads the library's own tables and answers only where every step that the library would take is
 * plain; otherwise the library is asked. Parsing there builds dozens of objects and expressions for each number.
 *
 * @module
 */

import metadata from "libphonenumber-js/min/metadata";
import { z } from "zod";

/**
 * A numbering plan as the library keeps it: calling code, way to dial abroad, all numbers, lengths, …, national prefix.
 */
const PLAN_SCHEMA = z.tuple([
  z.string().regex(/^\d{1,3}$/),
  z.string().min(1),
  z.string().min(1),
  z.array(z.number().int()).min(1),
  z.unknown(),
]).rest(z.unknown());
const NATIONAL_PREFIX = 5;
const NATIONAL_PREFIX_FOR_PARSING = 7;

/** What must be known of a country to read its plain numbers. */
interface PhonePlan {
  calling_code: string;
  /** What is dialled before a foreign number. */
  abroad: RegExp;
  /** All numbers of the country, without the national prefix. */
  national: RegExp;
  lengths: ReadonlySet<number>;
  /** What may stand before a national number, where that is the same digits always. */
  prefix: string | undefined;
  /** The same where it depends on the number; what it matches is left to the library. */
  unclear_prefix: RegExp | undefined;
}

/** Only digits and such separators as no extension, no second number and no letter can hide in. */
const PLAIN = /^(?:\+?[1-9]|0[1-9])[0-9 .()-]{4,38}$/;
const SEPARATORS = /[^0-9]+/g;
const MIN_DIGITS = 5;
const MAX_DIGITS = 15;

/** By calling code and by country; null where the short way does not lead anywhere. */
const plans = new Map<string, PhonePlan | null>();

/**
 * Reads a phone number.
 *
 * @param written The number as it was written, without white space around it.
 * @param country Alpha-2 in upper case, of numbers without a calling code.
 * @returns E.164 digits, the very ones that the library gives; undefined where the library must be asked.
 */
export function plainE164Digits(written: string, country: string | undefined): string | undefined {
  if (!PLAIN.test(written)) return undefined;
  const international = written.startsWith("+");
  const digits = written.replace(SEPARATORS, "");
  if (digits.length < MIN_DIGITS || digits.length > MAX_DIGITS) return undefined;
  const plan = international ? planOfNumber(digits) : planOfCountry(country ?? "");
  if (plan === null) return undefined;
  const national = international
    ? withoutPrefixes(digits.slice(plan.calling_code.length), plan)
    : readNational(digits, plan);
  if (national === undefined || !plan.lengths.has(national.length) || /^(?:0|(\d)\1*$)/.test(national)) {
    return undefined;
  }
  // Whether a number of a fitting length but of no known shape is taken depends on the country.
  if (!plan.national.test(national)) return undefined;
  const whole = plan.calling_code + national;
  return whole.length > MAX_DIGITS ? undefined : whole;
}

function readNational(digits: string, plan: PhonePlan): string | undefined {
  if (plan.abroad.test(digits)) return undefined;
  const { calling_code, prefix } = plan;
  if (digits.startsWith(calling_code)) {
    // The calling code without a plus, unless the digits can be a national number themselves.
    const shorter = withoutPrefixes(digits.slice(calling_code.length), plan);
    const whole = withoutPrefixes(digits, plan);
    if (shorter === undefined || whole === undefined) return undefined;
    return !plan.national.test(whole) && plan.national.test(shorter) ? shorter : undefined;
  }
  const national = prefix === undefined || !digits.startsWith(prefix)
    ? withoutPrefixes(digits, plan)
    : digits.slice(prefix.length);
  return national !== undefined && plan.national.test(national) ? national : undefined;
}

/** The digits, if no national prefix is in front of them. */
function withoutPrefixes(digits: string, plan: PhonePlan): string | undefined {
  if (plan.prefix !== undefined && digits.startsWith(plan.prefix)) return undefined;
  return plan.unclear_prefix?.test(digits) ? undefined : digits;
}

/** No calling code is the beginning of another. */
function planOfNumber(digits: string): PhonePlan | null {
  for (let length = 1; length <= 3; length += 1) {
    const calling_code = digits.slice(0, length);
    const countries = ownValue(metadata.country_calling_codes, calling_code);
    if (Array.isArray(countries)) return countries.length === 1 ? planOfCountry(String(countries[0])) : null;
    if (ownValue(metadata.nonGeographic, calling_code) !== undefined) return null;
  }
  return null;
}

function planOfCountry(country: string): PhonePlan | null {
  const known = plans.get(country);
  if (known !== undefined) return known;
  const plan = makePlan(ownValue(metadata.countries, country));
  // Nothing is kept of what is no country, so that this does not grow.
  if (plan !== null) plans.set(country, plan);
  return plan;
}

function makePlan(stored: unknown): PhonePlan | null {
  const read = PLAN_SCHEMA.safeParse(stored);
  if (!read.success) return null;
  const [calling_code, abroad, national, lengths] = read.data;
  const countries = ownValue(metadata.country_calling_codes, calling_code);
  if (!Array.isArray(countries) || countries.length !== 1) return null;
  const written = read.data[NATIONAL_PREFIX_FOR_PARSING] || read.data[NATIONAL_PREFIX];
  const prefix = typeof written === "string" && written !== "" ? written : undefined;
  const always = prefix !== undefined && /^\d+$/.test(prefix);
  return {
    calling_code,
    abroad: new RegExp(`^(?:${abroad})`),
    national: new RegExp(`^(?:${national})$`),
    lengths: new Set(lengths),
    prefix: always ? prefix : undefined,
    unclear_prefix: prefix === undefined || always ? undefined : new RegExp(`^(?:${prefix})`),
  };
}

function ownValue(table: object, key: string): unknown {
  return Object.hasOwn(table, key) ? Reflect.get(table, key) : undefined;
}
