/**
 * Meta's errors as data: (code, subcode) → what it means and what to do. HTTP status, `type` and `is_transient` decide
 * nothing that a code decides, because Meta sends throttles as `OAuthException`, errors inside HTTP 200, and permanent
 * failures under code 2. Codes: https://developers.facebook.com/docs/graph-api/guides/error-handling and
 * https://developers.facebook.com/docs/graph-api/overview/rate-limiting
 *
 * @module
 */

import type { GraphAction, GraphErrorCode, UseCase } from "../errors.ts";

/** What a call was about: the same code means other things for other objects. */
export type GraphTarget = "account" | "report_run" | "object";

/** One row of the table: what an error is and what to do about it. */
export interface GraphErrorRow {
  /** Our name of it; stable, for logs and SQL. */
  name: string;
  /** One readable line for the operator; never Meta's text. */
  meaning: string;
  /** What to do about it. */
  action: GraphAction;
  /** Our code of the error. */
  code: GraphErrorCode;
  /** The same call may succeed later without anyone changing it. */
  retryable: boolean;
  /** Which quota a `throttle_*` action concerns. */
  use_case: UseCase;
  /** Least seconds to stay away, for `throttle_*`. */
  min_throttle_seconds: number;
}

/** The parts of Meta's error that the table looks at. */
export interface GraphErrorFacts {
  /** Meta's code; null when it sent none. */
  code: number | null;
  /** Meta's `error_subcode`. */
  subcode: number | null;
  /** Only read where Meta gives one code to different things; see `TEXT_RULES`. */
  message: string;
  /** Meta's own opinion; only heard about unknown codes. */
  is_transient: boolean;
  /** What the path named. */
  target: GraphTarget;
}

const RETRYABLE: ReadonlySet<GraphAction> = new Set<GraphAction>([
  "retry",
  "retry_then_shrink",
  "shrink",
  "split",
  "resubmit",
  "poll",
  "restart_list",
  "throttle_account",
  "throttle_app",
  "throttle_insights_app",
]);

function row(
  name: string,
  meaning: string,
  action: GraphAction,
  code: GraphErrorCode,
  more: { use_case?: UseCase; min_throttle_seconds?: number } = {},
): GraphErrorRow {
  const retryable = RETRYABLE.has(action);
  return { name, meaning, action, code, retryable, use_case: "any", min_throttle_seconds: 0, ...more };
}

function limit(
  name: string,
  meaning: string,
  action: GraphAction = "throttle_account",
  use_case: UseCase = "any",
  min_throttle_seconds = 60,
): GraphErrorRow {
  return row(name, meaning, action, "meta_rate_limited", { use_case, min_throttle_seconds });
}

const token = (name: string, meaning: string) => row(name, meaning, "stop_token", "meta_token_invalid");
const temporary = (name: string, meaning: string, action: GraphAction = "retry") =>
  row(name, meaning, action, "meta_unavailable");
const rejected = (name: string, meaning: string, action: GraphAction = "fail") =>
  row(name, meaning, action, "meta_rejected");

const PERMISSION = row(
  "permission_missing",
  "the token lacks a permission for this ad account",
  "stop_account",
  "meta_permission",
);
const INSIGHTS_LIMIT = limit("insights_limit", "insights calls of this ad account", "throttle_account", "insights");
const MANAGEMENT_LIMIT = limit(
  "management_limit",
  "management calls of this ad account",
  "throttle_account",
  "management",
);
const ACCOUNT_LIMIT = limit("account_limit", "calls of this user or ad account");
const UNKNOWN_AT_META = temporary("unknown_error", "an unknown error at Meta", "retry_then_shrink");
const REPORT_NOT_READY = temporary("report_not_ready", "the report is not ready yet", "poll");
const INSIGHTS_OVERLOADED = limit(
  "insights_overloaded",
  "insights are overloaded for this app",
  "throttle_insights_app",
  "insights",
);

/** A call that never reached Meta, or an answer that is not Meta's: reset, time-out, HTML, empty or cut-off JSON. */
export const TRANSPORT: GraphErrorRow = temporary("transport", "no complete answer came from Meta");

/** An answer larger than the client reads: Meta's fault where it is endless; a page may be asked for in halves. */
export const OVERSIZED: GraphErrorRow = temporary("answer_too_large", "the answer is larger than 8 MiB", "shrink");

