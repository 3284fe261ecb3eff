/**
 * Runs tables of cases of one field through `buildUserData()`: alone, in a list, and in upper-case digest form.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { buildUserData } from "../../shared/user_data/build_user_data.ts";
import type { HashedField } from "../../shared/user_data/fields.ts";

/** The day on which all cases play. */
export const TODAY = "2026-11-22";

/** Beside the field itself: other fields of the person, and options. */
export interface Circumstances {
  with?: Record<string, unknown>;
  default_country?: string;
  date_order?: string;
}

function build(field: HashedField, value: unknown, circumstances: Circumstances) {
  return buildUserData({ ...circumstances.with, [field]: value }, {
    today: TODAY,
    default_country: circumstances.default_country,
    date_order: circumstances.date_order === "day_first" ? "day_first" : "month_first",
  });
}

/** Asserts the digest of each input; the normalised text stands beside it for the reader. */
export function assertDigests(
  field: HashedField,
  circumstances: Circumstances,
  cases: readonly (readonly [input: unknown, normalised: string, digest: string])[],
): void {
  for (const [input, normalised, digest] of cases) {
    const message = `${JSON.stringify(input)} is ${normalised}`;
    assertEquals(build(field, input, circumstances).user_data[field], digest, message);
    assertEquals(
      build(field, [input, input, null, ""], circumstances).user_data[field],
      [digest],
      `list of ${message}`,
    );
  }
  const digest = cases[0]?.[2] ?? "";
  assertEquals(build(field, ` ${digest.toUpperCase()}\n`, circumstances).user_data[field], digest);
}

/** Asserts that each input is left out and named once in the notes, which do not repeat it. */
export function assertRefused(field: HashedField, circumstances: Circumstances, inputs: readonly unknown[]): void {
  for (const input of inputs) {
    const { user_data, notes } = build(field, input, circumstances);
    assertEquals(user_data[field], undefined, JSON.stringify(input));
    const own = notes.filter((note) => note.path === `user_data.${field}`);
    assertEquals(own.length, 1, JSON.stringify(input));
    assert(typeof input !== "string" || input.length < 4 || !own[0]?.message.includes(input), JSON.stringify(input));
    const inList = build(field, [input], circumstances);
    assertEquals(inList.user_data[field], undefined);
    assert(inList.notes.some((note) => note.path === `user_data.${field}[0]`));
  }
}
