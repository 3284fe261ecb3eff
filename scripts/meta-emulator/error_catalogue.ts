/**
 * Every error that Graph is known to answer, by `code/subcode` (or `code/word` where one code has several bodies
 * without a subcode). Faults name these keys, so that a test reads like the table of Meta's errors.
 * https://developers.facebook.com/docs/marketing-api/error-reference
 * @module
 */

import { type GraphErrorBody, GraphRefusal } from "./graph_error.ts";

const TOO_MANY = "There have been too many calls from this ad-account. Wait a bit and try again.";
const MOMENT = "An unexpected error has occurred. Please retry your request later.";
const UNAVAILABLE = "Service temporarily unavailable";
const TOKEN = "Error validating access token: ";
const MISSING =
  "Unsupported get request. Object with ID does not exist, cannot be loaded due to missing permissions, or does not support this operation";

type Row = [key: string, status: number, message: string, more?: Partial<GraphErrorBody>];

const THROTTLED: Partial<GraphErrorBody> = {
  type: "OAuthException",
  is_transient: false,
  error_user_title: "Ad account has too many API calls",
  error_user_msg: TOO_MANY,
};
const OAUTH: Partial<GraphErrorBody> = { type: "OAuthException" };
const METHOD: Partial<GraphErrorBody> = { type: "GraphMethodException" };
const PASSING: Partial<GraphErrorBody> = { type: "OAuthException", is_transient: true };
const BARE: Partial<GraphErrorBody> = { untraced: true };

