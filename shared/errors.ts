/**
 * The errors of this project: one base, five leaves. Every failure is thrown as one of them and becomes a `Response`
 * in exactly one place, `edge/serve.ts`. Whether it may be tried again is decided where the error is made, from codes,
 * never from message text. No message carries a secret, a URL or a person's data.
 *
 * @module
 */

/** One wrong field of a request or of the configuration. */
export interface FieldProblem {
  /** Where it is, e.g. `events[0].event_time`; empty for the body itself. */
  path: string;
  /** What was expected there, without the value that was found. */
  message: string;
}

/** The path of a field as problems name it: `events[0].user_data.em`. */
export function fieldPath(keys: readonly PropertyKey[], parent = ""): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === "number") return `${path}[${key}]`;
    return path === "" ? String(key) : `${path}.${String(key)}`;
  }, parent);
}

/** What every error of the project is made of. */
export interface AppErrorOptions {
  /** The same request may succeed later without anyone changing it. */
  retryable?: boolean;
  /** What caused it; logged, never answered. */
  cause?: unknown;
  /** Every wrong field by path; part of the answer. */
  details?: FieldProblem[];
  /** Seconds after which another try makes sense; becomes the `Retry-After` header. */
  retry_after_seconds?: number;
}

/** The base: a machine-readable `code`, the HTTP `status` of the answer, and whether to try again. */
export class AppError extends Error {
  /** Machine-readable, stable, part of the answer. */
  readonly code: string;
  /** HTTP status of the answer: the caller's fault is 4xx, ours 500, Meta's 429, 502 or 503. */
  readonly status: number;
  /** The same request may succeed later without anyone changing it. */
  readonly retryable: boolean;
  /** Every wrong field by path. */
  readonly details: FieldProblem[] | undefined;
  /** Seconds after which another try makes sense. */
  readonly retry_after_seconds: number | undefined;

  /** Makes the error. */
  constructor(code: string, status: number, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.status = status;
    this.retryable = options.retryable ?? false;
    this.details = options.details;
    this.retry_after_seconds = options.retry_after_seconds;
  }
}

/**
 * What an operator has to put right. `config_invalid`: variables or secrets; `data_api_closed`: the Data API does not
 * offer our functions; `project_copy`: this project was copied from another and is not yet one of its own.
 */
export type ConfigErrorCode = "config_invalid" | "data_api_closed" | "project_copy";

const CONFIG_STATUS: Record<ConfigErrorCode, number> = { config_invalid: 500, data_api_closed: 500, project_copy: 409 };

/** Configuration is missing or malformed; lists all wrong names at once, never their values. */
export class ConfigError extends AppError {
  /** Any caller may be told, not only those that the project trusts. */
  readonly is_public: boolean;

  /** Makes the error. */
  constructor(
    details: FieldProblem[],
    options: { code?: ConfigErrorCode; is_public?: boolean; cause?: unknown } = {},
  ) {
    const { code = "config_invalid", is_public = false, ...more } = options;
    const names = details.map((problem) => `${problem.path} ${problem.message}`).join("; ");
    super(code, CONFIG_STATUS[code], `Configuration is not usable: ${names}`, { ...more, details });
    this.is_public = is_public;
  }
}

/** The caller is not, or not sufficiently, authenticated. Says nothing about what would have been accepted. */
export class AuthError extends AppError {
  /** Makes the error. */
  constructor(
    code: "unauthorized" | "forbidden" | "origin_not_allowed" = "unauthorized",
    message = "This request is not authenticated.",
    options: { cause?: unknown } = {},
  ) {
    super(code, code === "unauthorized" ? 401 : 403, message, options);
  }
}

/** Names of what can be wrong with a request. */
export type RequestErrorCode =
  | "invalid_json"
  | "invalid_field"
  | "unknown_account"
  | "method_not_allowed"
  | "conflict"
  | "body_too_large"
  | "too_many_requests";

const REQUEST_STATUS: Record<RequestErrorCode, number> = {
  invalid_json: 400,
  invalid_field: 400,
  unknown_account: 400,
  method_not_allowed: 405,
  conflict: 409,
  body_too_large: 413,
  too_many_requests: 429,
};

/** The request itself is wrong; `details` names every wrong field by path. */
export class RequestError extends AppError {
  /** Makes the error. */
  constructor(
    code: RequestErrorCode,
    message: string,
    options: Pick<AppErrorOptions, "details" | "cause" | "retry_after_seconds"> = {},
  ) {
    super(code, REQUEST_STATUS[code], message, options);
  }
}

/** Names of what Meta can do to us. */
export type GraphErrorCode =
  | "meta_rate_limited"
  | "meta_token_invalid"
  | "meta_permission"
  | "meta_rejected"
  | "meta_unavailable";

const GRAPH_STATUS: Record<GraphErrorCode, number> = {
  meta_rate_limited: 429,
  meta_token_invalid: 502,
  meta_permission: 502,
  meta_rejected: 502,
  meta_unavailable: 503,
};

