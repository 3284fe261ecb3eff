/**
 * The emulator's own decoders of JSON whose shape is not known yet: control requests, parameters, event bodies.
 * A wrong shape is answered with `undefined`, never thrown, because Graph words its own refusals.
 * @module
 */

/** Any value that JSON can carry. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** A JSON object. */
export type JsonRecord = { [key: string]: JsonValue };

/** Parses JSON text; `undefined` when the text is not JSON. */
export function parseJson(text: string): JsonValue | undefined {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** Tells a JSON object from every other JSON value. */
export function isRecord(value: JsonValue | undefined): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads a list of strings out of a JSON array or of a comma-separated text. */
export function readStringList(value: JsonValue | undefined): string[] | undefined {
  if (Array.isArray(value)) return value.map((item) => typeof item === "string" ? item : JSON.stringify(item));
  if (typeof value === "string") return value.split(",").map((item) => item.trim()).filter((item) => item !== "");
  return undefined;
}

/** Reads a string member; numbers are accepted as their text. */
export function readText(record: JsonRecord, key: string): string | undefined {
  const value = record[key];
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : undefined;
}

/** Reads a finite number member; numeric text is accepted. */
export function readNumber(record: JsonRecord, key: string): number | undefined {
  const value = record[key];
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

/** Reads a boolean member. */
export function readFlag(record: JsonRecord, key: string): boolean | undefined {
  const value = record[key];
  return typeof value === "boolean" ? value : undefined;
}
