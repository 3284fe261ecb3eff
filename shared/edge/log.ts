/**
 * Structured logs: one JSON object a line on the console, where the platform collects them. Whatever looks like a
 * token is blanked here, as the last of several lines of defence; personal data must not be handed in at all.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Severity of a line. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a line may carry beside its message: run id, account, counts, `fbtrace_id`, … */
export type LogFields = Record<string, unknown>;

/** Writes lines; `with` gives a logger whose every line carries further fields. */
export interface Log {
  /** For whoever looks closely. */
  debug(message: string, fields?: LogFields): void;
  /** The normal course of things. */
  info(message: string, fields?: LogFields): void;
  /** Odd, but the work goes on. */
  warn(message: string, fields?: LogFields): void;
  /** Work failed. */
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each of its lines. */
  with(fields: LogFields): Log;
}

/** Where a finished line goes. */
export type LogSink = (level: LogLevel, line: string) => void;

/** The platform cuts longer lines (https://supabase.com/docs/guides/functions/limits). */
const MAX_LINE_CHARACTERS = 10_000;
const MAX_TEXT_CHARACTERS = 2_000;
const MAX_DEPTH = 6;

const SECRET_NAMES = /^(authorization|apikey|api_key|access_token|token|secret|password|.*_(token|secret|key))$/i;

const SECRET_TEXTS: [RegExp, string][] = [
  // A token as a parameter of a URL or form, whatever its value looks like.
  [/((?:access|input|fb_exchange)_token|apikey)(=|%3D|["']?\s*:\s*["']?)[^&\s"'}]+/gi, "$1$2[redacted]"],
  [/\bBearer\s+[^\s"',}]+/gi, "Bearer [redacted]"],
  // Meta's user and system-user tokens.
  [/\bEAA[A-Za-z0-9]{8,}/g, "[redacted]"],
  [/\bsb_(?:secret|publishable)_[A-Za-z0-9_-]+/g, "[redacted]"],
  // The key of the schedule.
  [/\bfb_ads_[0-9a-f]{64}\b/g, "[redacted]"],
  // JSON web tokens.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g, "[redacted]"],
];

/** Blanks everything in a text that looks like a token or key. */
export function redactSecrets(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of SECRET_TEXTS) clean = clean.replace(pattern, replacement);
  return clean;
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : text.slice(0, limit).replace(/[\uD800-\uDBFF]$/, "") + "…";
}

/** Turns an error into what may be logged of it: its names, its text without secrets, and its causes. */
function errorFields(error: Error, depth: number): LogFields {
  const fields: LogFields = { name: error.name, message: cut(redactSecrets(error.message), MAX_TEXT_CHARACTERS) };
  for (const [name, value] of Object.entries(error)) {
    if (name !== "name" && name !== "message" && name !== "usage" && value !== undefined && value !== null) {
      fields[name] = loggable(name, value, depth + 1);
    }
  }
  if (error.stack !== undefined && depth === 0) fields.stack = cut(redactSecrets(error.stack), MAX_TEXT_CHARACTERS);
  if (error.cause !== undefined) fields.cause = loggable("cause", error.cause, depth + 1);
  return fields;
}

function loggable(name: string, value: unknown, depth: number): unknown {
  if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean") return value;
  if (SECRET_NAMES.test(name)) return "[redacted]";
  if (typeof value === "string") return cut(redactSecrets(value), MAX_TEXT_CHARACTERS);
  if (typeof value === "bigint") return value.toString();
  if (depth >= MAX_DEPTH) return "[deep]";
  if (value instanceof Error) return errorFields(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
  if (Array.isArray(value)) {
    const head = value.slice(0, 50).map((entry) => loggable("", entry, depth + 1));
    return value.length > 50 ? [...head, `… ${value.length - 50} more`] : head;
  }
  if (typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, loggable(key, entry, depth + 1)]));
  }
  return `[${typeof value}]`;
}

function formatLine(clock: Clock, level: LogLevel, message: string, fields: LogFields): string {
  const head = { time: clock.now().toISOString(), level, message: cut(redactSecrets(message), MAX_TEXT_CHARACTERS) };
  const body: LogFields = {};
  // What a line is about is never overwritten by what it carries.
  for (const [name, value] of Object.entries(fields)) {
    body[name in head ? `${name}_detail` : name] = loggable(name, value, 0);
  }
  const line = JSON.stringify({ ...head, ...body });
  if (line.length <= MAX_LINE_CHARACTERS) return line;
  // What is short stays readable; only the large fields go.
  const short = Object.entries(body).filter(([, value]) => JSON.stringify(value ?? null).length <= 200).slice(0, 20);
  return JSON.stringify({ ...head, ...Object.fromEntries(short), truncated: true });
}

const consoleSink: LogSink = (level, line) => console[level](line);

/** Makes a logger whose lines carry `fields`; the console is the default sink. */
export function createLog(clock: Clock, fields: LogFields = {}, sink: LogSink = consoleSink): Log {
  const write = (level: LogLevel) => (message: string, more: LogFields = {}): void =>
    sink(level, formatLine(clock, level, message, { ...fields, ...more }));
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    with: (more) => createLog(clock, { ...fields, ...more }, sink),
  };
}
