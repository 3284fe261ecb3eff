/**
 * The Dataset Quality API: how well Meta recognises the people behind a pixel's website events, an element an event
 * name. An event without traffic is absent. Decoded leniently: a part that is missing or strange is left out, and
 * everything is kept as it came beside it.
 * https://developers.facebook.com/docs/marketing-api/conversions-api/dataset-quality-api
 *
 * @module
 */

import { buildFields, type FieldList } from "./field_list.ts";
import { transportError } from "./graph_answer.ts";
import type { GraphClient } from "./graph_client.ts";
import { isObject, type JsonObject, readDecimal, readText } from "./graph_values.ts";

/** What Meta says of the events of one name, with the columns of `ad_event_quality`. Percentages are 0 to 100. */
export interface EventQualityRow {
  /** Meta's name of the event. */
  event_name: string;
  /** 0 to 10, digit for digit; null where Meta gave none. */
  composite_score: string | null;
  /** Per cent of the events that carried each key. */
  match_key_coverage: Record<string, number>;
  /** Per cent of the browser's events that the server sent too; null where no Pixel runs. */
  event_coverage: string | null;
  /** What Meta wants that to be. */
  event_coverage_goal: string | null;
  /** By key of deduplication. */
  dedupe_key_feedback: Record<string, Record<string, number>>;
  /** How late events arrive, in Meta's words. */
  upload_frequency: string | null;
  /** What Meta finds wrong, as it came. */
  diagnostics: unknown[];
  /** The whole element, as it came. */
  raw: unknown;
}

/** What is asked of an event. */
export const EVENT_QUALITY_FIELDS: FieldList = {
  required: ["event_name"],
  optional: [
    "event_match_quality",
    "event_coverage",
    "dedupe_key_feedback",
    "data_freshness",
    "event_potential_aly_acr_increase",
    "acr",
  ],
};

const SHARE = "{percentage,description}";
/** Meta answers nested fields by name only. */
const NESTED: Readonly<Record<string, string>> = {
  event_match_quality: "{composite_score,match_key_feedback{identifier,coverage{percentage}," +
    `potential_aly_acr_increase${SHARE}},` +
    "diagnostics{name,description,solution,percentage,affected_event_count,total_event_count}}",
  event_coverage: `{percentage,goal_percentage,description,potential_aly_acr_increase${SHARE}}`,
  dedupe_key_feedback: `{dedupe_key,browser_events_with_dedupe_key${SHARE},server_events_with_dedupe_key${SHARE},` +
    `overall_browser_coverage_from_dedupe_key${SHARE}}`,
  data_freshness: "{upload_frequency,description}",
  event_potential_aly_acr_increase: SHARE,
  acr: SHARE,
};

/** Meta's figures of deduplication by one key. */
const DEDUPLICATION = [
  "browser_events_with_dedupe_key",
  "server_events_with_dedupe_key",
  "overall_browser_coverage_from_dedupe_key",
];

/** A JSON value that Postgres takes: text without NUL and halves of characters. */
function readJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readJson);
  if (!isObject(value)) return typeof value === "string" ? readText(value) : value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [readText(name) ?? "", readJson(inner)]));
}

const objectOf = (value: unknown): JsonObject => isObject(value) ? value : {};
const objectsOf = (value: unknown): JsonObject[] => Array.isArray(value) ? value.filter(isObject) : [];

function readPercentage(value: unknown): number | null {
  const text = readDecimal(objectOf(value).percentage);
  return text === null ? null : Number(text);
}

/** Figures by name, without those that are missing. */
function figures(entries: [name: unknown, percentage: number | null][]): Record<string, number> {
  return Object.fromEntries(
    entries.flatMap(([name, percentage]) =>
      typeof name === "string" && percentage !== null ? [[name, percentage] as const] : []
    ),
  );
}

/** Reads one element; null when it names no event. */
export function decodeEventQuality(value: unknown): EventQualityRow | null {
  const raw = readJson(value);
  if (!isObject(raw) || typeof raw.event_name !== "string" || raw.event_name === "") return null;
  const match = objectOf(raw.event_match_quality);
  const coverage = objectOf(raw.event_coverage);
  const feedback = objectsOf(match.match_key_feedback);
  // Meta's table of fields spells it without an e, its answers with one.
  const dedupe = objectsOf(raw.dedupe_key_feedback ?? raw.dedup_key_feedback);
  const { upload_frequency } = objectOf(raw.data_freshness);
  return {
    event_name: raw.event_name,
    composite_score: readDecimal(match.composite_score),
    match_key_coverage: figures(feedback.map((key) => [key.identifier, readPercentage(key.coverage)])),
    event_coverage: readDecimal(coverage.percentage),
    event_coverage_goal: readDecimal(coverage.goal_percentage),
    dedupe_key_feedback: Object.fromEntries(
      dedupe.filter((key) => typeof key.dedupe_key === "string").map((key) => [
        String(key.dedupe_key),
        figures(DEDUPLICATION.map((name) => [name, readPercentage(key[name])])),
      ]),
    ),
    upload_frequency: typeof upload_frequency === "string" ? upload_frequency : null,
    diagnostics: objectsOf(match.diagnostics),
    raw,
  };
}

/** What Meta says of a pixel. */
export interface DatasetQuality {
  /** One an event name, in Meta's order. */
  rows: EventQualityRow[];
  /** Size of the answer. */
  bytes: number;
}

/**
 * Reads what Meta says of the events of one pixel in the last seven days.
 *
 * @throws {GraphApiError} A token without the right answers so too: codes 10, 100, 190, 200.
 */
export async function fetchDatasetQuality(
  client: GraphClient,
  pixel_id: string,
  dropped_fields: readonly string[] = [],
): Promise<DatasetQuality> {
  const fields = buildFields(EVENT_QUALITY_FIELDS, dropped_fields).split(",")
    .map((field) => field + (NESTED[field] ?? "")).join(",");
  const { body, usage, bytes } = await client.get("dataset_quality", {
    dataset_id: pixel_id,
    fields: `web{${fields}}`,
  });
  if (!Array.isArray(body.web)) throw transportError("malformed_body", { http_status: 200, usage });
  return { rows: body.web.flatMap((element) => decodeEventQuality(element) ?? []), bytes };
}
