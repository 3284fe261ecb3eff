/**
 * Takes one event from a caller: every wrong field named, the person's data normalised and hashed, and Meta's
 * conditions checked on the result, so that nothing is stored which Meta would refuse together with its whole request.
 *
 * @module
 */

import { isPrivateAddress } from "../../user_data/client_ip_address.ts";
import { buildUserData } from "../../user_data/build_user_data.ts";
import { hasEnoughCustomerInformation } from "../../user_data/customer_information.ts";
import type { UserData } from "../../user_data/fields.ts";
import type { Note } from "../../user_data/normalised.ts";
import type { CallerProfile } from "./caller_profile.ts";
import { type Click, findClick } from "./click.ts";
import { buildFbc } from "../../user_data/click_id.ts";
import { type Consent, readConsent } from "../../consent/consent.ts";
import { readCustomData, readPlainValues } from "./custom_data.ts";
import { checkDataProcessing } from "./data_processing.ts";
import { EVENT_SCHEMA, type EventFields, MISPLACED, readEventFields } from "./event_schema.ts";
import { checkEventTime, readTime } from "./event_time.ts";
import { isObject } from "./lenient_object.ts";
import { cleanUrl } from "../../user_data/personal_text.ts";
import { orderEvent, orderUserData, type ServerEvent } from "./server_event.ts";
import { findUnstorable, joinPath } from "./storable.ts";

/** What the server knows itself and a browser cannot be asked. */
export interface KnownOfCaller {
  /** The address that the request came from. */
  readonly client_ip_address?: string | undefined;
  /** The browser, from its header. */
  readonly client_user_agent?: string | undefined;
  /** The user id of a verified JWT, in clear. */
  readonly external_id?: string | undefined;
  /** The page, from the `Referer` header; used where the event names none. */
  readonly event_source_url?: string | undefined;
}

/** Under which conditions events are taken. */
export interface ValidateEventOptions {
  /** The time of the request, in milliseconds. */
  readonly now_ms: number;
  /** Who is calling. */
  readonly profile: CallerProfile;
  /** The only event names taken, where the settings name some. */
  readonly allowed_events?: readonly string[] | undefined;
  /** `FB_ADS_DEFAULT_COUNTRY`. */
  readonly default_country?: string | undefined;
  /** Put in the place of the profile's `ignored_user_data`, and where a server says nothing itself. */
  readonly known?: KnownOfCaller | undefined;
  /** Makes the id of an event that has none. @default crypto.randomUUID */
  readonly newEventId?: (() => string) | undefined;
}

/** An event that can be stored and sent. */
export interface AcceptedEvent {
  /** Taken. */
  readonly ok: true;
  /** The event as Meta takes it. */
  readonly event: ServerEvent;
  /** The consent that it carries. */
  readonly consent: Consent | undefined;
  /** The test code that it carries. */
  readonly test_event_code: string | undefined;
  /** The ad click that it belongs to. */
  readonly click: Click | undefined;
  /** What was left out or changed. */
  readonly notes: Note[];
}

/** An event that is refused, with everything that is wrong with it. */
export interface RefusedEvent {
  /** Refused. */
  readonly ok: false;
  /** Where it was a text, so that the answer can name the event. */
  readonly event_id: string | undefined;
  /** Its name, where that was good. */
  readonly event_name: string | undefined;
  /** Everything that is wrong, by path. */
  readonly problems: Note[];
  /** What was left out or changed. */
  readonly notes: Note[];
}

/** What became of one event. */
export type ValidatedEvent = AcceptedEvent | RefusedEvent;

/** Fields of `user_data` that are ours, read by `click.ts`. */
const CLICK_FIELDS = ["fbclid", "fbclid_seen_at"];

const EVENT_FIELDS: ReadonlySet<string> = new Set(Object.keys(EVENT_SCHEMA.shape));

/** What Meta refuses a Purchase without. */
const DECISIVE = ["value", "currency"];

