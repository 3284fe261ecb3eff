/**
 * What the Conversions API refuses in an event, and what it takes though it should not have been sent. A refusal names
 * the path of the value, as Graph's sentences do; one bad event refuses its whole request.
 * https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/server-event
 * @module
 */

import { refusal } from "../error_catalogue.ts";
import type { GraphRefusal } from "../graph_error.ts";
import { isRecord, type JsonRecord, type JsonValue, readNumber } from "../json_value.ts";
import { hasEnoughInformation, HASHED_KEYS, PLAIN_KEYS } from "./customer_information.ts";

const DAY_SECONDS = 86_400;
const ACTION_SOURCES = new Set(
  "email website app phone_call chat physical_store system_generated business_messaging other".split(" "),
);
const DELIVERY_CATEGORIES = new Set(["in_store", "curbside", "home_delivery"]);
const EVENT_KEYS = new Set(
  ("event_name event_time user_data custom_data event_source_url opt_out event_id action_source " +
    "data_processing_options data_processing_options_country data_processing_options_state referrer_url " +
    "original_event_data attribution_data customer_segmentation app_data messaging_channel advanced_measurement_table")
    .split(" "),
);
/** The engine's list is older than ISO 4217 is today. */
const CURRENCIES = new Set([...Intl.supportedValuesOf("currency"), "SLE", "VED", "XCG", "ZWG"]);
/** `fb.<index>.<milliseconds>.<fbclid>`, with the suffix of 8 or 2 characters that Meta's own builder adds. */
const FBC = /^fb\.\d+\.\d{13}\.[A-Za-z0-9_-]+(?:\.(?:[A-Za-z0-9_-]{8}|[A-Za-z0-9_-]{2}))?$/;
const FBP = /^fb\.\d+\.\d{13}\.\d+(?:\.(?:[A-Za-z0-9_-]{8}|[A-Za-z0-9_-]{2}))?$/;
const DIGEST = /^[0-9a-f]{64}(?:\.[A-Za-z0-9_-]{8}|\.[A-Za-z0-9_-]{2})?$/;
const LOOKS_HASHED = /^[0-9a-fA-F]{64}$/;
const IP = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]+)(?:\.[A-Za-z0-9_-]{8})?$/;

/** Something that Meta takes in silence and a careful sender never sends. */
export interface Violation {
  /** JSON path in the request, `$['data'][0]['user_data']['em']`. */
  path: string;
  /** What is wrong; never the value itself. */
  problem: string;
}

/** Refuses an event as Meta does; returns what it takes in silence. */
export function validateEvent(event: JsonValue, index: number, nowMs: number): Violation[] {
  const at = (...keys: string[]): string => `$['data'][${index}]${keys.map((key) => `['${key}']`).join("")}`;
  if (!isRecord(event)) throw invalid(at(), "must be an object");
  const name = event["event_name"];
  if (typeof name !== "string" || name === "") throw required(at("event_name"));
  const source = event["action_source"];
  if (typeof source !== "string" || source === "") throw required(at("action_source"));
  if (!ACTION_SOURCES.has(source)) throw invalid(at("action_source"), "must be one of the known sources");
  requireTime(event, source, at("event_time"), nowMs);
  const person = event["user_data"];
  if (!isRecord(person)) throw required(at("user_data"));
  if (!hasEnoughInformation(person)) throw refusal("100/2804050");
  if (source === "business_messaging" && !isText(event["messaging_channel"])) throw required(at("messaging_channel"));
  if (source === "website") {
    if (!isText(event["event_source_url"])) throw required(at("event_source_url"));
    if (!isText(person["client_user_agent"])) throw required(at("user_data", "client_user_agent"));
  }
  const fbc = person["fbc"];
  if (fbc !== undefined && (typeof fbc !== "string" || !FBC.test(fbc))) {
    throw refusal("100/2804001", { message: `(#100) Click ID Incorrectly Formatted: ${at("user_data", "fbc")}` });
  }
  requireCustomData(event, name, at);
  requireProcessingOptions(event, person, at);
  return [...unknownKeys(event, at), ...personViolations(person, at)];
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === "string" && value !== "";
}

function required(path: string): GraphRefusal {
  return refusal("100/2804019", { message: `(#100) Param ${path} is required` });
}

function invalid(path: string, rule: string): GraphRefusal {
  return refusal("100/2804019", { message: `(#100) Param ${path} ${rule}` });
}

