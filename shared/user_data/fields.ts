/**
 * Meta's customer information parameters as data: which are hashed and by which rule, which never are and what they
 * must look like. Source:
 * https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
 *
 * @module
 */

import { isFbc, isFbp } from "./click_id.ts";
import { normaliseCity, normalisePostcode, normaliseState } from "./address.ts";
import { isClientIpAddress } from "./client_ip_address.ts";
import { normaliseCountry } from "./country.ts";
import { normaliseEmail } from "./email.ts";
import type { NormaliseContext, Normalised } from "./normalised.ts";
import { normaliseBirthDate, normaliseExternalId, normaliseGender, normaliseName } from "./person.ts";
import { normalisePhone } from "./phone.ts";

/** Fields that go to Meta as SHA-256, one value or a list of values. */
export const HASHED_FIELDS = ["em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "country", "external_id"] as const;

/** Fields that go to Meta in clear; a digest of them would match nothing. */
export const CLEAR_FIELDS = [
  "client_ip_address",
  "client_user_agent",
  "fbc",
  "fbp",
  "subscription_id",
  "fb_login_id",
  "lead_id",
  "anon_id",
  "madid",
  "page_id",
  "page_scoped_user_id",
  "ctwa_clid",
  "ig_account_id",
  "ig_sid",
] as const;

/** A field that Meta hashes on its side too. */
export type HashedField = (typeof HASHED_FIELDS)[number];
/** A field that is never hashed. */
export type ClearField = (typeof CLEAR_FIELDS)[number];
/** Customer information as Meta takes it: digests, lists of digests, and the clear fields. */
export type UserData = Partial<Record<HashedField, string | string[]>> & Partial<Record<ClearField, string>>;

/** How a hashed field is normalised. */
export const NORMALISERS: Readonly<Record<HashedField, (text: string, context: NormaliseContext) => Normalised>> = {
  em: normaliseEmail,
  ph: normalisePhone,
  fn: normaliseName,
  ln: normaliseName,
  db: normaliseBirthDate,
  ge: normaliseGender,
  ct: normaliseCity,
  st: normaliseState,
  zp: normalisePostcode,
  country: normaliseCountry,
  external_id: normaliseExternalId,
};

/** Fields with few distinct values, whose digests are worth keeping; none of them identifies anybody. */
export const FIELDS_OF_FEW_VALUES: ReadonlySet<HashedField> = new Set(["ge", "ct", "st", "country"]);

/** Longest value taken, in UTF-16 units: beyond it a field is not what its name says. */
export const MAX_VALUE_LENGTH: Readonly<Record<"hashed" | "client_user_agent" | "clear", number>> = {
  hashed: 1_000,
  client_user_agent: 2_000,
  clear: 1_200,
};

/** What a clear field must look like; fields without an entry are ids that Meta gave out, taken as they are. */
export const CLEAR_FIELD_CHECKS: Readonly<Partial<Record<ClearField, { is: (text: string) => boolean; not: string }>>> =
  {
    client_ip_address: { is: isClientIpAddress, not: "is not an IPv4 or IPv6 address" },
    fbc: { is: isFbc, not: "is not of the form fb.<index>.<milliseconds>.<fbclid>" },
    fbp: { is: isFbp, not: "is not of the form fb.<index>.<milliseconds>.<number>" },
  };
