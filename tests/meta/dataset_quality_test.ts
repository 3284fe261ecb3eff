/**
 * The answer of Meta's Dataset Quality API: read leniently, for it was never tried against the real Meta.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { decodeEventQuality } from "../../shared/meta/dataset_quality.ts";

const NOTHING = {
  composite_score: null,
  match_key_coverage: {},
  event_coverage: null,
  event_coverage_goal: null,
  dedupe_key_feedback: {},
  upload_frequency: null,
  diagnostics: [],
};

Deno.test("everything that Meta says of an event is read, and kept as it came", () => {
  const raw = {
    event_name: "Purchase",
    event_match_quality: {
      composite_score: 7.4,
      match_key_feedback: [
        { identifier: "email", coverage: { percentage: 98.1 } },
        { identifier: "fbc", coverage: { percentage: "41" }, potential_aly_acr_increase: { percentage: 3 } },
      ],
      diagnostics: [{
        name: "Server sending mismatched IP addresses",
        solution: "Send the buyer's.",
        percentage: 12.5,
      }],
    },
    event_coverage: { percentage: 34.1, goal_percentage: 75, description: "..." },
    dedupe_key_feedback: [{
      dedupe_key: "event_id",
      browser_events_with_dedupe_key: { percentage: 100 },
      server_events_with_dedupe_key: { percentage: 100 },
      overall_browser_coverage_from_dedupe_key: { percentage: 33 },
    }],
    data_freshness: { upload_frequency: "real_time" },
    acr: { percentage: 5 },
  };
  assertEquals(decodeEventQuality(raw), {
    event_name: "Purchase",
    composite_score: "7.4",
    match_key_coverage: { email: 98.1, fbc: 41 },
    event_coverage: "34.1",
    event_coverage_goal: "75",
    dedupe_key_feedback: {
      event_id: {
        browser_events_with_dedupe_key: 100,
        server_events_with_dedupe_key: 100,
        overall_browser_coverage_from_dedupe_key: 33,
      },
    },
    upload_frequency: "real_time",
    diagnostics: raw.event_match_quality.diagnostics,
    raw,
  });
});

Deno.test("a part that is absent or strange costs nothing but itself", () => {
  assertEquals(decodeEventQuality({ event_name: "Lead" }), {
    event_name: "Lead",
    ...NOTHING,
    raw: { event_name: "Lead" },
  });
  const odd = {
    event_name: "Lead",
    event_match_quality: {
      composite_score: "n/a",
      match_key_feedback: [null, { identifier: 7 }, { identifier: "fbp", coverage: {} }],
      diagnostics: "none",
    },
    event_coverage: [],
    dedup_key_feedback: [{ dedupe_key: "fbp", server_events_with_dedupe_key: { percentage: 50 } }, {
      dedupe_key: null,
    }],
    data_freshness: { upload_frequency: 24 },
  };
  assertEquals(decodeEventQuality(odd), {
    event_name: "Lead",
    ...NOTHING,
    dedupe_key_feedback: { fbp: { server_events_with_dedupe_key: 50 } },
    raw: odd,
  });
});

Deno.test("what names no event is left out, and text is such as Postgres takes", () => {
  assertEquals([null, [], {}, { event_name: "" }, { event_name: 7 }].map(decodeEventQuality), Array(5).fill(null));
  const row = decodeEventQuality({
    event_name: "Le\u0000ad",
    event_match_quality: { diagnostics: [{ name: "\ud83d" }] },
  });
  assertEquals([row?.event_name, row?.diagnostics], ["Lead", [{ name: "\ufffd" }]]);
});
