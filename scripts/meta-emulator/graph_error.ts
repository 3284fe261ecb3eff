/**
 * Graph's error bodies. A {@link GraphRefusal} is thrown anywhere below the router and becomes one answer there.
 * Every key but `message` and `code` is optional, and some bodies really lack `type` and `fbtrace_id`.
 * @module
 */

import { mix } from "./random.ts";
import type { JsonRecord } from "./json_value.ts";

/** What one error answer says, in Graph's own words, beside its HTTP status. */
export interface GraphErrorBody {
  /** HTTP status of the answer. */
  status: number;
  /** Graph's `error.message`. */
  message: string;
  /** Graph's `error.code`. */
  code: number;
  /** Graph's `error.error_subcode`. */
  error_subcode?: number;
  /** Graph's `error.type`. */
  type?: string;
  /** Graph's `error.is_transient`. */
  is_transient?: boolean;
  /** Title for a person, in the language of the token's owner. */
  error_user_title?: string;
  /** Explanation for a person. */
  error_user_msg?: string;
  /** True for the bodies that come without `fbtrace_id`. */
  untraced?: boolean;
}

/** Ends the request at hand with an error answer. */
export class GraphRefusal extends Error {
  /** What the answer will say. */
  readonly body: GraphErrorBody;

  /** Refuses with `body`. */
  constructor(body: GraphErrorBody) {
    super(body.message);
    this.name = "GraphRefusal";
    this.body = body;
  }
}

/** Makes a code 100 refusal, Graph's word for a wrong parameter. */
export function invalidParameter(message: string, error_subcode?: number): GraphRefusal {
  return new GraphRefusal({
    status: 400,
    message: message.startsWith("(#") ? message : `(#100) ${message}`,
    code: 100,
    type: "OAuthException",
    ...(error_subcode === undefined ? {} : { error_subcode }),
  });
}

let traces = 0;

/** Makes the next `fbtrace_id`: short, letters, digits, `_` and `-`. */
export function nextTraceId(): string {
  traces++;
  const number = mix(0x5eed, traces);
  return `A${number.toString(36)}_${(number ^ traces).toString(36).replace("-", "")}`;
}

/** Writes the JSON object of an error answer. */
export function errorJson(body: GraphErrorBody): JsonRecord {
  const { status: _status, untraced, ...fields } = body;
  const error: JsonRecord = { message: fields.message };
  if (fields.type !== undefined) error.type = fields.type;
  if (fields.is_transient !== undefined) error.is_transient = fields.is_transient;
  error.code = fields.code;
  if (fields.error_subcode !== undefined) error.error_subcode = fields.error_subcode;
  if (fields.error_user_title !== undefined) error.error_user_title = fields.error_user_title;
  if (fields.error_user_msg !== undefined) error.error_user_msg = fields.error_user_msg;
  if (!untraced) error.fbtrace_id = nextTraceId();
  return { error };
}
