/**
 * One page of any of Meta's lists: rows that could be read, rows that could not (with the reason, never silently), and
 * the cursor of the next page. The end of a list is the absence of `paging.next` and nothing else: short and even empty
 * pages occur in the middle, and the last page still carries a cursor.
 *
 * @module
 */

import { z } from "zod";
import { transportError } from "./graph_answer.ts";
import type { GraphAnswer } from "./graph_client.ts";
import { readId } from "./graph_values.ts";
import type { UsageReading } from "../errors.ts";

/** An object that could not be read. */
export interface SkippedObject {
  /** Meta's id of it, where even that could be read. */
  id: string | null;
  /** Which field is wrong, without its value. */
  reason: string;
}

/** One page of a list. */
export interface ObjectPage<Row> {
  /** What could be read, in Meta's order. */
  rows: Row[];
  /** What could not be read, and why. */
  skipped: SkippedObject[];
  /** Cursor of the next page; null at the end of the list. Meant to be used soon: Meta does not keep it for long. */
  after: string | null;
  /** What the usage headers of the answer say. */
  usage: UsageReading[];
  /** Size of the answer. */
  bytes: number;
  /** Meta's warning about the version of the call. */
  api_version_warning?: string;
}

/** One object, read by its id. */
export interface ObjectAnswer<Row> {
  /** Null when it could not be read; then `skipped` says why. */
  row: Row | null;
  /** What could not be read, and why. */
  skipped: SkippedObject | null;
  /** What the usage headers of the answer say. */
  usage: UsageReading[];
  /** Size of the answer. */
  bytes: number;
  /** Meta's warning about the version of the call. */
  api_version_warning?: string;
}

/** Which page of a list to read. */
export interface PageRequest {
  /** Digits, without `act_`. */
  fb_account_id: string;
  /** Cursor of the page; the first without it. */
  after?: string | null;
  /** Rows a page at most. */
  limit: number;
  /** Fields that Meta has refused before; optional ones are left out, required ones asked for regardless. */
  dropped_fields?: readonly string[];
  /** Only objects changed after this instant. Does not show deletions, nor changes of a parent. */
  updated_since?: Date | null;
}

/** Reads one object of Meta's; returns the reason as text when that is not possible. */
export type DecodeRow<Row> = (value: unknown) => Row | string;

const envelope = z.object({
  data: z.array(z.unknown()),
  paging: z.object({
    cursors: z.object({ after: z.string().nullish() }).nullish(),
    next: z.string().nullish(),
  }).nullish(),
});

/** The cursor inside a `next` URL; the rest of that URL, the token above all, is dropped. */
function cursorOf(next: string): string | null {
  const query = next.includes("?") ? next.slice(next.indexOf("?")) : "";
  return new URLSearchParams(query).get("after") || null;
}

function idOf(value: unknown, id_field: string): string | null {
  const id: unknown = typeof value === "object" && value !== null ? Reflect.get(value, id_field) : undefined;
  return typeof id === "string" && /^act_\d{1,30}$/.test(id) ? id : readId(id);
}

/**
 * Decodes the answer to a list.
 *
 * @throws {GraphApiError} `transport`, when the answer is not a list at all.
 */
export function decodePage<Row>(answer: GraphAnswer, decode: DecodeRow<Row>, id_field = "id"): ObjectPage<Row> {
  const parsed = envelope.safeParse(answer.body);
  if (!parsed.success) throw transportError("malformed_body", { http_status: 200, usage: answer.usage });
  const { data, paging } = parsed.data;
  const next = paging?.next || null;
  const after = next === null ? null : paging?.cursors?.after || cursorOf(next);
  if (next !== null && after === null) {
    throw transportError("malformed_body", { http_status: 200, usage: answer.usage });
  }
  const rows: Row[] = [];
  const skipped: SkippedObject[] = [];
  for (const value of data) {
    const row = decode(value);
    if (typeof row === "string") skipped.push({ id: idOf(value, id_field), reason: row });
    else rows.push(row);
  }
  const { usage, bytes, api_version_warning } = answer;
  return { rows, skipped, after, usage, bytes, ...(api_version_warning === undefined ? {} : { api_version_warning }) };
}

/** Decodes the answer to a read by id. */
export function decodeObject<Row>(answer: GraphAnswer, decode: DecodeRow<Row>): ObjectAnswer<Row> {
  const row = decode(answer.body);
  const { usage, bytes, api_version_warning } = answer;
  const more = { usage, bytes, ...(api_version_warning === undefined ? {} : { api_version_warning }) };
  return typeof row === "string"
    ? { row: null, skipped: { id: idOf(answer.body, "id"), reason: row }, ...more }
    : { row, skipped: null, ...more };
}