/** What to do about an answer of Meta's; the rows that lead there are in `meta/graph_errors.ts`. */
export type GraphAction =
  /** Try again in place, two or three times, then later. */
  | "retry"
  /** Try again in place; if it stays, ask for less on the same cursor. */
  | "retry_then_shrink"
  /** Ask for a smaller page on the same cursor; at the floor, split the range. */
  | "shrink"
  /** Ask for a smaller range, or asynchronously. */
  | "split"
  /** This report run is lost: start it anew. */
  | "resubmit"
  /** Not ready yet: ask again later. */
  | "poll"
  /** The cursor is dead: read the list from the start. */
  | "restart_list"
  /** No call for this ad account (and use case) for a while. */
  | "throttle_account"
  /** No call with this app's token for a while. */
  | "throttle_app"
  /** No insights call with this app's token for a while. */
  | "throttle_insights_app"
  /** The token is dead: nothing more with it until Vault has another one. */
  | "stop_token"
  /** Nothing more for this ad account until a person acts. */
  | "stop_account"
  /** Ask again without the field. */
  | "drop_field"
  /** Ask again with a start date inside Meta's 37 months. */
  | "clamp"
  /** Will not get better by itself: fail loudly. */
  | "fail";

/** Which quota an answer speaks of. */
export type UseCase = "management" | "insights" | "any";

/** One limit as Meta's usage headers last reported it. */
export interface UsageReading {
  /** What the limit counts. */
  scope: "app" | "account" | "business_use_case" | "insights_account" | "insights_app";
  /** Digits of the ad account (or business) it belongs to; null where Meta counts per app or does not say. */
  key: string | null;
  /** Meta's use case (`ads_insights`, `ads_management`, …); business use case readings only. */
  type?: string;
  /** Worst percentage of the limit; may exceed 100. */
  pct: number;
  /** Seconds until Meta expects to answer again; 0 when it does not say. */
  regain_seconds: number;
  /** `development_access` or `standard_access`, where Meta says it. */
  tier?: string;
}

/** What is known of a failed Graph call. Nothing here repeats Meta's free text. */
export interface GraphFailure {
  /** Meta's error code; null when the answer was not Meta's (transport). */
  meta_code: number | null;
  /** Meta's `error_subcode`. */
  error_subcode: number | null;
  /** Meta's error type, e.g. `OAuthException`. */
  type: string | null;
  /** Meta's trace id: what its support asks for. */
  fbtrace_id: string | null;
  /** HTTP status seen; null when there was no answer. Not used for any decision about Meta's own errors. */
  http_status: number | null;
  /** Our name of the row of the error table. */
  reason: string;
  /** What to do. */
  action: GraphAction;
  /** Which quota a `throttle_*` action concerns. */
  use_case: UseCase;
  /** Least time to stay away, for `throttle_*` actions. */
  min_throttle_seconds: number;
  /** The requested field that Meta refuses, when it names one of those asked for. */
  field: string | null;
  /** Position in the `data` list that was sent (Conversions API), where Meta names one. */
  data_index: number | null;
  /**
   * Digest of Meta's words, numbers apart: tells that two refusals say the same, and not what; null without an answer.
   */
  words_digest: string | null;
  /** Usage headers of this very answer. */
  usage: UsageReading[];
}

/** Meta refused, throttled or could not be reached. Never carries the token, the URL or Meta's own message. */
export class GraphApiError extends AppError implements GraphFailure {
  readonly meta_code: number | null;
  readonly error_subcode: number | null;
  readonly type: string | null;
  readonly fbtrace_id: string | null;
  readonly http_status: number | null;
  readonly reason: string;
  readonly action: GraphAction;
  readonly use_case: UseCase;
  readonly min_throttle_seconds: number;
  readonly field: string | null;
  readonly data_index: number | null;
  readonly words_digest: string | null;
  readonly usage: UsageReading[];

  /** Makes the error. */
  constructor(code: GraphErrorCode, message: string, failure: GraphFailure, options: AppErrorOptions = {}) {
    super(code, GRAPH_STATUS[code], message, options);
    this.meta_code = failure.meta_code;
    this.error_subcode = failure.error_subcode;
    this.type = failure.type;
    this.fbtrace_id = failure.fbtrace_id;
    this.http_status = failure.http_status;
    this.reason = failure.reason;
    this.action = failure.action;
    this.use_case = failure.use_case;
    this.min_throttle_seconds = failure.min_throttle_seconds;
    this.field = failure.field;
    this.data_index = failure.data_index;
    this.words_digest = failure.words_digest;
    this.usage = failure.usage;
  }
}

const DATABASE_STATUS = { database_conflict: 409, database_unavailable: 503, database_rejected: 500 } as const;

/** The database refused or could not be reached; carries the operation's name and the SQLSTATE. */
export class DatabaseError extends AppError {
  /** Name of the RPC. */
  readonly operation: string;
  /** SQLSTATE or PostgREST's code; null when there was no answer. */
  readonly sqlstate: string | null;

  /** Makes the error. */
  constructor(
    code: keyof typeof DATABASE_STATUS,
    operation: string,
    sqlstate: string | null,
    options: Pick<AppErrorOptions, "retryable" | "cause"> = {},
  ) {
    super(code, DATABASE_STATUS[code], `${operation} failed (${sqlstate ?? "no answer"})`, {
      retryable: code !== "database_rejected",
      ...options,
    });
    this.operation = operation;
    this.sqlstate = sqlstate;
  }
}