/** Validates one event. Never throws, whatever the input is. */
export function validateEvent(input: unknown, options: ValidateEventOptions): ValidatedEvent {
  const notes: Note[] = [];
  if (!isObject(input)) {
    const problems = [{ path: "", message: "an event must be an object" }];
    return { ok: false, event_id: undefined, event_name: undefined, problems, notes };
  }
  const { profile, now_ms } = options;
  const { fields, problems, wrong } = readEventFields({ ...input, event_time: readTime(input.event_time) }, "");
  problems.push(...findUnstorable(input, "", ["user_data"]), ...refuseByProfile(input, fields, options));
  noteUnknownFields(input, notes);

  const action_source = fields.action_source ?? profile.default_action_source;
  const missing = (field: keyof EventFields) => fields[field] === undefined && !wrong.has(field);
  if (missing("event_name")) problems.push({ path: "event_name", message: "is required" });
  if (missing("event_time")) problems.push({ path: "event_time", message: "is required" });
  if (action_source === undefined && !wrong.has("action_source")) {
    problems.push({ path: "action_source", message: "is required" });
  }
  if (missing("user_data") && !profile.user_data_optional) problems.push({ path: "user_data", message: "is required" });

  const event_time = readEventTime(fields, action_source, now_ms, problems, notes);
  const event_source_url = readUrl(
    "event_source_url",
    fields.event_source_url ?? options.known?.event_source_url,
    notes,
  );
  const referrer_url = readUrl("referrer_url", fields.referrer_url, notes);
  const given = readCustomData(fields.custom_data ?? {});
  notes.push(...given.notes);
  for (const { path, message } of given.problems) {
    // Only what a Purchase cannot do without costs the event.
    const costs = fields.event_name === "Purchase" && DECISIVE.some((field) => path === `custom_data.${field}`);
    if (costs) problems.push({ path, message });
    else notes.push({ path, message: `${message} and was left out` });
  }
  if (fields.event_name === "Purchase" && !wrong.has("custom_data")) {
    for (const field of DECISIVE) {
      if (given.custom_data?.[field] !== undefined || given.wrong.has(field)) continue;
      problems.push({ path: `custom_data.${field}`, message: "is required for Purchase" });
    }
  }
  const consent = fields.consent === undefined ? undefined : readConsent(fields.consent, now_ms);
  if (consent !== undefined && "problems" in consent) problems.push(...consent.problems);

  const { user_data, click } = readPerson(fields, options, notes);
  if (action_source === "website") {
    if (event_source_url === undefined && !wrong.has("event_source_url")) {
      const message = fields.event_source_url === undefined
        ? "is required for website events"
        : "is not an http(s) address";
      problems.push({ path: "event_source_url", message });
    }
    if (user_data.client_user_agent === undefined) {
      problems.push({ path: "user_data.client_user_agent", message: "is required for website events" });
    }
  }
  if (!wrong.has("messaging_channel") && missing("messaging_channel") === (action_source === "business_messaging")) {
    problems.push({
      path: "messaging_channel",
      message: "goes with the action_source business_messaging, which needs it",
    });
  }
  const named = problems.some(({ path }) => path === "user_data");
  if (!named && !hasEnoughCustomerInformation(user_data)) {
    problems.push({
      path: "user_data",
      message: "does not tell enough about the customer for Meta to match the event",
    });
  }
  problems.push(...checkDataProcessing(fields, user_data.client_ip_address !== undefined));

  const { event_id, event_name } = fields;
  if (problems.length > 0 || event_name === undefined || event_time === undefined || action_source === undefined) {
    return { ok: false, event_id, event_name, problems, notes };
  }
  const content = {
    event_name,
    event_time,
    event_id: event_id ?? (options.newEventId?.() ?? crypto.randomUUID()),
    opt_out: fields.opt_out,
    data_processing_options: fields.data_processing_options,
    data_processing_options_country: fields.data_processing_options_country,
    data_processing_options_state: fields.data_processing_options_state,
    original_event_data: fields.original_event_data,
    customer_segmentation: fields.customer_segmentation,
    action_source,
    messaging_channel: fields.messaging_channel,
    event_source_url,
    referrer_url,
    custom_data: given.custom_data,
    attribution_data: fields.attribution_data && readPlainValues(fields.attribution_data, "attribution_data", notes),
  };
  const event = orderEvent(content, user_data);
  const state = consent !== undefined && "consent" in consent ? consent.consent : undefined;
  return { ok: true, event, consent: state, test_event_code: fields.test_event_code, click, notes };
}

