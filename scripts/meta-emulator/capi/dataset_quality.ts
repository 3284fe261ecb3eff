/**
 * `GET /dataset_quality`: what Events Manager shows of a pixel's server events, computed from the website events that
 * the emulator took in the last seven days of its clock. An event without traffic is absent. Which keys were sent, how
 * often and how late is told as it was; the score that follows is invented (Meta does not publish its own).
 * https://developers.facebook.com/docs/marketing-api/conversions-api/dataset-quality-api
 * @module
 */

import type { GraphContext, Visit } from "../context.ts";
import { type FieldRequest, nonexistentField, requestedFields } from "../fields.ts";
import type { GraphAnswer } from "../graph_call.ts";
import { invalidParameter } from "../graph_error.ts";
import { isRecord, type JsonRecord, type JsonValue, readText } from "../json_value.ts";
import { requirePixel } from "../objects.ts";
import type { QualityPlan, ReceivedEvent } from "./capi_store.ts";

const DAYS = 7;
const DAY_MS = 86_400_000;
const COVERAGE_GOAL = 75;
const DEDUPLICATION_KEYS = ["event_id", "external_id", "fbp"];

/** Meta's name of each parameter, and what it weighs in the score, in tenths of 100. */
const IDENTIFIERS: Record<string, [identifier: string, weight: number]> = {
  em: ["email", 25],
  ph: ["phone", 20],
  fbc: ["fbc", 15],
  external_id: ["external_id", 10],
  fbp: ["fbp", 5],
  client_ip_address: ["ip_address", 5],
  client_user_agent: ["user_agent", 5],
  fn: ["first_name", 3],
  ln: ["last_name", 3],
  ct: ["city", 2],
  zp: ["zip", 2],
  country: ["country", 2],
  db: ["date_of_birth", 2],
  st: ["state", 1],
  ge: ["gender", 0],
  fb_login_id: ["fb_login_id", 0],
};

/** The fields that may be asked for; a text is a value, a record what lies in it. */
interface Shape {
  [field: string]: Shape | "value";
}
const SHARE: Shape = { percentage: "value", description: "value" };
const WEB: Shape = {
  event_name: "value",
  event_match_quality: {
    composite_score: "value",
    match_key_feedback: { identifier: "value", coverage: SHARE, potential_aly_acr_increase: SHARE },
    diagnostics: {
      name: "value",
      description: "value",
      solution: "value",
      percentage: "value",
      affected_event_count: "value",
      total_event_count: "value",
    },
  },
  event_coverage: { ...SHARE, goal_percentage: "value", potential_aly_acr_increase: SHARE },
  dedupe_key_feedback: {
    dedupe_key: "value",
    browser_events_with_dedupe_key: SHARE,
    server_events_with_dedupe_key: SHARE,
    overall_browser_coverage_from_dedupe_key: SHARE,
  },
  data_freshness: { upload_frequency: "value", description: "value" },
  event_potential_aly_acr_increase: SHARE,
  acr: SHARE,
};

/** Answers for one pixel; `web` is the only tree, and must be asked for. */
export function readDatasetQuality(context: GraphContext, visit: Visit): GraphAnswer {
  const { params } = visit.call;
  const dataset = readText(params, "dataset_id");
  if (dataset === undefined) throw invalidParameter("The parameter dataset_id is required");
  requirePixel(context, visit, dataset);
  const fields = requestedFields(visit.call);
  const web = fields.find(({ name }) => name === "web");
  if (!web) throw invalidParameter("The parameter fields must ask for web");
  const unknown = fields.find(({ name }) => name !== "web");
  if (unknown) throw nonexistentField(unknown.name, "DatasetQuality");
  requireKnown(WEB, web.children);
  const events = describeEvents(context, dataset, readText(params, "agent_name"));
  return { status: 200, body: { web: events.map((event) => choose(event, web.children)) } };
}

function requireKnown(shape: Shape | "value", asked: FieldRequest[]): void {
  for (const { name, children } of asked) {
    const inner = shape !== "value" && Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (inner === undefined) throw nonexistentField(name, "DatasetQuality");
    requireKnown(inner, children);
  }
}

