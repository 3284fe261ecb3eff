/**
 * What the invented world looks like on different days: the same, seen from its own today. Only what a calendar does of
 * itself, the dates and the clock changes, is different.
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dayText, localDay } from "../calendar.ts";
import { type AdAccount, currenciesWorld, trueRows, type World } from "../mod.ts";

const DAY_MS = 86_400_000;

/** The end of a year, of two Februaries, and the days on which New York changes its clocks. */
const INSTANTS = [
  "2026-11-22T04:00:00Z",
  "2026-12-31T23:59:59Z",
  "2027-01-01T00:00:00Z",
  "2027-02-28T12:00:00Z",
  "2027-03-14T06:59:59Z",
  "2027-03-14T07:00:00Z",
  "2027-11-07T05:59:59Z",
  "2027-11-07T06:00:00Z",
  "2028-02-29T16:59:59Z",
  "2028-02-29T17:00:00Z",
].map((instant) => new Date(instant));

/** The trees, with ages for times, and 120 days of figures, with distances for dates. */
function seenFromToday(world: World, now: Date): unknown {
  const age = (seconds: number | null): number | null => seconds === null ? null : now.getTime() / 1000 - seconds;
  return world.accounts.map((account) => {
    const today = localDay(account.plan.timezone_name, now.getTime());
    return {
      ads: account.ads.map(({ adset, first_day, last_day, created, updated, ...ad }) => ({
        ...ad,
        ages: [created, updated, adset.start, adset.stop, adset.campaign.start, adset.campaign.stop].map(age),
        days: [today - first_day, last_day > today ? null : today - last_day],
      })),
      rows: rowsSeenFromToday(account, today, now),
    };
  });
}

function rowsSeenFromToday(account: AdAccount, today: number, now: Date): unknown {
  return Array.from({ length: 120 }, (_, ago) => {
    const day = dayText(today - ago);
    return [...trueRows(account, day, day, now.getTime())].map(({ date: _date, ...row }) => row);
  });
}

Deno.test("a world is the same on every day, seen from its own today", () => {
  const [first = new Date(NaN), ...others] = INSTANTS;
  const expected = seenFromToday(currenciesWorld(first), first);
  for (const now of others) assertEquals(seenFromToday(currenciesWorld(now), now), expected, now.toISOString());
});

Deno.test("a world's days stay as they are when its clock goes on", () => {
  const now = new Date("2027-02-28T12:00:00Z");
  const later = now.getTime() + 2 * DAY_MS;
  for (const account of currenciesWorld(now).accounts) {
    const range = ["2027-01-01", "2027-02-27"] as const;
    assertEquals([...trueRows(account, ...range, later)], [...trueRows(account, ...range, now.getTime())]);
    assert([...trueRows(account, "2027-03-02", "2027-03-02", later)].length > 0, "the days to come have figures too");
  }
});
