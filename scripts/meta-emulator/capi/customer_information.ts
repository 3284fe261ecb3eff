/**
 * Meta's minimum of customer information: an event whose keys are only a subset of one of four weak combinations is
 * refused with 100/2804050, and takes its batch with it.
 * https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
 * @module
 */

import { isRecord, type JsonRecord, type JsonValue } from "../json_value.ts";

/** Parameters that must arrive as SHA-256 digests. */
export const HASHED_KEYS: readonly string[] = "em ph fn ln db ge ct st zp country".split(" ");

/** Parameters that must arrive in clear. */
export const PLAIN_KEYS: readonly string[] =
  ("client_ip_address client_user_agent fbc fbp subscription_id fb_login_id lead_id anon_id madid page_id " +
    "page_scoped_user_id ctwa_clid ig_account_id ig_sid").split(" ");

const TOO_WEAK: ReadonlySet<string>[] = [
  new Set(["ct", "country", "st", "zp", "ge", "client_user_agent"]),
  new Set(["db", "client_user_agent"]),
  new Set(["fn", "ge"]),
  new Set(["ln", "ge"]),
];

function isPresent(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === "") return false;
  return Array.isArray(value) ? value.some(isPresent) : true;
}

/** Tells whether the parameters of a person suffice for Meta to try a match. */
export function hasEnoughInformation(userData: JsonValue | undefined): boolean {
  const known = new Set([...HASHED_KEYS, ...PLAIN_KEYS, "external_id"]);
  const record: JsonRecord = isRecord(userData) ? userData : {};
  const present = Object.keys(record).filter((key) => known.has(key) && isPresent(record[key]));
  return !TOO_WEAK.some((weak) => present.every((key) => weak.has(key)));
}
