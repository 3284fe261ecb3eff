/**
 * One readable line of a targeting or a creative: deterministic, at most 500 characters, whole characters only.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { buildCreativeSummary } from "../../shared/meta/creative_summary.ts";
import { buildFields, nextDroppedFields, optionalFields } from "../../shared/meta/field_list.ts";
import { cutLine, oneLine } from "../../shared/meta/summary_line.ts";
import { buildTargetingSummary } from "../../shared/meta/targeting_summary.ts";

const FAMILY = "👨‍👩‍👧‍👦";

Deno.test("buildTargetingSummary() describes places, ages, genders, interests, audiences and placements", () => {
  const targeting = {
    geo_locations: {
      countries: ["PH", "ID"],
      cities: [{ key: "1", name: "Jakarta", radius: 25, distance_unit: "kilometer" }, { name: "Cebu" }],
      regions: [{ key: "3", name: "Bali" }],
    },
    excluded_geo_locations: { countries: ["SG"] },
    age_min: 18,
    age_max: 45,
    genders: [2],
    flexible_spec: [
      { interests: [{ id: "1", name: "Shoes" }, { id: "2", name: "Coffee" }] },
      { behaviors: [{ id: "3", name: "Engaged shoppers" }] },
    ],
    custom_audiences: [{ id: "5", name: "Buyers" }, { id: "6" }],
    excluded_custom_audiences: [{ id: "7", name: "Staff" }],
    publisher_platforms: ["instagram", "facebook"],
    targeting_automation: { advantage_audience: 1 },
  };
  const expected = "Bali, Cebu, ID, Jakarta (+25 km), PH · not in SG · 18–45 · women · " +
    "likes Coffee, Shoes and Engaged shoppers · audiences 6, Buyers · without Staff · on facebook, instagram · " +
    "Advantage+ audience";
  assertEquals(buildTargetingSummary(targeting), expected);
});

Deno.test("buildTargetingSummary() is the same for the same targeting in another order", () => {
  const one = {
    geo_locations: { countries: ["ID", "PH"] },
    flexible_spec: [{ interests: [{ name: "a" }] }, { interests: [{ name: "b" }] }],
  };
  const two = {
    flexible_spec: [{ interests: [{ name: "b" }] }, { interests: [{ name: "a" }] }],
    geo_locations: { countries: ["PH", "ID"] },
  };
  assertEquals(buildTargetingSummary(one), "ID, PH · likes a and b");
  assertEquals(buildTargetingSummary(two), "ID, PH · likes a and b");
});

const SMALL: [unknown, string | null][] = [
  [undefined, null],
  [null, null],
  ["text", null],
  [{}, "everyone"],
  [{ age_min: 21 }, "21–65+"],
  [{ age_max: 65 }, "13–65+"],
  [{ genders: [1] }, "men"],
  [{ genders: [1, 2] }, "everyone"],
  [{ genders: [] }, "everyone"],
  [{ geo_locations: { countries: "ID" } }, "everyone"],
  [{ geo_locations: { cities: [{ name: "Reno", radius: 10, distance_unit: "mile" }] } }, "Reno (+10 mi)"],
  [{ interests: [{ name: "コーヒー" }, { name: "コーヒー" }] }, "likes コーヒー"],
  [{ locales: [24, 6] }, "languages 24, 6"],
];
for (const [targeting, expected] of SMALL) {
  Deno.test(`buildTargetingSummary() makes ${expected} of ${JSON.stringify(targeting)}`, () => {
    assertEquals(buildTargetingSummary(targeting), expected);
  });
}

Deno.test("buildTargetingSummary() counts what it does not name", () => {
  const countries = Array.from({ length: 25 }, (_, index) => `C${String(index).padStart(2, "0")}`);
  const line = buildTargetingSummary({ geo_locations: { countries } });
  assert(line?.startsWith("C00, C01, C02"));
  assert(line?.endsWith("C19, +5 more"));
});

Deno.test("buildTargetingSummary() stays on one line of at most 500 characters", () => {
  const interests = Array.from(
    { length: 15 },
    (_, index) => ({ name: `${FAMILY} long\nname ${index} ${"x".repeat(40)}` }),
  );
  const line = buildTargetingSummary({ interests }) ?? "";
  assert(line.length <= 500 && !line.includes("\n") && line.endsWith("…") && line.isWellFormed());
});

const CREATIVES: [unknown, string | null][] = [
  [undefined, null],
  [{}, null],
  [{ id: "1" }, null],
  [{ id: "1", name: "Video 3" }, "Video 3"],
  [{ title: "Kopi", body: "Segar", name: "ignored" }, "Kopi · Segar"],
  [{ title: "Kopi", call_to_action_type: "NO_BUTTON", object_type: "SHARE" }, "Kopi · (share)"],
  [
    { body: "Line one\n\n\tline  two\u2028three", call_to_action_type: "LEARN_MORE" },
    "Line one line two three · [learn more]",
  ],
  [
    { object_story_spec: { link_data: { name: "Judul", message: "Pesan", call_to_action: { type: "SHOP_NOW" } } } },
    "Judul · Pesan · [shop now]",
  ],
];
for (const [creative, expected] of CREATIVES) {
  Deno.test(`buildCreativeSummary() makes ${expected} of ${JSON.stringify(creative)}`, () => {
    assertEquals(buildCreativeSummary(creative), expected);
  });
}

Deno.test("cutLine() never cuts inside a character as a reader sees it", () => {
  assertEquals(cutLine("abc", 3), "abc");
  assertEquals(cutLine("abcd", 3), "ab…");
  // The family is 11 units long: at 12 it fits whole beside the mark, at 11 not at all.
  assertEquals(cutLine(`${FAMILY}abc`, 12), `${FAMILY}…`);
  assertEquals(cutLine(`${FAMILY}abc`, 11), "…");
  assertEquals(cutLine("e\u0301e\u0301e\u0301", 4), "e\u0301…");
  assertEquals(cutLine("🎄🎄🎄", 4), "🎄…");
  assertEquals(cutLine(`abcd${FAMILY}efg`, 10), "abcd…");
  assertEquals(cutLine("abcde\u0301fgh", 6), "abcd…");
  assertEquals(cutLine("abcde\u0301fgh", 7), "abcde\u0301…");
});

Deno.test("cutLine() survives a character longer than the limit", () => {
  assertEquals(cutLine("a" + "\u0301".repeat(2000), 500), "…");
});

Deno.test("oneLine() drops what Postgres refuses and mends half characters", () => {
  assertEquals(oneLine(" a\u0000b\u0007 \r\n c\ud83d "), "ab c\ufffd");
  assertEquals(oneLine(5), "");
});

const LIST = {
  required: ["id", "name"],
  optional: ["creative", "reach"],
  nested: { creative: ["id", "body", "title"] },
};

Deno.test("buildFields() leaves out optional fields that were refused, never required ones", () => {
  assertEquals(buildFields(LIST), "id,name,creative{id,body,title},reach");
  assertEquals(buildFields(LIST, ["body", "name", "id"]), "id,name,creative{id,title},reach");
  assertEquals(buildFields(LIST, ["creative"]), "id,name,reach");
  assertEquals(buildFields(LIST, optionalFields(LIST)), "id,name");
});

Deno.test("nextDroppedFields() drops the named field, else all optional ones, and then gives up", () => {
  assertEquals(nextDroppedFields(LIST, [], "reach"), ["reach"]);
  assertEquals(nextDroppedFields(LIST, ["reach"], "body"), ["reach", "body"]);
  assertEquals(nextDroppedFields(LIST, [], "name"), ["creative", "reach", "body", "title"]);
  assertEquals(nextDroppedFields(LIST, ["reach"], null), ["reach", "creative", "body", "title"]);
  assertEquals(nextDroppedFields(LIST, ["creative", "reach", "body", "title"], null), null);
});
