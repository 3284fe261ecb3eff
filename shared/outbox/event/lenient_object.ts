/**
 * Reads an object field by field, so that one wrong field does not hide the others: whatever is wrong is named by path,
 * and the rest is there for the checks that look at several fields.
 *
 * @module
 */

import type { z } from "zod";
import { fieldPath } from "../../errors.ts";
import type { Note } from "../../user_data/normalised.ts";

/** The good fields of an object, what was wrong with the others, and which those were. */
export interface ReadObject<T> {
  /** The fields that are right. */
  readonly fields: T;
  /** What is wrong with the others. */
  readonly problems: Note[];
  /** The names of the others. */
  readonly wrong: ReadonlySet<string>;
}

const NO_FIELDS: ReadonlySet<string> = new Set();

/**
 * Makes the function that reads objects by a schema whose fields are all optional. Null and the empty text are absence.
 */
export function objectReader<S extends z.ZodObject>(
  schema: S,
): (input: Readonly<Record<string, unknown>>, path: string) => ReadObject<z.infer<S>> {
  const fields = Object.keys(schema.shape);
  return (input, path) => {
    const present: Record<string, unknown> = {};
    for (const field of fields) {
      const value = input[field];
      if (value === undefined || value === null || value === "" || !Object.hasOwn(input, field)) continue;
      present[field] = value;
    }
    const read = schema.safeParse(present);
    if (read.success) return { fields: read.data, problems: [], wrong: NO_FIELDS };
    const wrong = new Set<string>();
    const problems = read.error.issues.map((issue): Note => {
      wrong.add(String(issue.path[0]));
      return { path: fieldPath(issue.path, path), message: issue.message };
    });
    for (const key of wrong) delete present[key];
    return { fields: schema.parse(present), problems, wrong };
  };
}

/** Tells whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
