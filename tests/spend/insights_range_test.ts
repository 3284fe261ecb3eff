/**
 * Days as text: what is a day of the calendar, and which is the latest anywhere on earth.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { isDay, latestDay } from "../../shared/spend/insights_range.ts";

const DAYS: [string, boolean][] = [
  ["2026-11-22", true],
  ["2024-02-29", true],
  ["2026-02-29", false],
  ["2026-04-31", false],
  ["2026-13-01", false],
  ["2026-00-10", false],
  ["2026-1-1", false],
  ["0001-01-01", true],
  ["0000-01-01", false],
  ["20261122", false],
  ["2026-11-22T00:00:00Z", false],
  ["", false],
];

for (const [text, expected] of DAYS) {
  Deno.test(`\`isDay\` of ${JSON.stringify(text)} is ${expected}`, () => assertEquals(isDay(text), expected));
}

Deno.test("`latestDay` is tomorrow from 10:00 UTC on, when the next day begins in UTC+14", () => {
  assertEquals(latestDay(new Date("2026-11-22T09:59:59Z")), "2026-11-22");
  assertEquals(latestDay(new Date("2026-11-22T10:00:00Z")), "2026-11-23");
  assertEquals(latestDay(new Date("2026-12-31T12:00:00Z")), "2027-01-01");
});