/** Exact pairs and bare codes; `"17"` also stands for subcodes of 17 that have no row of their own. */
export const GRAPH_ERRORS: Readonly<Record<string, GraphErrorRow>> = {
  "80000": INSIGHTS_LIMIT,
  "80000/2446079": INSIGHTS_LIMIT,
  "80004": MANAGEMENT_LIMIT,
  "80004/2446079": MANAGEMENT_LIMIT,
  "80001": limit("pages_limit", "calls of this page"),
  "80002": limit("instagram_limit", "Instagram calls"),
  "80003": limit("audience_limit", "custom audience calls"),
  "80003/2446079": limit("audience_limit", "custom audience calls"),
  "80005": limit("leads_limit", "lead calls"),
  "80006": limit("messenger_limit", "Messenger calls"),
  "80008": limit("whatsapp_limit", "WhatsApp calls"),
  "80009": limit("catalog_limit", "catalogue calls"),
  "80014": limit("catalog_batch_limit", "catalogue batch calls"),
  "17": ACCOUNT_LIMIT,
  "17/2446079": ACCOUNT_LIMIT,
  "613/1487742": limit("account_calls_limit", "too many calls from this ad account"),
  "613": limit("custom_limit", "a custom limit of this ad account", "throttle_account", "any", 300),
  "613/1996": limit("inconsistent_volume", "call volume that Meta takes for abuse", "throttle_account", "any", 900),
  "4": limit("app_limit", "calls of this app", "throttle_app"),
  "4/1504022": INSIGHTS_OVERLOADED,
  "4/1504039": INSIGHTS_OVERLOADED,
  "32": limit("page_limit", "calls of this page"),
  "341": limit("app_temporarily_limited", "this app, for the time being", "throttle_app", "any", 300),
  "368": row(
    "policy_block",
    "temporarily blocked for policy reasons; a person must look",
    "stop_account",
    "meta_permission",
  ),

  "1": UNKNOWN_AT_META,
  "1/99": UNKNOWN_AT_META,
  "1/2853001": rejected("profile_not_linked", "the profile is not linked to a page"),
  "2": temporary("service_unavailable", "Meta is temporarily unavailable"),
  "2/1504038": temporary("sync_timeout", "too large to be answered synchronously", "split"),
  "100/1504018": temporary("sync_timeout", "too large to be answered synchronously", "split"),
  "2/1504041": rejected("invalid_breakdowns", "an invalid combination of breakdowns"),
  "2/1504042": rejected("invalid_metric", "an invalid custom metric"),
  "2/1504043": temporary("intermittent", "a passing fault of insights"),
  "2/1504044": temporary("sync_failed", "the synchronous read failed for an unknown reason", "retry_then_shrink"),
  "100/1487534": temporary("data_limit", "more rows or data points than one call may have", "split"),
  "-3/1504045": temporary("request_too_large", "the request is too large", "split"),
  "-2/2490547": temporary("report_failed", "the report failed at Meta", "resubmit"),
  "100/3191001": rejected("not_retryable", "Meta declared this request not retryable"),
  "100": rejected("invalid_parameter", "Meta refuses a parameter"),
  "100/33": rejected("object_missing", "the object does not exist or may not be read"),
  "100/2446289": rejected("creative_incomplete", "the creative is incomplete", "drop_field"),
  "2601": REPORT_NOT_READY,
  "2601/1815107": REPORT_NOT_READY,
  "2642": temporary("invalid_cursor", "the cursor is no longer valid", "restart_list"),
  "2635": rejected("version_dead", "this version of the API is dead: set META_API_VERSION to a living one"),
  "3018": rejected("before_retention", "the start date is more than 37 months ago", "clamp"),

  "190": token("token_invalid", "the token is not valid"),
  "190/458": token("token_app_removed", "the app is no longer authorised"),
  "190/459": token("token_checkpoint", "the user must pass a checkpoint at Meta"),
  "190/460": token("token_password_changed", "the user changed the password"),
  "190/463": token("token_expired", "the token has expired"),
  "190/464": token("token_unconfirmed", "the user is not confirmed"),
  "190/467": token("token_revoked", "the token was invalidated"),
  "190/492": token("token_session_invalid", "the session of the token is not valid"),
  "102": token("token_session_invalid", "the session of the token is not valid"),
  "101": token("app_invalid", "Meta does not take the app of the token any more"),
  "10": PERMISSION,
  "294": PERMISSION,

  "104": temporary("connection", "Meta lost a connection inside"),
  "960": temporary("temporary", "a passing fault at Meta"),
  "5000": temporary("events_unknown_error", "an unknown error of the Conversions API"),
  "21009": temporary("events_temporary", "a passing fault of the Conversions API"),
};

/** Families of codes that have no row of their own. */
const GRAPH_ERROR_RANGES: readonly { from: number; to: number; row: GraphErrorRow }[] = [
  { from: 200, to: 299, row: PERMISSION },
  { from: 80_000, to: 80_014, row: limit("use_case_limit", "calls of one of Meta's use cases") },
  { from: Number.MIN_SAFE_INTEGER, to: -1, row: temporary("internal", "an internal error at Meta") },
];

const UNKNOWN = rejected("unknown_code", "an error that this version does not know");
const UNKNOWN_TRANSIENT = temporary("unknown_transient", "an unknown error that Meta calls transient");