function refuseByProfile(
  input: Readonly<Record<string, unknown>>,
  fields: EventFields,
  options: ValidateEventOptions,
): Note[] {
  const { profile, allowed_events } = options;
  const problems: Note[] = [];
  const { event_name, action_source } = fields;
  if (event_name !== undefined) {
    const allowed = allowed_events === undefined || allowed_events.includes(event_name);
    if (profile.refused_events.includes(event_name) || !allowed) {
      problems.push({ path: "event_name", message: `is not taken from a ${profile.name}` });
    }
  }
  if (action_source !== undefined && !profile.action_sources.includes(action_source)) {
    problems.push({ path: "action_source", message: `must be ${profile.action_sources.join(" or ")}` });
  }
  for (const field of profile.refused_fields) {
    if (isGiven(input[field])) {
      problems.push({ path: field, message: `is not taken from a ${profile.name}` });
    }
  }
  return problems;
}

function noteUnknownFields(input: Readonly<Record<string, unknown>>, notes: Note[]): void {
  for (const key of Object.keys(input)) {
    if (EVENT_FIELDS.has(key)) continue;
    const place = Object.hasOwn(MISPLACED, key) ? MISPLACED[key] : undefined;
    const belongs = place === undefined ? "" : `; it belongs in ${place}`;
    notes.push({ path: joinPath("", key), message: `is not a field of an event and was left out${belongs}` });
  }
}

function readEventTime(
  fields: EventFields,
  action_source: EventFields["action_source"],
  now_ms: number,
  problems: Note[],
  notes: Note[],
): number | undefined {
  if (fields.event_time === undefined) return undefined;
  const checked = checkEventTime(fields.event_time, action_source, now_ms);
  if ("refused" in checked) {
    problems.push({ path: "event_time", message: checked.refused });
    return undefined;
  }
  if (checked.ahead) notes.push({ path: "event_time", message: "is ahead of the server's clock and was set to now" });
  return checked.event_time;
}

/** Null and the empty text are absence. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function readUrl(field: "event_source_url" | "referrer_url", given: unknown, notes: Note[]): string | undefined {
  if (!isGiven(given)) return undefined;
  const clean = typeof given === "string" && given.length <= 8_000 ? cleanUrl(given) : undefined;
  if (clean === undefined) {
    notes.push({ path: field, message: "is not an http(s) address and was left out" });
    return undefined;
  }
  if (clean.cleaned) notes.push({ path: field, message: "contained personal data, which was taken out" });
  return clean.url;
}

let day = { of_ms: NaN, text: "" };

/** The day in UTC; the events of a request ask for the same one. */
function dayOf(now_ms: number): string {
  if (day.of_ms !== now_ms) day = { of_ms: now_ms, text: new Date(now_ms).toISOString().slice(0, 10) };
  return day.text;
}

function readPerson(
  fields: EventFields,
  options: ValidateEventOptions,
  notes: Note[],
): { user_data: UserData; click: Click | undefined } {
  const { profile, known, now_ms } = options;
  const input: Record<string, unknown> = { ...fields.user_data };
  for (const field of profile.ignored_user_data) {
    if (!isGiven(input[field])) continue;
    delete input[field];
    notes.push({ path: `user_data.${field}`, message: `is not taken from a ${profile.name} and was left out` });
  }
  for (const field of ["client_ip_address", "client_user_agent", "external_id"] as const) {
    // A server's own word stands; of a browser's nothing is left here.
    if (known?.[field] !== undefined && !isGiven(input[field])) input[field] = known[field];
  }
  // Of a browser the gateway knows the address; what a server names may be the last hop of its own network.
  const address = input.client_ip_address;
  if (profile.name === "server" && typeof address === "string" && isPrivateAddress(address.trim())) {
    delete input.client_ip_address;
    notes.push({ path: "user_data.client_ip_address", message: "is not an address of the internet and was left out" });
  }
  const built = buildUserData(input, {
    default_country: options.default_country,
    today: dayOf(now_ms),
    other_fields: CLICK_FIELDS,
  });
  notes.push(...built.notes);
  const click = findClick(fields, built.user_data.fbc, now_ms, notes);
  const fbc = click === undefined || !click.built ? undefined : buildFbc(click.fbclid, click.seen_at_ms);
  return { user_data: fbc === undefined ? built.user_data : orderUserData({ ...built.user_data, fbc }), click };
}
