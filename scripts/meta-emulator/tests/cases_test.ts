/**
 * Holds the emulator to the checked-in cases, one test a case.
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { playCase, readCases } from "./case_files.ts";
import { catalogueKeys } from "../error_catalogue.ts";
import { readText } from "../json_value.ts";

const FILES = [
  "accounts",
  "lists",
  "errors",
  "usage_headers",
  "insights",
  "reports",
  "batch",
  "protocol",
  "events",
  "dataset_quality",
];

for (const file of FILES) {
  for (const each of readCases(file)) Deno.test(`case ${file}: ${each.name}`, () => playCase(each));
}

Deno.test("every case quotes a fact and where it stands", () => {
  for (const { file, name, content } of FILES.flatMap(readCases)) {
    assert(readText(content, "fact"), `${file}: ${name} quotes no fact`);
    assert(readText(content, "source"), `${file}: ${name} names no source`);
  }
});

Deno.test("every catalogued Marketing API error has a case", () => {
  const named = new Set(readCases("errors").map(({ name }) => name.replace(/^error /, "")));
  const capiOnly = (key: string): boolean => key.startsWith("100/28040") || ["5000", "21009"].includes(key);
  const generic = ["190", "100/parameter"];
  const missing = catalogueKeys().filter((key) => !named.has(key) && !capiOnly(key) && !generic.includes(key));
  assertEquals(missing, []);
});