/** What 100/33 means where it is not simply a missing object. */
const MISSING_BY_TARGET: Readonly<Record<GraphTarget, GraphErrorRow | null>> = {
  // Also seen right after the run was created and while its pages are read: worth a quick retry, then a new run.
  report_run: temporary("report_missing", "the report run is gone, or not there yet", "resubmit"),
  account: row(
    "account_missing",
    "the ad account does not exist or may not be read",
    "stop_account",
    "meta_permission",
  ),
  object: null,
};

/** What 100/33 says, for answers that leave the subcode out; it speaks of missing permissions too. */
const MISSING_TEXT = /\bobject with id\b.*\bdoes not exist\b/i;

/**
 * The only place where Meta's text is read: bare codes that Meta gives to different things. The first match counts;
 * none leaves the row of the code.
 */
const TEXT_RULES: readonly { code: number; pattern: RegExp; row: GraphErrorRow }[] = [
  {
    code: 1,
    pattern: /reduce the amount of data/i,
    row: temporary("too_much_data", "the page is too heavy", "shrink"),
  },
  // Parameters keep their names in every language; Meta gives these refusals no subcode.
  {
    code: 100,
    pattern: /\brequires? an appsecret_proof\b/i,
    row: token("app_secret_missing", "the token's app requires its app secret with every call"),
  },
  {
    code: 100,
    pattern: /\bappsecret_proof\b/i,
    row: token("app_secret_wrong", "the app secret is not that of the token's app"),
  },
  { code: 200, pattern: /api access blocked/i, row: token("app_blocked", "Meta has blocked the app of the token") },
  { code: 100, pattern: /missing permissions?/i, row: PERMISSION },
  {
    code: 100,
    // How large a page may be, Meta does not document.
    pattern: /\b(?:param(?:eter)? limit|limit param(?:eter)?)\b/i,
    row: temporary("page_too_large", "the page is larger than Meta gives", "shrink"),
  },
  {
    code: 100,
    pattern: /cannot include .* in summary param/i,
    row: temporary("report_race", "the report is not yet complete enough to be read"),
  },
  {
    code: 100,
    // Meta words this in many ways; a needless try without the optional fields costs less than a stopped account.
    pattern: /\bfields?\b/i,
    row: rejected("unknown_field", "Meta does not know a field any more", "drop_field"),
  },
  { code: 190, pattern: /permission\(?s?\)? must be granted/i, row: PERMISSION },
];

/** Finds the row of an error: exact pair, then text where it must decide, then code, then family, then the rest. */
export function findGraphError(facts: GraphErrorFacts): GraphErrorRow {
  const { code, subcode, message, is_transient, target } = facts;
  if (code === null) return is_transient ? UNKNOWN_TRANSIENT : TRANSPORT;
  const is_missing = code === 100 && (subcode === 33 || (subcode === null && MISSING_TEXT.test(message)));
  if (is_missing) return MISSING_BY_TARGET[target] ?? GRAPH_ERRORS["100/33"] ?? UNKNOWN;
  const exact = subcode === null ? undefined : GRAPH_ERRORS[`${code}/${subcode}`];
  // A pair says more than text does, unless what it says is "unknown".
  if (exact !== undefined && exact !== UNKNOWN_AT_META) return exact;
  const text = TEXT_RULES.find((rule) => rule.code === code && rule.pattern.test(message));
  if (text !== undefined) return text.row;
  const family = GRAPH_ERROR_RANGES.find((range) => code >= range.from && code <= range.to);
  return exact ?? GRAPH_ERRORS[String(code)] ?? family?.row ?? (is_transient ? UNKNOWN_TRANSIENT : UNKNOWN);
}

/**
 * Which of the requested fields Meta's message names; null when it names none of them, and the caller then leaves out
 * all optional ones.
 *
 * @param fields The `fields` parameter as it was sent, e.g. `id,name,creative{id,body}`.
 */
export function findNamedField(message: string, fields: string): string | null {
  const words = new Set(message.match(/[a-z][a-z0-9_]*/g) ?? []);
  // The words of the sentence itself are names of fields too ("field (id) of type …").
  const quoted = new Set(
    (message.match(/[('"`]\s*[a-z][a-z0-9_]*\s*[)'"`]/g) ?? []).map((text) => text.replace(/\W/g, "")),
  );
  const requested = fields.match(/[a-z][a-z0-9_]*/g) ?? [];
  return requested.find((field) => quoted.has(field)) ??
    requested.find((field) => words.has(field) && field.includes("_")) ??
    requested.find((field) => words.has(field)) ?? null;
}

/** The index in the sent `data` list that Meta's message names, as in `$['data'][3]['user_data']`; null without one. */
export function findNamedIndex(message: string): number | null {
  const match = /data['"]?\]?\[(\d{1,4})\]/.exec(message);
  return match === null ? null : Number(match[1]);
}
