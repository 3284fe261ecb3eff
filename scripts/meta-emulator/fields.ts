/**
 * The `fields` parameter: a list with nested lists in braces. Unknown fields are refused with Graph's own sentence,
 * fields without a value are left out of the answer.
 * @module
 */

import type { GraphCall } from "./graph_call.ts";
import { invalidParameter } from "./graph_error.ts";
import { type JsonRecord, type JsonValue, readStringList } from "./json_value.ts";

/** One requested field and what is asked of the object behind it. */
export interface FieldRequest {
  /** Meta's field name. */
  name: string;
  /** Fields in braces; empty when there were none. */
  children: FieldRequest[];
}

/** How a kind of object answers: a function per field, `undefined` for a value that is absent. */
export interface NodeFields<Node> {
  /** Meta's name of the type, as its errors tell it. */
  type: string;
  /** Fields answered when none are asked for. */
  defaults: string[];
  /** Field by name. */
  fields: Record<string, (node: Node, children: FieldRequest[]) => JsonValue | undefined>;
}

/** Reads `fields` of a call; empty when it is absent. */
export function requestedFields(call: GraphCall): FieldRequest[] {
  const value = call.params["fields"];
  if (value === undefined) return [];
  const text = typeof value === "string" ? value.replace(/^\[|\]$/g, "").replaceAll('"', "") : undefined;
  return parseFieldList(text ?? (readStringList(value) ?? []).join(","));
}

/** Parses a list such as `id,creative{id,url_tags}`. */
function parseFieldList(text: string): FieldRequest[] {
  let at = 0;
  const list = (): FieldRequest[] => {
    const found: FieldRequest[] = [];
    while (at < text.length && text[at] !== "}") {
      const name = /^[\s,]*([A-Za-z0-9_]*)\s*/.exec(text.slice(at));
      at += name?.[0].length ?? 0;
      let children: FieldRequest[] = [];
      if (text[at] === "{") {
        at++;
        children = list();
        if (text[at] !== "}") throw syntaxError(text);
        at++;
      } else if (at < text.length && !/[,}\s]/.test(text[at] ?? "")) throw syntaxError(text);
      if (name?.[1]) found.push({ name: name[1], children });
    }
    return found;
  };
  const fields = list();
  if (at < text.length) throw syntaxError(text);
  return fields;
}

function syntaxError(text: string): Error {
  return invalidParameter(`Syntax error in the fields parameter near "${text.slice(0, 80)}"`);
}

/** Refuses a field that the type does not have. */
export function nonexistentField(field: string, type: string): Error {
  return invalidParameter(`Tried accessing nonexisting field (${field}) on node type (${type})`);
}

/** Answers the requested fields of an object. `overrides` win; `null` among them leaves a field out. */
export function project<Node>(
  node: Node,
  kind: NodeFields<Node>,
  requested: FieldRequest[],
  overrides: JsonRecord,
  refused: ReadonlySet<string>,
): JsonRecord {
  const answer: JsonRecord = {};
  const asked = requested.length > 0 ? requested : kind.defaults.map((name) => ({ name, children: [] }));
  for (const { name, children } of asked) {
    if (refused.has(name)) throw nonexistentField(name, kind.type);
    if (name in overrides) {
      const value = overrides[name];
      if (value !== null && value !== undefined) answer[name] = value;
      continue;
    }
    const read = Object.hasOwn(kind.fields, name) ? kind.fields[name] : undefined;
    if (!read) throw nonexistentField(name, kind.type);
    const value = read(node, children);
    if (value !== undefined) answer[name] = value;
  }
  // Graph adds the id to every object, asked for or not.
  const id = Object.hasOwn(kind.fields, "id") ? kind.fields["id"] : undefined;
  if (answer["id"] === undefined && id) answer["id"] = id(node, []) ?? "";
  return answer;
}
