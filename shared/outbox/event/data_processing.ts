/**
 * Limited Data Use. With `LDU` Meta wants to know the place, or an address from which it can find it.
 * Source: https://developers.facebook.com/docs/marketing-apis/data-processing-options
 *
 * @module
 */

import type { Note } from "../../user_data/normalised.ts";

/** The fields of an event that limit the use of its data. */
export interface DataProcessing {
  /** Empty, or `LDU`. */
  readonly data_processing_options?: readonly string[] | undefined;
  /** 1 the United States, 0 to be found by the address. */
  readonly data_processing_options_country?: number | undefined;
  /** 1000 to 1013, or 0 to be found by the address. */
  readonly data_processing_options_state?: number | undefined;
}

/** 0 lets Meta find the place by the address of the client, in country as in state. */
export const GEOLOCATE = 0;
/** The United States, the only country with such a rule. */
export const UNITED_STATES = 1;
/** California; the last one is Rhode Island. */
export const FIRST_LDU_STATE = 1_000;
/** Rhode Island. Meta adds states at the end: the table is checked as a range. */
export const LAST_LDU_STATE = 1_013;

/** Checks the fields together: `LDU` needs a country, a country a state, and a place to be found an address. */
export function checkDataProcessing(fields: DataProcessing, has_ip_address: boolean): Note[] {
  const limited = fields.data_processing_options?.includes("LDU") === true;
  const { data_processing_options_country: country, data_processing_options_state: state } = fields;
  const problems: Note[] = [];
  if (limited && country === undefined) {
    problems.push({ path: "data_processing_options_country", message: "is required with LDU" });
  }
  if (state === undefined && (limited || country !== undefined)) {
    problems.push({
      path: "data_processing_options_state",
      message: "is required with LDU or data_processing_options_country",
    });
  }
  if (limited && state === GEOLOCATE && !has_ip_address) {
    problems.push({
      path: "data_processing_options_state",
      message: "must name a state where client_ip_address is not sent",
    });
  }
  return problems;
}
