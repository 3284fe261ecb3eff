/**
 * Taking events in: validate, normalise, hash, store in one call, and say of each what became of it. Nothing is sent
 * here; whoever answers starts a dispatch in the background.
 *
 * @module
 */

import { buildTouchpoint } from "../attribution/touchpoint.ts";
import type { EventRow } from "../database/events.ts";
import type { Database } from "../database/rpc.ts";
import { RequestError } from "../errors.ts";
import { type CallerProfile } from "./event/caller_profile.ts";
import { withFirstSeen } from "./event/click.ts";
import { locateProblems, validateEvents } from "./event/validate_events.ts";
import type { AcceptedEvent, RefusedEvent, ValidatedEvent } from "./event/validate_event.ts";
import type { Note } from "../user_data/normalised.ts";
import { buildEventRow } from "./event_row.ts";
import { storeBrowserEvents, storeServerEvents } from "./store_events.ts";

/** Who sends, and under which conditions. */
export interface TakeOptions {
  /** Where events are stored. */
  database: Database;
  /** The present, in milliseconds since 1970. */
  now_ms: number;
  /** What this caller may send. */
  profile: CallerProfile;
  /** Where the events will go. */
  pixel_ids: string[];
  /** Whether anything but granted is suppressed. */
  require_consent: boolean;
  /** For phone numbers without a country code. */
  default_country: string | null;
  /** `META_TEST_EVENT_CODE`; every answer then says that such events count. */
  test_event_code: string | null;
  /** The verified user; null without one. */
  user_id: string | null;
  /** The browser's address as the platform saw it; null when unknown. */
  client_ip_address: string | null;
  /** The browser's user agent; null when unknown. */
  client_user_agent: string | null;
}

/** What became of one event. */
export interface EventAnswer {
  /** As given, or as made here; null where a refused event had none. */
  event_id: string | null;
  /** `accepted`: stored, will be sent; `duplicate`: known already; `suppressed`: no consent; `refused`: see `notes`. */
  status: "accepted" | "duplicate" | "suppressed" | "refused";
  /** What was left out or replaced, and why; of a refused event what is wrong with it. By path. */
  notes?: Note[];
}

const MAX_DETAILS = 100;
const MAX_URL_LENGTH = 8_000;
const TEST_NOTE: Note = {
  path: "test_event_code",
  message: "META_TEST_EVENT_CODE is set: test events are shown in Meta's Test Events AND are counted like any other",
};

/** What became of the events of a request, in their order. */
interface Batch {
  validated: ValidatedEvent[];
  /** The body was a list, so paths name the place in it. */
  is_list: boolean;
}

function validate(body: Record<string, unknown>, options: TakeOptions): Batch {
  const { profile } = options;
  const fromBrowser = profile.name === "browser";
  const known = {
    ...(fromBrowser && options.client_ip_address !== null ? { client_ip_address: options.client_ip_address } : {}),
    ...(fromBrowser && options.client_user_agent !== null ? { client_user_agent: options.client_user_agent } : {}),
    ...(options.user_id === null ? {} : { external_id: options.user_id }),
  };
  const result = validateEvents(body, {
    now_ms: options.now_ms,
    profile,
    known,
    ...(options.default_country === null ? {} : { default_country: options.default_country }),
  });
  if ("problems" in result) throw refuseAll(result.problems);
  return { validated: withFirstSights(result.events), is_list: "events" in body };
}

/**
 * Events of one browser that carry the same click id describe one click; what other requests said of it the database
 * knows.
 */
function withFirstSights(events: ValidatedEvent[]): ValidatedEvent[] {
  const first = new Map<string, number>();
  const clickOf = ({ click, event }: AcceptedEvent) => `${click?.fbclid} ${event.user_data.fbp}`;
  for (const event of events) {
    if (!event.ok || event.click === undefined) continue;
    const key = clickOf(event);
    first.set(key, Math.min(first.get(key) ?? Infinity, event.click.seen_at_ms));
  }
  if (first.size === 0) return events;
  return events.map((taken) => {
    if (!taken.ok) return taken;
    const event = withFirstSeen(taken.event, taken.click, first.get(clickOf(taken)) ?? Infinity);
    return event === taken.event ? taken : { ...taken, event };
  });
}

