/**
 * Checks that let a good value go by without the schema: where one says yes, the schema would take the value and give it
 * back unchanged; no means nothing, the schema decides and words the problem. A schema costs ten times as much, and nearly
 * every field is good. `plain_value_test.ts` holds both against each other.
 *
 * @module
 */

import type { z } from "zod";

/** Says yes only to values that the schema of the field gives back unchanged. */
export type PlainCheck = (value: unknown) => boolean;

/** Checks by field; fields without one are always read by the schema. */
export type PlainChecks<S extends z.ZodObject> = { readonly [field in keyof S["shape"]]?: PlainCheck };

/** Anything, for fields that the schema does not look at. */
export const anything: PlainCheck = () => true;

/** A boolean. */
export const aBoolean: PlainCheck = (value) => typeof value === "boolean";

/** A number as JSON has it. */
export const finite: PlainCheck = (value) => Number.isFinite(value);

/** An amount. */
export const notNegative: PlainCheck = (value) => typeof value === "number" && value >= 0 && value < Infinity;

/** A count. */
export const wholeNotNegative: PlainCheck = (value) =>
  typeof value === "number" && value >= 0 && Number.isSafeInteger(value);

/** A text of limited length that fulfils a condition. */
export function textOf(shortest: number, longest: number, condition?: (text: string) => boolean): PlainCheck {
  return (value) =>
    typeof value === "string" && value.length >= shortest && value.length <= longest &&
    (condition === undefined || condition(value));
}

/** One of a few texts. */
export function oneOf(texts: readonly string[]): PlainCheck {
  const known = new Set<unknown>(texts);
  return (value) => known.has(value);
}

/** A list of limited length whose items are all plain. */
export function listOf(check: PlainCheck, longest: number): PlainCheck {
  return (value) => Array.isArray(value) && value.length <= longest && value.every(check);
}

/** An object literal as `JSON.parse` makes them; a field named `constructor` or `__proto__` is for the schema. */
export const anObject: PlainCheck = (value) =>
  typeof value === "object" && value !== null && value.constructor === Object && !Object.hasOwn(value, "__proto__");

/** An object that has nothing but these fields, in this order: the schema drops others and puts them into its order. */
export function objectOf(checks: Readonly<Record<string, PlainCheck | undefined>>): PlainCheck {
  const fields = Object.entries(checks);
  return (value) => {
    if (typeof value !== "object" || value === null || value.constructor !== Object) return false;
    let next = 0;
    for (const [key, item] of Object.entries(value)) {
      while (next < fields.length && fields[next]?.[0] !== key) next += 1;
      if (fields[next]?.[1]?.(item) !== true) return false;
      next += 1;
    }
    return true;
  };
}
