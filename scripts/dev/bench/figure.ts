/**
 * One figure of `npm run bench`: what was measured beside a baseline of the same run, because machines are shared and
 * noisy and only ratios carry over.
 *
 * @module
 */

/** A measured figure. */
export interface Figure {
  name: string;
  /** What was measured, with its unit. */
  value: string;
  /** What it is compared with, with its unit; null for a figure that is for information. */
  baseline: string | null;
  /** value / baseline. */
  ratio: number | null;
  /** What is aimed at, in words; null for information. */
  goal: string | null;
  /** Whether the goal is met; true for information. */
  ok: boolean;
}

/** A figure without a goal. */
export function information(name: string, value: string): Figure {
  return { name, value, baseline: null, ratio: null, goal: null, ok: true };
}
