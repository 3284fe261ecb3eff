/**
 * Local days and local times of an ad account. A day is a count of days since 1970-01-01 in the account's own calendar,
 * so that arithmetic on days never meets a clock change.
 * @module
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    calendar: "gregory",
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  formats.set(zone, format);
  return format;
}

/** Returns the offset from UTC in minutes that a zone has at an instant. Kept per quarter of an hour. */
export function offsetMinutes(zone: string, instantMs: number): number {
  const slot = Math.floor(instantMs / (HOUR_MS / 4));
  const key = `${zone}|${slot}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  const at = slot * (HOUR_MS / 4);
  const part = (type: string, parts: Intl.DateTimeFormatPart[]): number =>
    Number(parts.find((candidate) => candidate.type === type)?.value ?? 0);
  const parts = formatOf(zone).formatToParts(new Date(at));
  const local = Date.UTC(
    part("year", parts),
    part("month", parts) - 1,
    part("day", parts),
    part("hour", parts),
    part("minute", parts),
    part("second", parts),
  );
  const minutes = Math.round((local - at) / 60_000);
  if (offsets.size > 200_000) offsets.clear();
  offsets.set(key, minutes);
  return minutes;
}

/** Returns the local day number of an instant in a zone. */
export function localDay(zone: string, instantMs: number): number {
  return Math.floor((instantMs + offsetMinutes(zone, instantMs) * 60_000) / DAY_MS);
}

/** Writes a day number as `YYYY-MM-DD`. */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** Reads `YYYY-MM-DD` as a day number; `undefined` for anything else, 31 February included. */
export function parseDay(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const milliseconds = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(milliseconds)) return undefined;
  const day = milliseconds / DAY_MS;
  return dayText(day) === text ? day : undefined;
}

/** Returns the day that lies `months` calendar months before `day` (the last of the month where it has no such day). */
export function monthsBefore(day: number, months: number): number {
  const date = new Date(day * DAY_MS);
  const target = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - months, 1));
  const last = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate();
  target.setUTCDate(Math.min(date.getUTCDate(), last));
  return target.getTime() / DAY_MS;
}

/** Writes an instant as Graph does: local time with an offset without a colon, `2026-11-20T22:41:46-0800`. */
export function graphTime(zone: string, seconds: number): string {
  const minutes = offsetMinutes(zone, seconds * 1000);
  const local = new Date(seconds * 1000 + minutes * 60_000).toISOString().slice(0, 19);
  const size = Math.abs(minutes);
  const hours = String(Math.floor(size / 60)).padStart(2, "0");
  return `${local}${minutes < 0 ? "-" : "+"}${hours}${String(size % 60).padStart(2, "0")}`;
}
