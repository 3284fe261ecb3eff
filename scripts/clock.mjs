// PLATFORM_CLOCK gives a command, and everything that it starts, another day: `PLATFORM_CLOCK=2027-02-28 npm test`, or
// "2026-12-31 23:50:00"; the time is UTC. Debian's datefudge moves Node, Deno, Chromium and PostgreSQL. It does not
// move static programs: PostgREST and the Supabase CLI see the machine's time. Nor does it move timers. Not faketime,
// which wraps waiting too: a signal that comes while PostgreSQL waits then sees the machine's time, and no time-out
// ever ends.

import { existsSync } from "node:fs";

const FORM = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?)Z?)?$/;
const ARCHITECTURES = { x64: "x86_64", arm64: "aarch64" };

function refuse(message) {
  console.error(message);
  process.exit(1);
}

/** The milliseconds since 1970 that a PLATFORM_CLOCK names, or NaN. */
function readClock(text) {
  const [, day = "", time = "00:00"] = FORM.exec(text) ?? [];
  const at = Date.parse(`${day}T${time}Z`);
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== day ? NaN : at;
}

/**
 * What PLATFORM_CLOCK adds to an environment; ends the process when it cannot. The clock is moved by the same seconds
 * in every process, so all agree on the time, whenever they start.
 */
export function clockEnvironment({ PLATFORM_CLOCK: text, LD_PRELOAD: other, DATEFUDGE: moved }) {
  // A command that a moved one starts is moved already.
  if (!text || moved) return {};
  const at = readClock(text);
  if (Number.isNaN(at)) {
    refuse(`PLATFORM_CLOCK is "${text}"; it must be like 2027-02-28 or "2026-12-31 23:50:00", in UTC.`);
  }
  const library = `/usr/lib/${ARCHITECTURES[process.arch]}-linux-gnu/datefudge/datefudge.so`;
  if (!existsSync(library)) refuse(`PLATFORM_CLOCK needs ${library}, which is not there: apt-get install datefudge.`);
  const behind = Math.round((Date.now() - at) / 1000);
  return { LD_PRELOAD: other ? `${library}:${other}` : library, DATEFUDGE: String(behind) };
}
