/**
 * The `fields` parameter: which fields an object is asked for, which of them it can do without, and how it is asked
 * once Meta has refused one.
 *
 * @module
 */

/** The fields of one kind of object. */
export interface FieldList {
  /** Without these a row is of no use. */
  required: readonly string[];
  /** May be left out when Meta refuses them. */
  optional: readonly string[];
  /** Fields of a field, e.g. `creative{id,body}`; optional, but for the first. */
  nested?: Readonly<Record<string, readonly string[]>>;
}

/** The `fields` parameter without what was refused. */
export function buildFields(list: FieldList, dropped_fields: readonly string[] = []): string {
  const dropped = new Set(dropped_fields);
  const kept = [...list.required, ...list.optional.filter((field) => !dropped.has(field))];
  return kept.map((field) => {
    const inner = list.nested?.[field]?.filter((name, index) => index === 0 || !dropped.has(name));
    return inner === undefined ? field : `${field}{${inner.join(",")}}`;
  }).join(",");
}

/** Every field that may be left out; what a caller drops when Meta does not say which one it refuses. */
export function optionalFields(list: FieldList): string[] {
  return [...list.optional, ...Object.values(list.nested ?? {}).flatMap((inner) => inner.slice(1))];
}

/**
 * The fields to leave out at the next try; null when nothing is left to drop, and the refusal is final.
 *
 * @param field What Meta named, from `GraphApiError.field`.
 */
export function nextDroppedFields(
  list: FieldList,
  dropped_fields: readonly string[],
  field: string | null,
): string[] | null {
  const open = optionalFields(list).filter((name) => !dropped_fields.includes(name));
  if (open.length === 0) return null;
  return field !== null && open.includes(field) ? [...dropped_fields, field] : [...dropped_fields, ...open];
}
