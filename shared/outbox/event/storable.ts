/**
 * Finds what Postgres cannot keep in a JSON value, before it gets there: NUL, halves of surrogate pairs, and nesting
 * that no event has. Otherwise one broken text would be a server error instead of a named field.
 *
 * @module
 */

import { isStorable } from "../../user_data/unicode_text.ts";
import type { Note } from "../../user_data/normalised.ts";

const MAX_DEPTH = 8;
const NOTHING: readonly string[] = [];

/** Lists the places of texts that cannot be stored; `skip` names the top-level fields that somebody else checks. */
export function findUnstorable(value: unknown, path: string, skip: readonly string[] = []): Note[] {
  const problems: Note[] = [];
  visit(value, path, 0, problems, skip);
  return problems;
}

function visit(value: unknown, path: string, depth: number, problems: Note[], skip: readonly string[]): void {
  if (typeof value === "string") {
    if (!isStorable(value)) problems.push({ path, message: "is not well-formed text" });
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (depth >= MAX_DEPTH) {
    problems.push({ path, message: `is nested deeper than ${MAX_DEPTH} levels` });
    return;
  }
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      if (typeof item === "string" && isStorable(item)) return;
      visit(item, `${path}[${index}]`, depth + 1, problems, NOTHING);
    });
    return;
  }
  for (const key of Object.keys(value)) {
    const item: unknown = Reflect.get(value, key);
    if (typeof item === "number" || typeof item === "boolean" || item === null) continue;
    if (typeof item === "string" && isStorable(item)) continue;
    if (depth === 0 && skip.includes(key)) continue;
    visit(item, joinPath(path, key), depth + 1, problems, NOTHING);
  }
}

/** Appends a field's name to a path; a name that is no identifier is somebody's data and is not repeated. */
export function joinPath(path: string, key: string): string {
  if (!/^[A-Za-z_]\w{0,63}$/.test(key)) return path;
  return path === "" ? key : `${path}.${key}`;
}
