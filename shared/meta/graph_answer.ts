/**
 * Tells a good answer of Meta's from a bad one. HTTP status alone does not: errors come inside 200, and 200 also
 * carries HTML, cut-off JSON and nothing at all. What becomes of Meta's message ends here; the error that leaves has
 * none of it.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { GraphApiError, type GraphFailure, type UsageReading } from "../errors.ts";
import {
  findGraphError,
  findNamedField,
  findNamedIndex,
  type GraphTarget,
  OVERSIZED,
  TRANSPORT,
} from "./graph_errors.ts";

/** Circumstances of an answer. */
export interface AnswerFacts {
  /** Null when there was no answer. */
  http_status: number | null;
  /** What the usage headers of the answer say. */
  usage: UsageReading[];
  /** The `fields` parameter of the call. */
  fields: string;
  /** What the path named. */
  target: GraphTarget;
}

/** Why a call brought no answer of Meta's. */
export type TransportReason =
  | "timeout"
  | "aborted"
  | "connection"
  | "redirect"
  | "empty_body"
  | "malformed_body"
  | "answer_too_large"
  | "http_error";

/**
 * Makes the error of a call that brought no answer of Meta's; the platform's own text may hold the URL and is left out.
 */
export function transportError(
  reason: TransportReason,
  facts: Pick<AnswerFacts, "http_status" | "usage">,
): GraphApiError {
  const row = reason === "answer_too_large" ? OVERSIZED : TRANSPORT;
  const failure: GraphFailure = {
    meta_code: null,
    error_subcode: null,
    type: null,
    fbtrace_id: null,
    http_status: facts.http_status,
    reason,
    action: row.action,
    use_case: row.use_case,
    min_throttle_seconds: 0,
    field: null,
    data_index: null,
    words_digest: null,
    usage: facts.usage,
  };
  const status = facts.http_status === null ? "no answer" : `HTTP ${facts.http_status}`;
  return new GraphApiError(row.code, `${row.meaning} (${reason}, ${status})`, failure, { retryable: row.retryable });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function integerOf(value: unknown): number | null {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : null;
}

/** A short word of Meta's own vocabulary; anything else is not passed on. */
function wordOf(value: unknown): string | null {
  return typeof value === "string" && /^[\w-]{1,64}$/.test(value) ? value : null;
}

function digestWords(message: string): string {
  return createHash("sha256").update(message.replace(/\d+/g, "")).digest("hex").slice(0, 16);
}

/** Makes the error that an `error` object of Meta's stands for. */
export function buildGraphError(error: Record<string, unknown>, facts: AnswerFacts): GraphApiError {
  const code = integerOf(error.code);
  const subcode = integerOf(error.error_subcode);
  const message = typeof error.message === "string" ? error.message : "";
  const row = findGraphError({
    code,
    subcode: subcode === 0 ? null : subcode,
    message,
    is_transient: error.is_transient === true,
    target: facts.target,
  });
  const failure: GraphFailure = {
    meta_code: code,
    error_subcode: subcode,
    type: wordOf(error.type),
    fbtrace_id: wordOf(error.fbtrace_id),
    http_status: facts.http_status,
    reason: row.name,
    action: row.action,
    use_case: row.use_case,
    min_throttle_seconds: row.min_throttle_seconds,
    field: row.action === "drop_field" || row.action === "stop_account" ? findNamedField(message, facts.fields) : null,
    data_index: findNamedIndex(message),
    words_digest: digestWords(message),
    usage: facts.usage,
  };
  const regain = Math.max(row.min_throttle_seconds, 0);
  const codes = `${code ?? "no code"}${subcode === null ? "" : `/${subcode}`}`;
  return new GraphApiError(row.code, `Meta answered ${codes} (${row.name}): ${row.meaning}`, failure, {
    retryable: row.retryable,
    ...(regain > 0 ? { retry_after_seconds: regain } : {}),
  });
}

/** An escaped NUL that is not itself behind an escaped backslash. */
const ESCAPED_NUL = /(?<!\\)((?:\\\\)*)\\u0000/g;

/** Where a number may stand that JSON.parse rounds. */
const LONG_NUMBER = /[:[,]\s*-?\d{16,}/;
/** A string, which is left alone, or a whole number of sixteen digits and more. */
const STRING_OR_LONG_NUMBER = /"(?:[^"\\]|\\.)*"|(?<![\d.])-?\d{16,}(?![\d.eE])/g;

/**
 * Parses JSON without the one character that Postgres refuses, and with ids beyond 2^53, which Meta quotes, as text.
 */
function parseJson(text: string): unknown {
  const clean = text.includes("\\u0000") ? text.replace(ESCAPED_NUL, "$1") : text;
  if (!LONG_NUMBER.test(clean)) return JSON.parse(clean);
  return JSON.parse(clean.replace(STRING_OR_LONG_NUMBER, (token) => token.startsWith('"') ? token : `"${token}"`));
}

/** A decoded answer: the body, or the error that it is. */
export type DecodedAnswer<Body = Record<string, unknown>> =
  | { body: Body; error: null }
  | { body: null; error: GraphApiError };

function decodeAnswer<Body>(
  text: string,
  facts: AnswerFacts,
  isBody: (value: unknown) => value is Body,
): DecodedAnswer<Body> {
  const status = facts.http_status ?? 0;
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch {
    const reason = status >= 300 && status < 400
      ? "redirect"
      : status >= 400
      ? "http_error"
      : text.trim() === ""
      ? "empty_body"
      : "malformed_body";
    return { body: null, error: transportError(reason, facts) };
  }
  if (isObject(parsed) && parsed.error !== undefined && parsed.error !== null) {
    const error = isObject(parsed.error) ? parsed.error : {};
    return { body: null, error: buildGraphError(error, facts) };
  }
  if (!isBody(parsed)) return { body: null, error: transportError("malformed_body", facts) };
  if (status < 200 || status >= 300) return { body: null, error: transportError("http_error", facts) };
  return { body: parsed, error: null };
}

/** Decodes the text of an answer, which is a JSON object. */
export function decodeGraphAnswer(text: string, facts: AnswerFacts): DecodedAnswer {
  return decodeAnswer(text, facts, isObject);
}

/**
 * Decodes the text of the answer to a batch: a list of answers with their bodies as text, in the order of the requests.
 * An entry is null where Meta did not come to its request.
 */
export function decodeBatchAnswer(text: string, facts: AnswerFacts): DecodedAnswer<(DecodedAnswer | null)[]> {
  const { body, error } = decodeAnswer(text, facts, (value) => Array.isArray(value));
  if (body === null) return { body, error };
  const answers = body.map((entry) =>
    isObject(entry) && typeof entry.body === "string"
      ? decodeGraphAnswer(entry.body, { ...facts, http_status: integerOf(entry.code) })
      : null
  );
  return { body: answers, error: null };
}