const ROWS: Row[] = [
  ["80000", 400, `(#80000) ${TOO_MANY}`, THROTTLED],
  ["80000/2446079", 400, `(#80000) ${TOO_MANY}`, THROTTLED],
  ["80001", 400, "(#80001) There have been too many calls to this Page account. Wait a bit and try again.", THROTTLED],
  ["80002", 400, "(#80002) There have been too many calls to this Instagram account.", THROTTLED],
  ["80003/2446079", 400, `(#80003) ${TOO_MANY}`, THROTTLED],
  ["80004", 400, `(#80004) ${TOO_MANY}`, THROTTLED],
  ["80004/2446079", 400, `(#80004) ${TOO_MANY}`, THROTTLED],
  ["80005", 400, "(#80005) There have been too many leadgen api calls to this Page account.", THROTTLED],
  ["80006", 400, "(#80006) There have been too many messenger api calls from this Page account.", THROTTLED],
  ["80008", 400, "(#80008) There have been too many calls to this WhatsApp Business account.", THROTTLED],
  ["80009", 400, "(#80009) There have been too many calls to this Catalog account.", THROTTLED],
  ["80014", 400, "(#80014) There have been too many calls for the batch uploads to this catalog account.", THROTTLED],
  ["17", 400, "(#17) User request limit reached", { ...OAUTH, is_transient: false }],
  ["17/2446079", 400, "(#17) User request limit reached", THROTTLED],
  ["613", 400, "(#613) Calls to this api have exceeded the rate limit.", OAUTH],
  ["613/1487742", 400, "(#613) Calls to this api have exceeded the rate limit.", THROTTLED],
  ["613/1996", 400, "(#613) Inconsistent volume of requests detected.", OAUTH],
  ["4", 400, "(#4) Application request limit reached", PASSING],
  ["4/1504022", 403, "(#4) Application request limit reached", PASSING],
  ["4/1504039", 403, "(#4) Application request limit reached", PASSING],
  ["32", 400, "(#32) Page request limit reached", OAUTH],
  ["341", 400, "(#341) Temporarily blocked: application limit reached", PASSING],
  ["368", 400, "(#368) The action attempted has been deemed abusive or is otherwise disallowed", OAUTH],
  ["1/reduce", 500, "Please reduce the amount of data you're asking for, then retry your request", BARE],
  ["1/99", 500, "An unknown error occurred", BARE],
  ["1/unknown", 500, "An unknown error occurred", PASSING],
  ["1/2853001", 400, "Profile is not linked to a Page", OAUTH],
  ["2", 500, MOMENT, PASSING],
  ["2/1504038", 400, UNAVAILABLE, PASSING],
  ["2/1504041", 400, "Invalid combination of breakdowns", { ...OAUTH, is_transient: true }],
  ["2/1504042", 400, "Invalid custom metric", { ...OAUTH, is_transient: true }],
  ["2/1504043", 500, UNAVAILABLE, PASSING],
  ["2/1504044", 500, UNAVAILABLE, PASSING],
  ["100/1504018", 400, "(#100) Your request timed out. Please try a smaller date range or an asynchronous job.", OAUTH],
  ["100/1487534", 400, "(#100) The maximum amount of data per call has been exceeded.", OAUTH],
  ["-3/1504045", 500, "The request is too large", OAUTH],
  ["-2/2490547", 500, "The report could not be made", OAUTH],
  ["100/3191001", 400, "(#100) This request cannot be retried.", OAUTH],
  ["100/33", 400, MISSING, METHOD],
  ["100/proof_missing", 400, "API calls from the server require an appsecret_proof argument", METHOD],
  ["100/proof_wrong", 400, "Invalid appsecret_proof provided in the API argument", METHOD],
  ["100/method", 400, "Unsupported post request - method type: post", METHOD],
  [
    "100/cannot_include",
    400,
    "(#100) Cannot include spend in summary param because they weren't there while creating the report run.",
    OAUTH,
  ],
  ["100/permissions", 400, "(#100) Missing permissions", OAUTH],
  ["100/field", 400, "(#100) Tried accessing nonexisting field (reach) on node type (AdsInsights)", OAUTH],
  ["100/2446289", 400, "(#100) The ad creative is incomplete", OAUTH],
  ["100/parameter", 400, "(#100) Invalid parameter", OAUTH],
  ["2601", 400, "(#2601) Report is not ready", PASSING],
  ["2601/1815107", 400, "(#2601) Error accessing adreport job.", PASSING],
  ["2642", 400, "(#2642) Invalid cursors values", OAUTH],
  [
    "2635",
    400,
    "(#2635) You are calling a deprecated version of the Ads API. Please update to the latest version: v27.0.",
    OAUTH,
  ],
  ["3018", 400, "(#3018) The start date of the time range cannot be beyond 37 months from the current date", OAUTH],
  ["190", 400, `${TOKEN}The access token is invalid.`, OAUTH],
  ["190/458", 400, `${TOKEN}The user has not authorized application 1.`, OAUTH],
  ["190/459", 400, `${TOKEN}The user has been checkpointed.`, OAUTH],
  ["190/460", 400, `${TOKEN}The session has been invalidated because the user changed their password.`, OAUTH],
  ["190/463", 400, `${TOKEN}Session has expired.`, OAUTH],
  ["190/464", 400, `${TOKEN}The user is not confirmed.`, OAUTH],
  ["190/467", 400, `${TOKEN}The session is invalid because the user logged out.`, OAUTH],
  ["190/492", 400, `${TOKEN}The session user is not a role of the page.`, OAUTH],
  ["190/permission", 400, "Either the ads_management or ads_read permission(s) must be granted before.", OAUTH],
  ["101", 400, "Error validating application. Invalid application ID.", OAUTH],
  ["102", 400, "(#102) Session key invalid or no longer valid", OAUTH],
  ["10", 400, "(#10) Application does not have permission for this action", OAUTH],
  ["200", 403, "(#200) Ad account owner has NOT granted ads_management or ads_read permission", OAUTH],
  ["200/app", 400, "API access blocked.", OAUTH],
  ["274", 403, "(#274) The ad account is not available to this application", OAUTH],
  ["294", 400, "(#294) Managing advertisements requires an access token with the extended permission", OAUTH],
  ["960", 400, "(#960) Request aborted. This could happen if a dependent request failed.", OAUTH],
  ["104", 400, "(#104) Incorrect signature", OAUTH],
  ["-1", 500, "An internal error occurred", OAUTH],
  ["5000", 500, "(#5000) Unknown error", OAUTH],
  ["21009", 400, "(#21009) Transient server-side event error", OAUTH],
  ["100/2804001", 400, "(#100) Click ID Incorrectly Formatted", OAUTH],
  ["100/2804003", 400, "(#100) Event Timestamp Too Old", OAUTH],
  ["100/2804009", 400, "(#100) Missing Value for Purchase Event", OAUTH],
  ["100/2804010", 400, "(#100) Missing Currency for Purchase Event", OAUTH],
  ["100/2804019", 400, "(#100) Invalid parameter", OAUTH],
  ["100/2804050", 400, "(#100) You Haven't Added Sufficient Customer Information Parameter Data For This Event", OAUTH],
  ["100/2804007", 400, "(#100) Invalid parameter", OAUTH],
  ["100/2804016", 400, "(#100) Invalid parameter", OAUTH],
  ["100/2804017", 400, "(#100) Invalid parameter", OAUTH],
  ["100/2804048", 400, "(#100) Invalid parameter", OAUTH],
];

const CATALOGUE = new Map<string, GraphErrorBody>(ROWS.map(([key, status, message, more]) => {
  const [code, subcode] = key.split("/");
  const numeric = subcode !== undefined && /^\d+$/.test(subcode) ? { error_subcode: Number(subcode) } : {};
  return [key, { status, message, code: Number(code), ...numeric, ...more }];
}));

/** The keys that a fault may name. */
export function catalogueKeys(): string[] {
  return [...CATALOGUE.keys()];
}

/** Returns the error of a key such as `17/2446079` or `1/reduce`; throws a `RangeError` for an unknown one. */
export function catalogueError(key: string): GraphErrorBody {
  const found = CATALOGUE.get(key);
  if (!found) throw new RangeError(`unknown Graph error "${key}", known are ${catalogueKeys().join(", ")}`);
  return { ...found };
}

/** Makes the refusal of a key, with other words where they matter. */
export function refusal(key: string, changes: Partial<GraphErrorBody> = {}): GraphRefusal {
  return new GraphRefusal({ ...catalogueError(key), ...changes });
}
