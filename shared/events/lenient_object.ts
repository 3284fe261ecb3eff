/**
 * Reads an object field by field, so that one wrong field does not hide the others: whatever is wrong is named by path,
 * and the rest is there for the checks that look at several fields.
 *
 * @module
 */

import type { z } from "zod";
import type { Note } from "../user_data/normalised.ts";

/** The good fields of an object, what was wrong with the others, and which those were. */
export interface ReadObject<T> {
  /** The fields that are right. */
  readonly fields: T;
  /** What is wrong with the others. */
  readonly problems: Note[];
  /** The names of the others. */
  readonly wrong: ReadonlySet<string>;
}

/** Reads an object by a schema whose fields are all optional. Null and the empty text are absence. */
export function readObject<S extends z.ZodObject>(
  schema: S,
  input: Readonly<Record<string, unknown>>,
  path: string,
): ReadObject<z.infer<S>> {
  const present: Record<string, unknown> = {};
  for (const key of Object.keys(schema.shape)) {
    const value = Object.hasOwn(input, key) ? input[key] : undefined;
    if (value !== undefined && value !== null && value !== "") present[key] = value;
  }
  const read = schema.safeParse(present);
  if (read.success) return { fields: read.data, problems: [], wrong: new Set() };
  const wrong = new Set<string>();
  const problems = read.error.issues.map((issue): Note => {
    wrong.add(String(issue.path[0]));
    return { path: issuePath(path, issue.path), message: issue.message };
  });
  for (const key of wrong) delete present[key];
  return { fields: schema.parse(present), problems, wrong };
}

function issuePath(parent: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, parent);
}

/** Tells whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