/** Leaves of a value what was asked for; everything where nothing was. */
function choose(value: JsonValue, asked: FieldRequest[]): JsonValue {
  if (Array.isArray(value)) return value.map((item) => choose(item, asked));
  if (!isRecord(value) || asked.length === 0) return value;
  const chosen: JsonRecord = {};
  for (const { name, children } of asked) {
    const found = value[name];
    if (found !== undefined) chosen[name] = choose(found, children);
  }
  return chosen;
}

function describeEvents(context: GraphContext, pixel: string, agent: string | undefined): JsonRecord[] {
  const { capi, clock } = context;
  const since = clock.now() - DAYS * DAY_MS;
  const byName = new Map<string, ReceivedEvent[]>();
  for (const received of capi.events) {
    if (received.pixel !== pixel || received.received_at < since || received.vanished) continue;
    if (received.event["action_source"] !== "website") continue;
    if (agent !== undefined && received.partner_agent !== agent.toLowerCase()) continue;
    const name = String(received.event["event_name"]);
    byName.set(name, [...byName.get(name) ?? [], received]);
  }
  return [...byName].sort(([left], [right]) => left < right ? -1 : 1)
    .map(([name, events]) => describeEvent(name, events, capi.qualityOf(pixel, name)));
}

function describeEvent(event_name: string, received: ReceivedEvent[], plan: QualityPlan): JsonRecord {
  const people = received.map(({ event }) => isRecord(event["user_data"]) ? event["user_data"] : {});
  const shares = Object.keys(IDENTIFIERS).map((key) => [key, shareOf(people, key)] as const);
  const carried = shares.filter(([, share]) => share > 0);
  const score = carried.reduce((sum, [key, share]) => sum + (IDENTIFIERS[key]?.[1] ?? 0) * share / 100, 0) / 10;
  return {
    event_name,
    event_match_quality: {
      composite_score: rounded(score),
      match_key_feedback: carried.map(([key, percentage]) => ({
        identifier: IDENTIFIERS[key]?.[0] ?? key,
        coverage: { percentage },
      })),
      diagnostics: plan.diagnostics ?? [],
    },
    ...(plan.browser_events === undefined ? {} : describeCoverage(received, plan.browser_events)),
    data_freshness: describeFreshness(received),
  };
}

function describeCoverage(received: ReceivedEvent[], browserEvents: number): JsonRecord {
  const covered = (count: number): number =>
    browserEvents === 0 ? 0 : Math.min(100, rounded(count * 100 / browserEvents));
  const holders = received.map(({ event }) => ({
    ...(isRecord(event["user_data"]) ? event["user_data"] : {}),
    ...event,
  }));
  return {
    event_coverage: {
      percentage: covered(received.length),
      goal_percentage: COVERAGE_GOAL,
      description: "Share of the Pixel's events that the server sent too.",
    },
    dedupe_key_feedback: DEDUPLICATION_KEYS.filter((key) => shareOf(holders, key) > 0).map((dedupe_key) => ({
      dedupe_key,
      browser_events_with_dedupe_key: { percentage: 100 },
      server_events_with_dedupe_key: { percentage: shareOf(holders, dedupe_key) },
      overall_browser_coverage_from_dedupe_key: {
        percentage: covered(holders.filter((holder) => isCarried(holder[dedupe_key])).length),
      },
    })),
  };
}

function describeFreshness(received: ReceivedEvent[]): JsonRecord {
  const delays = received.map(({ received_at, event }) => received_at - Number(event["event_time"]) * 1000);
  const middle = delays.sort((left, right) => left - right)[Math.floor(delays.length / 2)] ?? 0;
  const upload_frequency = middle < 3_600_000 ? "real_time" : middle < DAY_MS ? "hourly" : "daily";
  return { upload_frequency, description: "How long after they happen events arrive." };
}

function isCarried(value: JsonValue | undefined): boolean {
  if (Array.isArray(value)) return value.some(isCarried);
  return value !== undefined && value !== null && value !== "";
}

function shareOf(holders: JsonRecord[], key: string): number {
  return rounded(holders.filter((holder) => isCarried(holder[key])).length * 100 / holders.length);
}

/** One decimal, as Meta has. */
function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
