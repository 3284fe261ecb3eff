/**
 * How well Meta recognises the people behind the events: scores and coverage, the keys that the events carry, and what
 * Meta finds wrong.
 *
 * @module
 */

import type { EventRecognition } from "./data.ts";
import type { Section } from "./figures.ts";
import { escapeHtml, type Formats } from "./format.ts";
import { buildTable, emptyNote, makeTable } from "./table.ts";
import type { Column } from "./tables.ts";

/** Keys as a marketer says them. */
const KEYS: Readonly<Record<string, string>> = {
  email: "E-mail address",
  phone: "Phone number",
  first_name: "First name",
  last_name: "Last name",
  city: "City",
  state: "State or province",
  zip: "Postcode",
  country: "Country",
  date_of_birth: "Date of birth",
  gender: "Gender",
  external_id: "The shop’s user id",
  fb_login_id: "Facebook login",
  ip_address: "IP address",
  user_agent: "Browser’s name",
  fbc: "Ad click (fbc)",
  fbp: "Browser cookie (fbp)",
};

const portion = (percentage: number | null): number | null => percentage === null ? null : percentage / 100;

/** The columns of the events' table and file. */
export const RECOGNITION_COLUMNS: readonly Column<EventRecognition>[] = [
  { key: "event", title: "Event", value: (row) => row.event_name },
  { key: "pixel_id", title: "Pixel", value: (row) => row.pixel_id },
  { key: "date", title: "As of", value: (row) => row.date },
  { key: "match_quality", title: "Match quality, of 10", kind: "ratio", value: (row) => row.composite_score },
  { key: "match_quality_before", title: "In the week before", kind: "ratio", value: (row) => row.score_before },
  {
    key: "event_coverage",
    title: "Of the browser’s events, sent by the server too",
    kind: "share",
    value: (row) => portion(row.event_coverage),
  },
  { key: "event_coverage_goal", title: "Meta’s goal", kind: "share", value: (row) => portion(row.event_coverage_goal) },
  { key: "upload_frequency", title: "Arrives", value: (row) => row.upload_frequency?.replaceAll("_", " ") ?? null },
];

/** A line of the keys' file: one key of one event. */
export interface KeyLine {
  /** Meta's name of the event. */
  event_name: string;
  /** Meta's id of the pixel. */
  pixel_id: string;
  /** In the words of Meta's Dataset Quality API. */
  key: string;
  /** Per cent of the events that carried it, as Meta counts. */
  meta: number | null;
  /** The same of what the shop sent. */
  sent: number | null;
}

/** The columns of the keys' file. */
export const KEY_COLUMNS: readonly Column<KeyLine>[] = [
  { key: "event", value: (row) => row.event_name },
  { key: "pixel_id", value: (row) => row.pixel_id },
  { key: "key", value: (row) => row.key },
  { key: "carried_as_meta_counts", value: (row) => portion(row.meta) },
  { key: "carried_as_sent", value: (row) => portion(row.sent) },
];

/** The keys of all events, one under another. */
export function keyLines(events: readonly EventRecognition[]): KeyLine[] {
  return events.flatMap(({ event_name, pixel_id, keys }) => keys.map((key) => ({ event_name, pixel_id, ...key })));
}

function keysTable(events: readonly EventRecognition[], formats: Formats): string {
  const names = [...new Set(events.flatMap(({ keys }) => keys.map(({ key }) => key)))];
  if (names.length === 0) return "";
  const is_one_pixel = new Set(events.map(({ pixel_id }) => pixel_id)).size === 1;
  const share = (percentage: number | null) => formats.figure(portion(percentage), "share");
  return buildTable(
    "How many of the events carry each key: as Meta counts / as the shop sent them",
    [
      { title: "Key" },
      ...events.map(({ event_name, pixel_id }) => ({
        title: is_one_pixel ? event_name : `${event_name} (${pixel_id})`,
        kind: "share" as const,
      })),
    ],
    names.map((name) => [
      KEYS[name] ?? name,
      ...events.map(({ keys }) => {
        const found = keys.find(({ key }) => key === name);
        return found === undefined ? "–" : `${share(found.meta)} / ${share(found.sent)}`;
      }),
    ]),
  );
}

function diagnosticsList(events: readonly EventRecognition[]): string {
  const found = events.flatMap(({ event_name, diagnostics }) =>
    diagnostics.map(({ name, description, solution }) =>
      `<li class="warning"><strong>${escapeHtml(event_name)}: ${escapeHtml(name)}</strong> ${
        escapeHtml(description ?? "")
      } <span class="remedy">${escapeHtml(solution ?? "")}</span></li>`
    )
  );
  return found.length === 0 ? "" : `<ul class="alerts">${found.join("\n")}</ul>`;
}

/** Builds it. */
export function recognitionSection(events: readonly EventRecognition[], formats: Formats): Section {
  const place = { id: "recognition", title: "How well Meta recognises your buyers" };
  if (events.length === 0) {
    return {
      ...place,
      content: emptyNote(
        "Meta has said nothing of the events of these days. It is asked every night once events were sent to it.",
      ),
    };
  }
  const note = "Meta credits a sale to an ad where it recognises the buyer. The more keys an event carries, the " +
    "better; e-mail address, phone number and ad click count most. Figures are of the seven days before.";
  return {
    ...place,
    content: [
      `<p class="note">${escapeHtml(note)}</p>`,
      makeTable("What Meta says of each event", RECOGNITION_COLUMNS, events, formats),
      diagnosticsList(events),
      keysTable(events, formats),
    ].filter((part) => part !== "").join("\n"),
  };
}
