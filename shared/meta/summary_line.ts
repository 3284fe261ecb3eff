/**
 * One readable line of at most 500 characters, for `targeting_summary` and `creative_summary`.
 *
 * @module
 */

import { readText } from "./graph_values.ts";

/** Longest summary, in UTF-16 units: never more in Postgres' characters. */
const MAX_SUMMARY_LENGTH = 500;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Text on one line: control characters, line breaks and runs of white space become one space. */
export function oneLine(text: unknown): string {
  return (readText(text) ?? "").replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ").trim();
}

/** Two ASCII characters never belong together: a place where segmenting may begin, so that the whole need not be. */
function plainStart(line: string, limit: number): number {
  for (let at = limit - 1; at > 0; at -= 1) {
    if (isPlain(line.charCodeAt(at - 1)) && isPlain(line.charCodeAt(at))) return at;
  }
  return 0;
}

function isPlain(unit: number): boolean {
  return unit >= 0x20 && unit < 0x7f;
}

/** Cuts a line to the limit, between two characters as a reader sees them, and marks the cut. */
export function cutLine(line: string, limit: number = MAX_SUMMARY_LENGTH): string {
  if (line.length <= limit) return line;
  const start = plainStart(line, limit);
  let end = start;
  // Only the head is segmented: a character that begins past the limit cannot be kept anyway.
  for (const { segment, index } of graphemes.segment(line.slice(start, limit + 200))) {
    if (start + index + segment.length > limit - 1) break;
    end = start + index + segment.length;
  }
  return `${line.slice(0, end).trimEnd()}…`;
}