function refuseAll(problems: readonly Note[]): RequestError {
  const details = problems.slice(0, MAX_DETAILS).map(({ path, message }) => ({ path, message }));
  return new RequestError("invalid_field", "No event of this request can be taken.", { details });
}

function problemsOf(refused: RefusedEvent, index: number, is_list: boolean): Note[] {
  return is_list ? locateProblems(refused.problems, index) : refused.problems;
}

function notesOf(notes: readonly Note[], options: TakeOptions): { notes?: Note[] } {
  const first = notes.slice(0, MAX_DETAILS);
  const all = options.test_event_code === null ? first : [...first, TEST_NOTE];
  return all.length === 0 ? {} : { notes: all };
}

const NOT_ALLOWED: Note = { path: "event_name", message: "is not taken from a browser" };

/** The answers to a batch, and whether anything waits to be sent. */
export interface TakenEvents {
  /** One for each event, in the order given. */
  answers: EventAnswer[];
  /** Whether a dispatch has something to do. */
  any_to_send: boolean;
}

/**
 * Takes the events of a request.
 *
 * @throws {RequestError} 400 when none is good, naming every wrong field; 429 when a limit of browsers is spent.
 * Denials among them count all the same, unless it is the visitor's own limit.
 */
export async function takeEvents(
  body: Record<string, unknown>,
  options: TakeOptions,
  measure: <Result>(work: () => Result) => Result,
): Promise<TakenEvents> {
  const { rows, validated, is_list } = measure(() => {
    const batch = validate(body, options);
    const trusted = options.profile.name === "server";
    const inputs: unknown[] = Array.isArray(body.events) ? body.events : [body];
    const rows = batch.validated.flatMap((event, index) =>
      event.ok ? [withClick(buildEventRow(event, trusted), event, inputs[index], options)] : []
    );
    return { ...batch, rows };
  });
  const store = options.profile.name === "browser" ? storeBrowserEvents : storeServerEvents;
  const statuses = rows.length === 0 ? [] : await store(rows, options);

  let next = 0;
  const problems: Note[] = [];
  const answers = validated.map((event, index): EventAnswer => {
    const status = event.ok ? statuses[next++] : "refused";
    if (event.ok && status !== "refused") {
      const answered = status === "stored" ? "accepted" : status ?? "duplicate";
      return { event_id: event.event.event_id, status: answered, ...notesOf(event.notes, options) };
    }
    const refused: RefusedEvent = event.ok
      ? { ok: false, event_id: event.event.event_id, event_name: undefined, problems: [NOT_ALLOWED], notes: [] }
      : event;
    const notes = problemsOf(refused, index, is_list);
    problems.push(...notes);
    return { event_id: refused.event_id ?? null, status: "refused", notes: notes.slice(0, MAX_DETAILS) };
  });
  if (answers.every((answer) => answer.status === "refused")) throw refuseAll(problems);
  return { answers, any_to_send: statuses.includes("stored") };
}

/**
 * Adds what the event says of an ad click, by the page's address as it came: a long id may look like a phone number.
 */
function withClick(given: EventRow, accepted: AcceptedEvent, input: unknown, options: TakeOptions): EventRow {
  const row = accepted.click?.built === true ? { ...given, fbc_is_built: true } : given;
  const page_url: unknown = typeof input === "object" && input !== null ? Reflect.get(input, "event_source_url") : null;
  const touchpoint = buildTouchpoint(accepted.event, {
    now_ms: options.now_ms,
    reported_by: options.profile.name === "server" ? "server" : options.user_id === null ? "browser" : "user",
    click: accepted.click,
    ...(typeof page_url === "string" && page_url.length <= MAX_URL_LENGTH ? { page_url } : {}),
    ...(row.user_digest === null ? {} : { user_digest: row.user_digest }),
    ...(row.browser_digest === null ? {} : { browser_digest: row.browser_digest }),
  });
  return touchpoint === null ? row : { ...row, touchpoint };
}
