/**
 * Cursors and pages. A cursor is opaque text that remembers a position and the page's number, never the limit: the
 * same cursor goes on with any page size. The last page carries `cursors.after` too; only `next` tells that more comes.
 * @module
 */

import { decodeBase64Url, encodeBase64Url } from "./base64_url.ts";
import { refusal } from "./error_catalogue.ts";
import { invalidParameter } from "./graph_error.ts";
import type { GraphCall } from "./graph_call.ts";
import { readNumber } from "./json_value.ts";
import type { JsonRecord, JsonValue } from "./json_value.ts";
import { mixText } from "./random.ts";

/** Page size when none is asked for. */
export const DEFAULT_LIMIT = 25;

/** Where a page begins. */
export interface PageStart {
  /** Position after which it begins; `null` for the first page. */
  after: number | null;
  /** Number of the page, from 1. */
  page: number;
  /** Most rows in it. */
  limit: number;
}

/** A page before it is written. */
export interface Page {
  /** The rows. */
  data: JsonValue[];
  /** Position of the first row, and of the last one; equal positions mark an empty page in the middle. */
  first: number;
  /** Position that the next page goes on after. */
  last: number;
  /** True when rows follow. */
  more: boolean;
}

function seal(scope: string, text: string): string {
  return mixText(0xc0de, `${scope}#${text}`).toString(36);
}

function cursor(scope: string, position: number, page: number): string {
  const text = `${position}.${page}`;
  return `QVFI${encodeBase64Url(`${text}.${seal(scope, text)}`)}ZD`;
}

/** Reads `limit` and `after`. `scope` is the list: a cursor of another list is refused with 2642. */
export function readPageStart(call: GraphCall, scope: string): PageStart {
  const limit = call.params["limit"] === undefined ? DEFAULT_LIMIT : readNumber(call.params, "limit");
  if (limit === undefined || limit < 1 || !Number.isInteger(limit)) {
    throw invalidParameter("Param limit must be an integer greater than or equal to 1");
  }
  const after = call.params["after"];
  if (after === undefined || after === "") return { after: null, page: 1, limit };
  const inner = typeof after === "string" ? /^QVFI(.+)ZD$/.exec(after)?.[1] : undefined;
  const [position, page, sealed] = (inner === undefined ? "" : decodeBase64Url(inner)).split(".");
  if (position === undefined || page === undefined || sealed !== seal(scope, `${position}.${page}`)) {
    throw refusal("2642");
  }
  return { after: Number(position), page: Number(page), limit };
}

/** Reads the page number out of a call for the ledger; 1 for a cursor that nobody made. */
export function pageNumber(call: GraphCall): number {
  const after = call.params["after"];
  const inner = typeof after === "string" ? /^QVFI(.+)ZD$/.exec(after)?.[1] : undefined;
  const page = Number((inner === undefined ? "" : decodeBase64Url(inner)).split(".")[1]);
  return Number.isInteger(page) && page > 0 ? page : 1;
}

/** Writes a page as Graph does: no `paging` for an edge without any row, `next` only where rows follow. */
export function pageBody(call: GraphCall, scope: string, start: PageStart, page: Page): JsonRecord {
  if (page.data.length === 0 && !page.more && start.after === null) return { data: [] };
  const after = cursor(scope, page.last, start.page + 1);
  const paging: JsonRecord = { cursors: { before: cursor(scope, page.first, start.page), after } };
  if (page.more) paging["next"] = nextLink(call, after);
  return { data: page.data, paging };
}

function nextLink(call: GraphCall, after: string): string {
  const query = new URLSearchParams();
  // Meta puts the token into its links; whoever stores or logs one leaks it.
  query.set("access_token", call.secret ?? "");
  for (const [key, value] of Object.entries(call.params)) {
    if (key !== "after") query.set(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  query.set("after", after);
  return `${call.origin}${call.path}?${query}`;
}

/** Refuses a cursor behind which nothing is left, or lets an empty page be answered. */
export function refusePastEnd(start: PageStart, rows: number, mode: "error" | "empty"): void {
  if (start.after !== null && rows === 0 && mode === "error") throw refusal("2642");
}
