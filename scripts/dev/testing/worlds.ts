/**
 * Worlds of now in which no account's day ends while a test runs: its accounts lie where it is about noon.
 *
 * @module
 */

import { World } from "../../meta-emulator/mod.ts";

/** A time zone in which it is noon or some hours later, at most an hour past the full hour. */
export function noonZone(now: Date, later = 0): string {
  const hours = 12 + later - now.getUTCHours();
  const east = hours < -12 ? hours + 24 : hours;
  // POSIX counts to the west: Etc/GMT-7 is seven hours before Greenwich, as Jakarta is.
  return `Etc/GMT${east > 0 ? "-" : "+"}${Math.abs(east)}`;
}

/** The world that `plan` makes of now, its accounts in five time zones about noon. */
export function atNoon(plan: (now: Date) => World): World {
  const now = new Date();
  const { seed, accounts } = plan(now);
  return new World({
    seed,
    now,
    accounts: accounts.map(({ seq, plan }) => ({ ...plan, timezone_name: noonZone(now, seq % 5 - 2) })),
  });
}