function requireTime(event: JsonRecord, source: string, path: string, nowMs: number): void {
  const time = event["event_time"];
  if (time === undefined || time === null) throw required(path);
  const seconds = readNumber(event, "event_time");
  if (seconds === undefined || !Number.isInteger(seconds)) throw invalid(path, "must be an integer");
  const days = source === "physical_store" ? 62 : 7;
  if (seconds < Math.floor(nowMs / 1000) - days * DAY_SECONDS) {
    throw refusal("100/2804003", { message: `(#100) Event Timestamp Too Old: ${path}` });
  }
}

function requireCustomData(event: JsonRecord, name: string, at: (...keys: string[]) => string): void {
  const custom = event["custom_data"];
  if (custom !== undefined && !isRecord(custom)) throw invalid(at("custom_data"), "must be an object");
  const record: JsonRecord = isRecord(custom) ? custom : {};
  if (name === "Purchase") {
    if (record["value"] === undefined || record["value"] === null || record["value"] === "") {
      throw refusal("100/2804009");
    }
    if (!isText(record["currency"])) throw refusal("100/2804010");
  }
  if (record["value"] !== undefined && readNumber(record, "value") === undefined) {
    throw invalid(at("custom_data", "value"), "must be a number");
  }
  const currency = record["currency"];
  if (currency !== undefined && !(typeof currency === "string" && CURRENCIES.has(currency.toUpperCase()))) {
    throw invalid(at("custom_data", "currency"), "must be an ISO 4217 code");
  }
  const contents = record["contents"];
  if (contents === undefined) return;
  if (!Array.isArray(contents)) throw invalid(at("custom_data", "contents"), "must be an array");
  contents.forEach((content, position) => {
    const category = isRecord(content) ? content["delivery_category"] : null;
    if (!isRecord(content)) throw invalid(`${at("custom_data", "contents")}[${position}]`, "must be an object");
    if (category !== undefined && !(typeof category === "string" && DELIVERY_CATEGORIES.has(category))) {
      throw invalid(`${at("custom_data", "contents")}[${position}]['delivery_category']`, "is not known");
    }
  });
}

/** Holds Limited Data Use together: LDU needs a country, a country a state, and a state where no address is sent. */
function requireProcessingOptions(event: JsonRecord, person: JsonRecord, at: (...keys: string[]) => string): void {
  const options = event["data_processing_options"];
  if (options === undefined) return;
  if (!Array.isArray(options) || options.some((option) => option !== "LDU")) {
    throw invalid(at("data_processing_options"), "must be [] or ['LDU']");
  }
  if (options.length === 0) return;
  const country = readNumber(event, "data_processing_options_country");
  const state = readNumber(event, "data_processing_options_state");
  if (country !== 0 && country !== 1) throw required(at("data_processing_options_country"));
  if (state === undefined || (state === 0 && !isText(person["client_ip_address"]))) {
    throw required(at("data_processing_options_state"));
  }
}

function unknownKeys(event: JsonRecord, at: (...keys: string[]) => string): Violation[] {
  return Object.keys(event).filter((key) => !EVENT_KEYS.has(key)).map((key) => ({
    path: at(key),
    problem: "unknown event parameter",
  }));
}

function personViolations(person: JsonRecord, at: (...keys: string[]) => string): Violation[] {
  const found: Violation[] = [];
  const say = (key: string, problem: string): number => found.push({ path: at("user_data", key), problem });
  for (const [key, value] of Object.entries(person)) {
    const values = Array.isArray(value) ? value : [value];
    const texts = values.filter((item) => typeof item === "string");
    if (HASHED_KEYS.includes(key)) {
      if (texts.length !== values.length || texts.some((text) => !DIGEST.test(text))) {
        say(key, "not a lower-case SHA-256 digest");
      }
    } else if (key === "external_id") {
      if (values.some((item) => typeof item !== "string")) say(key, "not a string");
      else if (texts.some((text) => !DIGEST.test(text))) say(key, "external id in clear, hashing is recommended");
    } else if (!PLAIN_KEYS.includes(key)) say(key, "unknown customer information parameter");
    else if (texts.some((text) => LOOKS_HASHED.test(text))) say(key, "hashed though Meta wants it in clear");
  }
  const { fbp, client_ip_address: address } = person;
  if (fbp !== undefined && !(typeof fbp === "string" && FBP.test(fbp))) say("fbp", "malformed browser id");
  if (address !== undefined && !(typeof address === "string" && IP.test(address))) {
    say("client_ip_address", "not an address");
  }
  return found;
}
